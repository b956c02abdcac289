/**
 * Fetches one JSON document from an issuer, within bounds: a time limit, a size limit read off the stream and
 * not off a header, no redirects (they would lead to a host that nobody configured), no cookies.
 */
import { Buffer, isUtf8 } from "node:buffer";
import { accessTokenError, isAccessTokenError } from "./errors.ts";
import { type JsonObject, parseStrictObject } from "./strict-json.ts";

export interface FetchJsonOptions {
  readonly fetch: typeof fetch;
  readonly timeoutMs: number;
}

const MAX_BYTES = 256 * 1024;

/** Rejects with `keys_unavailable`; `undefined` when the server says that there is no such document. */
export async function fetchJson(url: URL, options: FetchJsonOptions): Promise<JsonObject | undefined> {
  const where = `${url.origin}${url.pathname}`;
  try {
    const response = await options.fetch(url, {
      headers: { accept: "application/json, application/jwk-set+json" },
      redirect: "error",
      credentials: "omit",
      signal: AbortSignal.timeout(options.timeoutMs),
    });
    if (response.status !== 200) await response.body?.cancel();
    if (response.status === 404) return undefined;
    if (response.status !== 200) throw unavailable(`${where} answered ${response.status}`);
    return parseDocument(await readBounded(response, where), where);
  } catch (cause) {
    if (isAccessTokenError(cause)) throw cause;
    throw unavailable(`${where} cannot be fetched`, cause);
  }
}

async function readBounded(response: Response, where: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    // Leaving the loop cancels the stream.
    if (length > MAX_BYTES) throw unavailable(`${where} sent more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseDocument(bytes: Buffer, where: string): JsonObject {
  const document = isUtf8(bytes) ? parseStrictObject(bytes.toString("utf8")) : undefined;
  if (document === undefined) throw unavailable(`${where} sent something other than one JSON object`);
  return document;
}

const unavailable = (detail: string, cause?: unknown) =>
  accessTokenError("keys_unavailable", cause === undefined ? { detail } : { detail, cause });
