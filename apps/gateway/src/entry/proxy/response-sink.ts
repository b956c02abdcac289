import type { ServerResponse } from "node:http";
import type { Sink } from "../../exchange.ts";

/** The one place where an answer to a request of Node's server becomes bytes. */
export class ResponseSink implements Sink {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  get isFinished(): boolean {
    return this.#response.writableFinished;
  }

  get untakenBytes(): number {
    return this.#response.writableLength;
  }

  begin(status: number, fields: string[], isLast: boolean): void {
    if (isLast) fields.push("connection", "close");
    this.#response.writeHead(status, fields);
  }

  /** Not by `flushHeaders`, which writes it as UTF-8 and so doubles the bytes beyond ASCII. */
  flushHead(): void {
    this.#response.write(NOTHING);
  }

  write(part: Uint8Array): boolean {
    return this.#response.write(part);
  }

  onceTaken(listener: () => void): void {
    this.#response.once("drain", listener);
  }

  /**
   * A short part goes out as text with its head, in one plain write: gathering two buffers costs twice as much.
   * latin1 takes bytes to characters and back unchanged.
   */
  end(lastPart?: string | Uint8Array): void {
    if (lastPart === undefined) this.#response.end();
    else if (typeof lastPart === "string" || lastPart.length > SHORT_PART_BYTES) this.#response.end(lastPart);
    else this.#response.end(asBuffer(lastPart).toString("latin1"), "latin1");
  }

  cutOff(): void {
    if (!this.#response.writableFinished) this.#response.socket?.resetAndDestroy();
  }
}

const NOTHING = Buffer.alloc(0);
const SHORT_PART_BYTES = 16_384;

const asBuffer = (part: Uint8Array): Buffer =>
  part instanceof Buffer ? part : Buffer.from(part.buffer, part.byteOffset, part.byteLength);
