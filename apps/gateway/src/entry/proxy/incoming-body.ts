import type { IncomingMessage, ServerResponse } from "node:http";
import type { BodyReader, BodySource } from "../../exchange.ts";

/** The body of a request of Node's server. */
export class IncomingBody implements BodySource {
  readonly #request: IncomingMessage;
  /** When the client waits for `100 Continue` before it sends its body (RFC 9110, section 10.1.1). */
  readonly #waiting: ServerResponse | undefined;

  constructor(request: IncomingMessage, waiting: ServerResponse | undefined) {
    this.#request = request;
    this.#waiting = waiting;
  }

  get hasArrived(): boolean {
    return this.#request.complete;
  }

  get isRead(): boolean {
    return this.#request.readableEnded;
  }

  /** Somebody reads it, and nothing but the client holds it up. */
  get isAwaited(): boolean {
    return !this.#request.complete && this.#request.readableFlowing === true;
  }

  read(reader: BodyReader): void {
    this.#waiting?.writeContinue();
    this.#request.on("data", (part: Buffer) => reader.onPart(part));
    this.#request.on("end", () => reader.onEnd());
    this.#request.on("error", (error) => reader.onError(error));
  }

  pause(): void {
    this.#request.pause();
  }

  resume(): void {
    this.#request.resume();
  }
}
