import { Readable } from "node:stream";
import type { SetTimer } from "@portcullis/protocol";
import { gatewayError } from "../errors.ts";
import type { BodyReader, BodySource } from "../exchange.ts";

interface RequestBodyOptions {
  readonly maxBodyBytes: number;
  /** How long the service may take nothing of what is there, and may say nothing after the last byte. */
  readonly headersTimeoutMs: number;
  /** Asked before each part: false when the request may not go on. */
  readonly stands: () => boolean;
  readonly onTimeout: () => void;
  readonly setTimer: SetTimer;
}

/**
 * A long body on its way to the service, as the stream that undici reads. Whoever reads a stream may destroy it; that ends
 * this one and not what it comes from, since the client would be cut off before it got an answer. It counts, since a
 * chunked body does not say beforehand how long it is, and keeps the service's time, but not while the client is the slow
 * one.
 */
export class RequestBody extends Readable implements BodyReader {
  readonly #source: BodySource;
  readonly #options: RequestBodyOptions;
  #left: number;
  #takenAtLook = 0;
  #taken = 0;
  #hasEnded = false;
  #isAnswered = false;
  #cancelTimer = (): void => {};

  constructor(source: BodySource, options: RequestBodyOptions) {
    super();
    this.#source = source;
    this.#options = options;
    this.#left = options.maxBodyBytes;
    // The service may have answered already: nobody reads this body then, and nobody else hears that its client has gone.
    this.on("error", () => {});
    source.read(this);
    this.#startTimer();
  }

  onPart(part: Uint8Array): void {
    if (this.destroyed) return;
    this.#left -= part.length;
    if (this.#left < 0) {
      this.destroy(gatewayError("body_too_large"));
    } else if (this.#options.stands()) {
      this.#taken += 1;
      if (!this.push(part)) this.#source.pause();
    } else {
      // Whoever was told so has taken this down already.
      this.destroy();
    }
  }

  /** The last byte is with the service, or on its way: now it has its time to answer. */
  onEnd(): void {
    if (this.destroyed) return;
    this.#hasEnded = true;
    this.#startTimer();
    this.push(null);
  }

  onError(error: Error): void {
    this.destroy(error);
  }

  override _read(): void {
    this.#source.resume();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    // What nobody reads any more stays with the client.
    this.#source.pause();
    callback(error);
  }

  /** The service answers, or never will: its time is over, also for what it has not read of the body yet. */
  stopTimer(): void {
    this.#isAnswered = true;
    this.#cancelTimer();
  }

  #startTimer(): void {
    const { setTimer, headersTimeoutMs } = this.#options;
    this.#cancelTimer();
    if (this.#isAnswered) return;
    this.#takenAtLook = this.#taken;
    this.#cancelTimer = setTimer(() => this.#look(), headersTimeoutMs);
  }

  #look(): void {
    const waitsForService = this.#hasEnded || (this.readableLength > 0 && this.#taken === this.#takenAtLook);
    if (waitsForService) this.#options.onTimeout();
    else this.#startTimer();
  }
}
