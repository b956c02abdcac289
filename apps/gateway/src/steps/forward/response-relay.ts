import type { ServerResponse } from "node:http";
import { type Answer, refuse } from "../../answer.ts";
import type { GatewayErrorCode } from "../../errors.ts";
import type { Exchange, Forwarding } from "../../exchange.ts";
import type { CallControl, CallHandler, ResponseHead } from "../../upstream/call.ts";
import { failureCode } from "./upstream-failure.ts";

export interface RelayOptions {
  /** Asked right before the first byte of the answer: an answer of its own replaces the service's. */
  readonly beforeHead: (exchange: Exchange) => Answer | undefined;
  readonly headFields: (exchange: Exchange, head: ResponseHead) => string[];
  readonly answer: (exchange: Exchange, answer: Answer) => void;
}

/**
 * Carries one answer from a service to its client. The head waits for what has arrived with it: usually head
 * and body leave in one write, and `beforeHead` runs at the last moment.
 */
export class ResponseRelay implements CallHandler, Forwarding {
  readonly #exchange: Exchange;
  readonly #options: RelayOptions;
  readonly #response: ServerResponse;
  #call: CallControl | undefined = undefined;
  #head: ResponseHead | undefined = undefined;
  /** The client has its answer, or will get no more of it: nothing may be written any more. */
  #isSettled = false;

  constructor(exchange: Exchange, options: RelayOptions) {
    this.#exchange = exchange;
    this.#options = options;
    this.#response = exchange.response;
  }

  /** Must be called before the service can have answered. */
  follow(call: CallControl): void {
    this.#call = call;
  }

  onHead(head: ResponseHead): void {
    this.#head = head;
  }

  onBody(chunk: Buffer): boolean {
    if (!this.#sendHead()) return true;
    if (this.#head!.contentLength === chunk.length) {
      this.#isSettled = true;
      endWith(this.#response, chunk);
      return true;
    }
    // A copy: the chunk's memory is used again, and a slow client takes it later.
    if (this.#response.write(Buffer.from(chunk))) return true;
    this.#response.once("drain", () => this.#call?.resume());
    return false;
  }

  onEnd(): void {
    if (!this.#sendHead()) return;
    this.#isSettled = true;
    this.#response.end();
  }

  /** A head without a body so far: the client may be waiting for it, as for an event stream's. */
  onIdle(): void {
    if (this.#response.headersSent || !this.#sendHead()) return;
    this.#response.flushHeaders();
  }

  onError(error: unknown): void {
    this.#fail(failureCode(error));
  }

  abandon(code: GatewayErrorCode | undefined): void {
    if (code !== undefined) this.#fail(code);
    this.#isSettled = true;
    this.#call?.abort();
  }

  /** False when there is nothing to send: the answer was replaced, or the client is gone. */
  #sendHead(): boolean {
    if (this.#isSettled || this.#head === undefined) return false;
    if (this.#response.headersSent) return true;
    const replacement = this.#options.beforeHead(this.#exchange);
    if (replacement === undefined) {
      this.#response.writeHead(this.#head.status, this.#options.headFields(this.#exchange, this.#head));
      return true;
    }
    this.#isSettled = true;
    this.#options.answer(this.#exchange, replacement);
    this.#call?.abort();
    return false;
  }

  #fail(code: GatewayErrorCode): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    // Half an answer cannot be taken back; cut short, the client at least sees that it is not whole.
    if (this.#response.headersSent) this.#response.destroy();
    else this.#options.answer(this.#exchange, refuse(code));
  }
}

/**
 * A short body goes out as text with its head, in one plain write: gathering two buffers costs twice as much.
 * latin1 takes bytes to characters and back unchanged.
 */
function endWith(response: ServerResponse, body: Buffer): void {
  if (body.length <= SHORT_BODY_BYTES) response.end(body.toString("latin1"), "latin1");
  else response.end(Buffer.from(body));
}

const SHORT_BODY_BYTES = 16_384;
