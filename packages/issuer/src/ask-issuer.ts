/**
 * One request to an issuer, within bounds: a time limit, a size limit read off the stream and not off a header, no
 * redirects (they would lead to a host that nobody configured), no cookies. What comes back has been read to its end.
 */
import { Buffer, isUtf8 } from "node:buffer";
import { INTROSPECTS_HEADER, parseStrictObject } from "@portcullis/protocol";
import { isIssuerError, issuerError } from "./errors.ts";
import { quoteText } from "./quote-others.ts";

export interface AskOptions {
  readonly fetch?: typeof fetch | undefined;
  /** For the whole answer; default 5,000. */
  readonly timeoutMs?: number | undefined;
  /** Gives up sooner. What it rejects with is its own reason. */
  readonly signal?: AbortSignal | undefined;
  /** Of an endpoint whose 200 says all (RFC 7009). Default: it must have a JSON object. */
  readonly mayBeEmpty?: boolean | undefined;
}

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 256 * 1024;

/**
 * Resolves with an answer of a status below 500, whose body is one JSON object when the status is 200. Rejects with
 * `issuer_unreachable`, `issuer_timed_out`, `issuer_failing` or `issuer_unreadable`.
 */
export async function askIssuer(url: URL, init: RequestInit, options: AskOptions): Promise<Response> {
  const { timeoutMs = TIMEOUT_MS, signal } = options;
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    const response = await (options.fetch ?? fetch)(url, {
      ...init,
      redirect: "manual",
      credentials: "omit",
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    });
    return await readWhole(response, nameOf(url), options.mayBeEmpty);
  } catch (cause) {
    if (isIssuerError(cause)) throw cause;
    signal?.throwIfAborted();
    if (limit.aborted) throw timedOut(url, timeoutMs);
    throw issuerError("issuer_unreachable", { text: `${url.origin} ${networkFailureOf(cause)}`, cause });
  }
}

/** Without the query, which may carry what is not for a log. */
export const nameOf = ({ origin, pathname }: URL): string => `${origin}${pathname}`;

async function readWhole(response: Response, where: string, mayBeEmpty = false): Promise<Response> {
  const { status } = response;
  if (status >= 500 || status === 429) {
    await discard(response);
    throw issuerError("issuer_failing", { text: `${where} answers ${status}. See the issuer's own log.` });
  }
  if (response.type === "opaqueredirect" || (status >= 300 && status < 400))
    throw await redirected(response, where);
  const bytes = await readBounded(response, where);
  if (status === 200 && !(mayBeEmpty && bytes.length === 0)) requireJsonObject(bytes, where);
  return new Response(bytes.length === 0 ? null : bytes, { status, headers: keptOf(response.headers) });
}

/** What is read of an answer beside its body. */
const KEPT_HEADERS = ["content-type", INTROSPECTS_HEADER] as const;

function keptOf(headers: Headers): [string, string][] {
  return KEPT_HEADERS.flatMap((name): [string, string][] => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value]];
  });
}

async function redirected(response: Response, where: string) {
  await discard(response);
  const location = response.headers.get("location");
  const isUrl = location !== null && URL.canParse(location, where);
  const target = isUrl ? ` to ${quoteText(nameOf(new URL(location, where)))}` : "";
  return issuerError("issuer_unreadable", {
    text: `${where} redirects${target}, and redirects are not followed. Give the issuer's own URL.`,
  });
}

async function readBounded(response: Response, where: string): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    // Leaving the loop cancels the stream.
    if (length > MAX_BYTES) throw unreadable(`${where} sends more than ${MAX_BYTES} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** JSON that two parsers read differently is none: another could find another issuer, or other keys, in it. */
function requireJsonObject(bytes: Buffer, where: string): void {
  if (isUtf8(bytes) && parseStrictObject(bytes.toString("utf8")) !== undefined) return;
  throw unreadable(`${where} sends something other than one JSON object. Is the issuer's URL right?`);
}

/** An unread body keeps its connection. */
async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => {});
}

const unreadable = (text: string) => issuerError("issuer_unreadable", { text });

const timedOut = (url: URL, timeoutMs: number) =>
  issuerError("issuer_timed_out", { text: `${nameOf(url)} has not answered within ${timeoutMs / 1000} s.` });

const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refuses the connection. Is the authorization server running there?",
  ECONNRESET: "broke the connection off. Is the authorization server just stopping?",
  UND_ERR_SOCKET: "broke the connection off. Is the authorization server just stopping?",
  ENOTFOUND: "has no address. Is the issuer's URL right?",
  EAI_AGAIN: "cannot be looked up at the moment. Does name resolution work here?",
  EPROTO: "does not speak TLS. Is it http instead of https?",
  ERR_SSL_WRONG_VERSION_NUMBER: "does not speak TLS. Is it http instead of https?",
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "has a certificate that nobody known here has signed. Name its issuer in NODE_EXTRA_CA_CERTS.",
  SELF_SIGNED_CERT_IN_CHAIN:
    "has a certificate that nobody known here has signed. Name its issuer in NODE_EXTRA_CA_CERTS.",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "has a certificate that nobody known here has signed. Name its issuer in NODE_EXTRA_CA_CERTS.",
  CERT_HAS_EXPIRED: "has a certificate that has expired.",
};

/** Returns the rest of a sentence about a server that `fetch` could not reach: what it does, and what to look at. */
export function networkFailureOf(error: unknown): string {
  const root = rootOf(error);
  const code = "code" in root && typeof root.code === "string" ? root.code : "";
  return FAILURES[code] ?? `cannot be asked: ${quoteText(root.message)}.`;
}

/** `fetch failed` says nothing; what it was caused by does. Of several addresses that were tried, the first counts. */
function rootOf(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if (error instanceof AggregateError && error.errors.length > 0) return rootOf(error.errors[0]);
  return error.cause instanceof Error ? rootOf(error.cause) : error;
}
