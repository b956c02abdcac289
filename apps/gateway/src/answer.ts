/**
 * An answer that the gateway gives itself, as a plain value. Refusing is the normal case on a public port, so
 * it costs no exception and no stack trace.
 */
import type { DenyDecision } from "@portcullis/guard";
import { catalogue, type GatewayErrorCode } from "./errors.ts";

export interface Answer {
  readonly status: number;
  /** For counters and logs; absent when the answer is no refusal. */
  readonly code?: string;
  /** Lower-case names and values, in turn. */
  readonly headers: readonly string[];
  readonly body: string | undefined;
}

interface RefusalDetails {
  /** Names what was found. Goes to the other side: never a header's value, which may be a credential. */
  readonly found?: string;
  readonly headers?: readonly string[];
}

export function refuse(code: GatewayErrorCode, details: RefusalDetails = {}): Answer {
  const { status, text } = catalogue[code];
  const description = details.found === undefined ? text : `${text} Found: ${details.found}.`;
  return {
    status,
    code,
    headers: [...NO_STORE, ...(details.headers ?? [])],
    body: JSON.stringify({ error: code, error_description: description }),
  };
}

const NO_STORE = ["cache-control", "no-store"];

/** Returns the header fields of an answer with those that say what its body is. */
export function fieldsOf({ headers, body }: Answer): string[] {
  if (body === undefined) return [...headers];
  const type = headers.includes("content-type") ? [] : JSON_TYPE;
  return [...headers, ...type, "content-length", String(Buffer.byteLength(body))];
}

const JSON_TYPE = ["content-type", "application/json"];

/** Returns what the guard's denial is as an answer: its status, challenge and body, as they are. */
export function denial(decision: DenyDecision): Answer {
  return {
    status: decision.status,
    code: decision.code,
    headers: Object.entries(decision.headers).flat(),
    body: JSON.stringify(decision.body),
  };
}

/** Part of a request in a message: short, printable, and quoted. */
export function quote(text: string): string {
  const printable = text.replace(/[^\x20-\x7e]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return JSON.stringify(printable.length > 40 ? `${printable.slice(0, 40)}...` : printable);
}
