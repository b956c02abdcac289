import { malformed } from "./response-head.ts";

const CR = 0x0d;
const LF = 0x0a;
/** Size and extensions of one chunk, or one trailer line. */
const MAX_LINE_BYTES = 4096;
const MAX_TRAILER_LINES = 100;
const SIZE_LINE = /^([0-9a-fA-F]{1,13})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;

type Expecting = "size" | "data" | "data-end" | "trailer" | "nothing";

/** Takes the chunks (RFC 9112, section 7.1) off a body. Extensions and trailers are dropped. */
export class ChunkedBody {
  #expecting: Expecting = "size";
  #left = 0;
  #line = "";
  #trailerLines = 0;

  get isComplete(): boolean {
    return this.#expecting === "nothing";
  }

  /** Hands the data on piece by piece and gives how many bytes it took: less than all when the body is complete. */
  read(chunk: Buffer, from: number, onData: (data: Buffer) => void): number {
    let at = from;
    while (at < chunk.length && this.#expecting !== "nothing") {
      if (this.#expecting === "data") at = this.#readData(chunk, at, onData);
      else at = this.#readLine(chunk, at);
    }
    return at - from;
  }

  #readData(chunk: Buffer, at: number, onData: (data: Buffer) => void): number {
    const end = Math.min(chunk.length, at + this.#left);
    this.#left -= end - at;
    if (this.#left === 0) this.#expecting = "data-end";
    onData(chunk.subarray(at, end));
    return end;
  }

  #readLine(chunk: Buffer, at: number): number {
    const lineFeed = chunk.indexOf(LF, at);
    const end = lineFeed < 0 ? chunk.length : lineFeed + 1;
    this.#line += chunk.toString("latin1", at, end);
    if (this.#line.length > MAX_LINE_BYTES) throw malformed("a chunk line that is too long");
    if (lineFeed < 0) return end;
    if (this.#line.charCodeAt(this.#line.length - 2) !== CR) throw malformed("a bare LF in a chunked body");
    const line = this.#line.slice(0, -2);
    this.#line = "";
    this.#take(line);
    return end;
  }

  #take(line: string): void {
    if (this.#expecting === "size") this.#takeSize(line);
    else if (this.#expecting === "trailer") this.#takeTrailer(line);
    else if (line === "") this.#expecting = "size";
    else throw malformed("a chunk that is longer than it says");
  }

  #takeSize(line: string): void {
    const size = SIZE_LINE.exec(line)?.[1];
    if (size === undefined) throw malformed("a chunk size that is none");
    this.#left = Number.parseInt(size, 16);
    this.#expecting = this.#left === 0 ? "trailer" : "data";
  }

  #takeTrailer(line: string): void {
    if (line === "") this.#expecting = "nothing";
    else if (++this.#trailerLines > MAX_TRAILER_LINES) throw malformed("too many trailers");
  }
}
