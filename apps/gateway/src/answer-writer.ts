import type { Answer } from "./answer.ts";
import type { Exchange } from "./exchange.ts";

/** An unread body up to this size is read and dropped, so that the connection can go on; a larger one ends it. */
const DRAINED_BYTES = 65_536;

export interface AnswerWriter {
  readonly corsFields: (origin: string | undefined) => readonly string[];
  readonly isDraining: () => boolean;
}

/** The one place where an answer of the gateway's own becomes bytes. */
export function writeAnswer(exchange: Exchange, answer: Answer, writer: AnswerWriter): void {
  const { response } = exchange;
  if (exchange.isOver || response.headersSent) return;
  exchange.refusal = answer.code;
  const fields = [
    ...answer.headers,
    ...writer.corsFields(exchange.origin),
    ...connectionFields(exchange, writer),
  ];
  if (answer.body === undefined) {
    response.writeHead(answer.status, fields).end();
    return;
  }
  if (!answer.headers.includes("content-type")) fields.push("content-type", "application/json");
  fields.push("content-length", String(Buffer.byteLength(answer.body)));
  response.writeHead(answer.status, fields).end(answer.body);
}

/**
 * `connection: close` when the gateway stops, or when the client is still sending a body that nobody will
 * read: the next request would otherwise have to be found behind it.
 */
export function connectionFields(exchange: Exchange, writer: AnswerWriter): readonly string[] {
  const mustClose = writer.isDraining() || (exchange.hasBody && hasLongRemainder(exchange));
  return mustClose ? CLOSE : NONE;
}

const CLOSE = ["connection", "close"];
const NONE: readonly string[] = [];

function hasLongRemainder({ request, contentLength, forwarding }: Exchange): boolean {
  // Once it was forwarded, the body has a reader that may have stopped half-way: what it left is read by nobody.
  if (forwarding !== undefined) return !request.readableEnded;
  if (request.complete) return false;
  return contentLength === undefined || contentLength > DRAINED_BYTES;
}
