/** One request, with a time limit, whose every failure says which URL it was about and what to do. */
import { networkFailureOf } from "@portcullis/issuer";
import { cliError } from "../errors.ts";

export interface Sending {
  readonly fetch: typeof fetch;
  readonly timeoutMs: number;
  /** Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export async function send(url: URL, init: RequestInit, sending: Sending): Promise<Answer> {
  const limit = AbortSignal.timeout(sending.timeoutMs);
  const signal = AbortSignal.any([sending.signal, limit]);
  try {
    const response = await sending.fetch(url, { ...init, redirect: "error", signal });
    const text = await response.text();
    return { status: response.status, body: isLines(response) ? text : jsonOf(text) };
  } catch (cause) {
    if (sending.signal.aborted) throw sending.signal.reason;
    if (limit.aborted) throw timedOut(url, sending.timeoutMs);
    throw unreachable(url, cause);
  }
}

/** Texts of JSON, a line each: whoever has asked for them reads them. */
const isLines = ({ headers }: Response): boolean =>
  headers.get("content-type")?.startsWith("application/x-ndjson") ?? false;

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const timedOut = ({ origin, pathname }: URL, timeoutMs: number) =>
  cliError("timed_out", {
    text: `${origin}${pathname} did not answer within ${timeoutMs / 1000} s. Allow more time with --timeout.`,
  });

const unreachable = ({ origin }: URL, cause: unknown) =>
  cliError("issuer_unreachable", { text: `${origin} ${networkFailureOf(cause)}`, cause });
