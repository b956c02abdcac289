import type { IncomingMessage } from "node:http";
import type { Field } from "../headers/field-kind.ts";

/** The head of a service's answer. `fields` and `values` belong together by place. */
export interface ResponseHead {
  readonly status: number;
  readonly fields: readonly Field[];
  readonly values: readonly string[];
  /** Of the body to come; undefined when it is chunked or ends with the connection. */
  readonly contentLength: number | undefined;
}

/** One request to a service. */
export interface Call {
  readonly method: string;
  /** Request line and header fields, ready to be sent, with the empty line. */
  readonly head: string;
  readonly body: CallBody | undefined;
  readonly handler: CallHandler;
}

export interface CallBody {
  readonly source: IncomingMessage;
  /** The source announced no length: it is sent in chunks. */
  readonly isChunked: boolean;
  readonly maxBytes: number;
}

/** Told what comes back. After `onEnd` or `onError` nothing more is told. */
export interface CallHandler {
  onHead(head: ResponseHead): void;
  /** False: no more until `resume`. The chunk is good only until this returns: its memory is used again. */
  onBody(chunk: Buffer): boolean;
  onEnd(): void;
  /** All that has arrived by now was handed over: a good moment to send it on. */
  onIdle(): void;
  onError(error: unknown): void;
}

/** What the caller can do about a call under way. */
export interface CallControl {
  resume(): void;
  /** Breaks the call off; its connection is not used again. The handler is told nothing more. */
  abort(): void;
}
