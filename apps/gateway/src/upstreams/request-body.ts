import type { IncomingMessage } from "node:http";
import { Transform, type TransformCallback } from "node:stream";
import type { SetTimer } from "@portcullis/protocol";
import { gatewayError } from "../errors.ts";

export interface RequestBodyOptions {
  readonly maxBodyBytes: number;
  /** How long the service may take nothing of what is there, and may say nothing after the last byte. */
  readonly headersTimeoutMs: number;
  /** Asked before each part: false when the request may not go on. */
  readonly stands: () => boolean;
  readonly onTimeout: () => void;
  readonly setTimer: SetTimer;
}

/**
 * A long body on its way to the service. It stands between the two, since whoever reads a body may destroy it, and
 * destroying the request itself would cut the client off before it got an answer. Counts, since a chunked body does not
 * say beforehand how long it is, and keeps the service's time, but not while the client is the slow one.
 */
export class RequestBody extends Transform {
  readonly #options: RequestBodyOptions;
  #left: number;
  #takenAtLook = 0;
  #taken = 0;
  #cancelTimer = (): void => {};

  constructor(request: IncomingMessage, options: RequestBodyOptions) {
    super();
    this.#options = options;
    this.#left = options.maxBodyBytes;
    // The service may have answered already: nobody reads this body then, and nobody else hears that its client has gone.
    this.on("error", () => {});
    request.on("error", (error) => this.destroy(error));
    request.pipe(this);
    this.#startTimer();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#left -= chunk.length;
    if (this.#left < 0) {
      callback(gatewayError("body_too_large"));
    } else if (this.#options.stands()) {
      this.#taken += 1;
      callback(null, chunk);
    } else {
      // Whoever was told so has taken this down already.
      this.destroy();
    }
  }

  /** The last byte is with the service, or on its way: now it has its time to answer. */
  override _flush(callback: TransformCallback): void {
    this.#startTimer();
    callback();
  }

  /** The service answers, or never will. */
  stopTimer(): void {
    this.#cancelTimer();
    this.#cancelTimer = () => {};
  }

  #startTimer(): void {
    const { setTimer, headersTimeoutMs } = this.#options;
    this.#cancelTimer();
    this.#takenAtLook = this.#taken;
    this.#cancelTimer = setTimer(() => this.#look(), headersTimeoutMs);
  }

  #look(): void {
    const waitsForService =
      this.writableFinished || (this.readableLength > 0 && this.#taken === this.#takenAtLook);
    if (waitsForService) this.#options.onTimeout();
    else this.#startTimer();
  }
}
