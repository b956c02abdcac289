import type { Field } from "../headers/field-kind.ts";
import type { CallHandler } from "./call.ts";
import { ChunkedBody } from "./chunked-body.ts";
import { malformed, type ParsedHead, parseHead } from "./response-head.ts";

const MAX_HEAD_BYTES = 65_536;
const HEAD_END = Buffer.from("\r\n\r\n");

type Expecting = "head" | "length" | "chunks" | "close" | "nothing";

/** Reads one answer from the pieces in which it arrives (RFC 9112, section 6.3). Throws `upstream_failed`. */
export class ResponseReader {
  readonly #fieldNamed: (spelling: string) => Field;
  readonly #isToHead: boolean;
  readonly #handler: CallHandler;
  #expecting: Expecting = "head";
  #partialHead: Buffer | undefined = undefined;
  #head: ParsedHead | undefined = undefined;
  #left = 0;
  #chunks: ChunkedBody | undefined = undefined;
  #isPaused = false;
  #endsConnection = false;

  constructor(method: string, handler: CallHandler, fieldNamed: (spelling: string) => Field) {
    this.#isToHead = method === "HEAD";
    this.#handler = handler;
    this.#fieldNamed = fieldNamed;
  }

  get isComplete(): boolean {
    return this.#expecting === "nothing";
  }

  get hasHead(): boolean {
    return this.#head !== undefined;
  }

  /** Only after a complete answer that did not say otherwise may the connection be used again. */
  get keepsAlive(): boolean {
    return this.isComplete && this.#head!.keepsAlive && !this.#endsConnection;
  }

  get keepAliveSeconds(): number | undefined {
    return this.#head?.keepAliveSeconds;
  }

  /** False when the handler wants no more for now. */
  read(chunk: Buffer): boolean {
    this.#isPaused = false;
    let at = 0;
    while (at < chunk.length) {
      if (this.#expecting === "head") at += this.#readHead(chunk, at);
      else if (this.#expecting === "length") at += this.#readLength(chunk, at);
      else if (this.#expecting === "chunks") at += this.#readChunks(chunk, at);
      else if (this.#expecting === "close") at += this.#readUntilClose(chunk, at);
      else throw malformed("more bytes than its answer has");
    }
    return !this.#isPaused;
  }

  /** The service has ended the connection: for some answers that is their end. */
  end(): void {
    if (this.#expecting !== "close") throw malformed("the connection ended before the answer did");
    this.#expecting = "nothing";
    this.#endsConnection = true;
  }

  #readHead(chunk: Buffer, at: number): number {
    const known = this.#partialHead?.length ?? 0;
    const bytes =
      this.#partialHead === undefined
        ? chunk.subarray(at)
        : Buffer.concat([this.#partialHead, chunk.subarray(at)]);
    const end = bytes.indexOf(HEAD_END);
    if (end > MAX_HEAD_BYTES || (end < 0 && bytes.length > MAX_HEAD_BYTES))
      throw malformed("a head that is too long");
    if (end < 0) {
      // A copy: the chunk's memory is used again.
      this.#partialHead = Buffer.from(bytes);
      return chunk.length - at;
    }
    this.#partialHead = undefined;
    this.#takeHead(parseHead(bytes.toString("latin1", 0, end), this.#fieldNamed));
    return end + HEAD_END.length - known;
  }

  #takeHead(head: ParsedHead): void {
    if (head.status === 101) throw malformed("it switches protocols unasked");
    // Informational: the final answer follows.
    if (head.status < 200) return;
    this.#head = head;
    this.#expecting = this.#bodyOf(head);
    this.#handler.onHead(head);
  }

  #bodyOf(head: ParsedHead): Expecting {
    if (this.#isToHead || head.status === 204 || head.status === 304) return "nothing";
    if (head.isChunked) {
      this.#chunks = new ChunkedBody();
      return "chunks";
    }
    if (head.contentLength === undefined) return "close";
    this.#left = head.contentLength;
    return this.#left === 0 ? "nothing" : "length";
  }

  #readLength(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#left);
    this.#left -= end - at;
    if (this.#left === 0) this.#expecting = "nothing";
    this.#handOn(chunk.subarray(at, end));
    return end - at;
  }

  #readChunks(chunk: Buffer, at: number): number {
    const taken = this.#chunks!.read(chunk, at, (data) => this.#handOn(data));
    if (this.#chunks!.isComplete) this.#expecting = "nothing";
    return taken;
  }

  #readUntilClose(chunk: Buffer, at: number): number {
    this.#handOn(chunk.subarray(at));
    return chunk.length - at;
  }

  #handOn(data: Buffer): void {
    if (!this.#handler.onBody(data)) this.#isPaused = true;
  }
}
