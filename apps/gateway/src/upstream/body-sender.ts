import type { Socket } from "node:net";
import { gatewayError } from "../errors.ts";
import type { CallBody } from "./call.ts";

/**
 * Sends a client's body to the service as it comes, no faster than the service takes it. It counts, since a
 * chunked body does not say beforehand how long it is. It never destroys its source: the client still has to
 * get an answer.
 */
export class BodySender {
  readonly #body: CallBody;
  readonly #socket: Socket;
  readonly #onFailure: (error: unknown) => void;
  readonly #onProgress: () => void;
  #left: number;
  #isSent = false;

  constructor(
    body: CallBody,
    socket: Socket,
    events: { onProgress(): void; onFailure(error: unknown): void },
  ) {
    this.#body = body;
    this.#socket = socket;
    this.#left = body.maxBytes;
    this.#onProgress = () => events.onProgress();
    this.#onFailure = (error) => events.onFailure(error);
    body.source.on("data", this.#send);
    body.source.on("end", this.#finish);
  }

  get isSent(): boolean {
    return this.#isSent;
  }

  /** What the client sends from now on is not read any more. */
  stop(): void {
    const { source } = this.#body;
    source.off("data", this.#send).off("end", this.#finish);
    this.#socket.off("drain", this.#resume);
    if (!this.#isSent) source.pause();
  }

  readonly #send = (chunk: Buffer): void => {
    this.#left -= chunk.length;
    if (this.#left < 0) {
      this.#onFailure(gatewayError("body_too_large"));
      return;
    }
    this.#onProgress();
    if (this.#write(chunk)) return;
    this.#body.source.pause();
    this.#socket.once("drain", this.#resume);
  };

  #write(chunk: Buffer): boolean {
    if (!this.#body.isChunked) return this.#socket.write(chunk);
    this.#socket.cork();
    this.#socket.write(`${chunk.length.toString(16)}\r\n`, "latin1");
    this.#socket.write(chunk);
    const isTaken = this.#socket.write("\r\n", "latin1");
    this.#socket.uncork();
    return isTaken;
  }

  readonly #resume = (): void => {
    this.#onProgress();
    this.#body.source.resume();
  };

  readonly #finish = (): void => {
    this.#isSent = true;
    // Without trailers: whatever the client put there stays here.
    if (this.#body.isChunked) this.#socket.write("0\r\n\r\n", "latin1");
  };
}
