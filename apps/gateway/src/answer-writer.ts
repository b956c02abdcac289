import { type Answer, fieldsOf } from "./answer.ts";
import type { Exchange } from "./exchange.ts";

/** An unread body up to this size is read and dropped, so that the connection can go on; a larger one ends it. */
const DRAINED_BYTES = 65_536;

interface AnswerWriterOptions {
  readonly corsFields: (origin: string | undefined) => readonly string[];
  readonly isDraining: () => boolean;
}

/**
 * The one way out: the head of every answer is written here, a service's as well as our own, so that none can leave
 * without what each must say, nor be counted as what it is not.
 */
export class AnswerWriter {
  readonly #corsFields: AnswerWriterOptions["corsFields"];
  readonly #isDraining: AnswerWriterOptions["isDraining"];

  constructor({ corsFields, isDraining }: AnswerWriterOptions) {
    this.#corsFields = corsFields;
    this.#isDraining = isDraining;
  }

  /** Writes an answer of our own, whole; nothing when another has begun or nobody is there for it. */
  answer(exchange: Exchange, answer: Answer): void {
    if (exchange.isOver || exchange.status !== undefined) return;
    exchange.refusal = answer.code;
    this.begin(exchange, answer.status, fieldsOf(answer));
    exchange.sink.end(answer.body);
  }

  /** Writes the head of an answer whose body follows; adds to `fields` what every answer has. */
  begin(exchange: Exchange, status: number, fields: string[]): void {
    for (const field of this.#corsFields(exchange.origin)) fields.push(field);
    exchange.sink.begin(status, fields, this.#isLast(exchange));
    exchange.status = status;
  }

  /** Ends an answer in the middle; `code` says why, to counters and logs. */
  cutOff(exchange: Exchange, code: string | undefined): void {
    if (code !== undefined) exchange.refusal = code;
    exchange.sink.cutOff();
  }

  /**
   * The gateway stops, or the client is still sending a body that nobody will read: the next request would otherwise have
   * to be found behind it.
   */
  #isLast(exchange: Exchange): boolean {
    return this.#isDraining() || (exchange.hasBody && leavesBodyBehind(exchange));
  }
}

function leavesBodyBehind({ body, contentLength, forwarding }: Exchange): boolean {
  // Once it was forwarded, the body has a reader that may have stopped half-way: what it left is read by nobody.
  if (forwarding !== undefined) return !body.isRead;
  if (body.hasArrived) return false;
  return contentLength === undefined || contentLength > DRAINED_BYTES;
}
