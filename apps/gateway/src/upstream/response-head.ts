import { gatewayError } from "../errors.ts";
import type { Field } from "../headers/field-kind.ts";
import type { ResponseHead } from "./call.ts";

/** How the body ends, and what becomes of the connection then. */
export interface ParsedHead extends ResponseHead {
  readonly isChunked: boolean;
  readonly keepsAlive: boolean;
  /** What the service says it keeps an idle connection for. */
  readonly keepAliveSeconds: number | undefined;
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [^\r\n]*)?$/;
/** Control characters, and a CR or an LF without the other. */
const FORBIDDEN = /[^\t\r\n\x20-\x7e\x80-\xff]|\r(?!\n)|(?<!\r)\n/;
const DECIMAL = /^\d{1,15}$/;
const KEEP_ALIVE_TIMEOUT = /(?:^|[,\s])timeout=(\d{1,5})/i;

/** Reads a head without its empty line. Throws `upstream_failed` for whatever could be read in two ways. */
export function parseHead(text: string, fieldNamed: (spelling: string) => Field): ParsedHead {
  if (FORBIDDEN.test(text)) throw malformed("a forbidden character in the head");
  const firstEnd = text.indexOf("\r\n");
  const status = STATUS_LINE.exec(firstEnd < 0 ? text : text.slice(0, firstEnd));
  if (status === null) throw malformed("no HTTP/1.1 status line");
  const head = new HeadBuilder(Number(status[2]), status[1] === "1");
  if (firstEnd >= 0) readFields(text, firstEnd + 2, fieldNamed, head);
  return head.finish();
}

function readFields(
  text: string,
  from: number,
  fieldNamed: (spelling: string) => Field,
  head: HeadBuilder,
): void {
  for (let at = from; at < text.length; ) {
    const found = text.indexOf("\r\n", at);
    const end = found < 0 ? text.length : found;
    const colon = text.indexOf(":", at);
    if (colon <= at || colon > end) throw malformed("a line that is no header field");
    const field = fieldNamed(text.slice(at, colon));
    head.add(field, text.slice(colon + 1, end).trim());
    at = end + 2;
  }
}

class HeadBuilder {
  readonly #status: number;
  readonly #isVersion11: boolean;
  readonly #fields: Field[] = [];
  readonly #values: string[] = [];
  #contentLength: number | undefined = undefined;
  #isChunked = false;
  #connection: string | undefined = undefined;
  #keepAliveSeconds: number | undefined = undefined;

  constructor(status: number, isVersion11: boolean) {
    this.#status = status;
    this.#isVersion11 = isVersion11;
  }

  add(field: Field, value: string): void {
    if (field.kind === "malformed") throw malformed("a malformed field name");
    if (field.kind === "content-length") this.#setLength(value);
    else if (field.kind === "transfer-encoding") this.#setChunked(value);
    else if (field.kind === "connection") this.#connection = value.toLowerCase();
    else if (field.name === "keep-alive") this.#keepAliveSeconds = secondsOf(value);
    this.#fields.push(field);
    this.#values.push(value);
  }

  #setLength(value: string): void {
    if (this.#contentLength !== undefined || !DECIMAL.test(value)) throw malformed("Content-Length");
    this.#contentLength = Number(value);
  }

  #setChunked(value: string): void {
    if (this.#isChunked || !this.#isVersion11 || value.toLowerCase() !== "chunked") {
      throw malformed("Transfer-Encoding");
    }
    this.#isChunked = true;
  }

  finish(): ParsedHead {
    if (this.#isChunked && this.#contentLength !== undefined) {
      throw malformed("Content-Length with Transfer-Encoding");
    }
    return {
      status: this.#status,
      fields: this.#fields,
      values: this.#values,
      contentLength: this.#contentLength,
      isChunked: this.#isChunked,
      // A list is rare enough to be taken for "close".
      keepsAlive: this.#isVersion11 && (this.#connection === undefined || this.#connection === "keep-alive"),
      keepAliveSeconds: this.#keepAliveSeconds,
    };
  }
}

function secondsOf(value: string): number | undefined {
  const match = KEEP_ALIVE_TIMEOUT.exec(value);
  return match === null ? undefined : Number(match[1]);
}

/** What the service did wrong, for the log; the client is told that it failed. */
export const malformed = (detail: string) => gatewayError("upstream_failed", { detail });
