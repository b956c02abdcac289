import type { ServerResponse } from "node:http";
import { whenClosed } from "@portcullis/http-api";
import type { SetTimer } from "@portcullis/protocol";

/** Bytes that wait for one verifier at most. It comes back, and goes on from its cursor. */
const WRITABLE_LIMIT_BYTES = 1024 * 1024;
const STALL_LIMIT_MS = 10_000;

interface EventStreamOptions {
  readonly response: ServerResponse;
  readonly setTimer: SetTimer;
  readonly onSlow: () => void;
  readonly writableLimitBytes?: number | undefined;
}

/** The stream to one verifier: server-sent events with a bound on what waits for it. */
export class EventStream {
  readonly #options: EventStreamOptions;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    const { response } = options;
    response.on("error", () => response.destroy());
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      // nginx would keep events back until its buffer is full.
      "x-accel-buffering": "no",
    });
    response.socket?.setNoDelay(true);
    response.socket?.setKeepAlive(true, 30_000);
    response.write(": open\n\n");
  }

  get isOpen(): boolean {
    return !this.#options.response.destroyed && !this.#options.response.writableEnded;
  }

  /** Cuts the verifier off when it does not keep up: the memory of the server is not its buffer. */
  write(bytes: Uint8Array): void {
    const { response } = this.#options;
    if (!this.isOpen) return;
    response.write(bytes);
    if (response.writableLength > (this.#options.writableLimitBytes ?? WRITABLE_LIMIT_BYTES)) this.#cut();
  }

  /** Resolves when the verifier has taken what was written; it is cut if it takes nothing for long. */
  async drained(): Promise<void> {
    const { response, setTimer } = this.#options;
    if (!this.isOpen || !response.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const cancel = setTimer(() => this.#cut(), STALL_LIMIT_MS);
      const done = () => {
        cancel();
        response.off("drain", done).off("close", done);
        resolve();
      };
      response.on("drain", done).on("close", done);
    });
  }

  /** Runs at once when the verifier left before: it would be counted as one for ever. */
  onClose(listener: () => void): void {
    whenClosed(this.#options.response, listener);
  }

  end(bytes?: Uint8Array): void {
    if (this.isOpen) this.#options.response.end(bytes);
  }

  destroy(): void {
    this.#options.response.destroy();
  }

  #cut(): void {
    this.#options.onSlow();
    this.destroy();
  }
}
