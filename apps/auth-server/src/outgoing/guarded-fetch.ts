/**
 * A request to a place that somebody else has named. The rule of `private-targets.ts` is applied to the address that the
 * connection is made to, and not to one that was looked up before: between two lookups a name can change what it means (DNS
 * rebinding). Redirects are not followed; the answer is read to its end, within limits of size and time.
 */
import { lookup as systemLookup } from "node:dns";
import type { LookupFunction } from "node:net";
import { Agent, buildConnector, request } from "undici";
import { isOutgoingError, outgoingError } from "./errors.ts";
import { addressIn, allowsAddress, type PrivateTargets, problemOfTarget } from "./private-targets.ts";

export interface GuardedRequest {
  readonly method?: "GET" | "POST" | undefined;
  readonly headers?: HeadersInit | undefined;
  readonly body?: string | undefined;
  /** Gives up sooner. */
  readonly signal?: AbortSignal | null | undefined;
  /** For the whole of it, from looking the name up to the last byte of the answer; default 5,000. */
  readonly timeoutMs?: number | undefined;
  /** Of the answer's body; default 64 KiB. */
  readonly maxBytes?: number | undefined;
}

/**
 * Resolves with the answer, whatever its status, read whole. Rejects with `target_refused`, `target_unreachable`,
 * `target_timed_out` or `answer_too_large`. A redirect is an answer with a status of 3xx.
 */
export type GuardedFetch = (url: string | URL, request?: GuardedRequest) => Promise<Response>;

export interface Outgoing {
  readonly fetch: GuardedFetch;
  /** What is wrong with a URL that is to be asked later. Says nothing of what its name may resolve to by then. */
  readonly problemOf: (url: string) => string | undefined;
  /** Ends what is under way. */
  close(): Promise<void>;
}

export interface OutgoingOptions {
  readonly targets: PrivateTargets;
  /** Default: the machine's. */
  readonly lookup?: LookupFunction | undefined;
}

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 64 * 1024;
/** A party that is slow holds these, and no more. */
const MAX_CONNECTIONS_PER_ORIGIN = 16;

export function openOutgoing({
  targets,
  lookup = systemLookup as LookupFunction,
}: OutgoingOptions): Outgoing {
  const agent = new Agent({
    connect: guardedConnector(targets, lookup),
    connections: MAX_CONNECTIONS_PER_ORIGIN,
    // Of a peer that sends headers without end.
    maxHeaderSize: 16 * 1024,
  });
  return {
    fetch: (url, options = {}) => ask({ agent, targets, url: new URL(url), options }),
    problemOf: (url) => problemOfTarget(url, targets),
    close: () => agent.destroy(),
  };
}

interface Asking {
  readonly agent: Agent;
  readonly targets: PrivateTargets;
  readonly url: URL;
  readonly options: GuardedRequest;
}

async function ask({ agent, targets, url, options }: Asking): Promise<Response> {
  const problem = problemOfTarget(url.href, targets);
  if (problem !== undefined) throw refused(url, problem);
  const { timeoutMs = TIMEOUT_MS, maxBytes = MAX_BYTES, method = "GET", body, signal } = options;
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    const answer = await request(url, {
      dispatcher: agent,
      method,
      headers: Object.fromEntries(new Headers(options.headers)),
      body: body ?? null,
      signal: signal == null ? limit : AbortSignal.any([signal, limit]),
    });
    return await readWhole(answer, { url, maxBytes });
  } catch (cause) {
    if (isOutgoingError(cause)) throw cause;
    signal?.throwIfAborted();
    if (limit.aborted) throw timedOut(url, timeoutMs);
    throw outgoingError("target_unreachable", { text: `${nameOf(url)} cannot be asked.`, cause });
  }
}

type Answer = Awaited<ReturnType<typeof request>>;

/** Of these statuses an answer has no body (Fetch Standard, "null body status"). */
const WITHOUT_BODY: readonly number[] = [204, 205, 304];

async function readWhole(
  { statusCode: status, headers, body }: Answer,
  { url, maxBytes }: { readonly url: URL; readonly maxBytes: number },
): Promise<Response> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array<ArrayBuffer>>) {
    length += chunk.length;
    // Leaving the loop breaks the connection off.
    if (length > maxBytes) throw tooLarge(url, maxBytes);
    chunks.push(chunk);
  }
  return new Response(WITHOUT_BODY.includes(status) ? null : new Blob(chunks), {
    status,
    headers: Object.entries(headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((line): [string, string] => [name, line]),
    ),
  });
}

/** The one place where a connection is made. */
function guardedConnector(targets: PrivateTargets, lookup: LookupFunction): buildConnector.connector {
  return (options, callback) => {
    const url = new URL(`${options.protocol}//${options.host ?? options.hostname}`);
    const isAllowed = (address: string) => allowsAddress(targets, { url, address });
    // An address in the URL is not looked up.
    const address = addressIn(url);
    if (address !== undefined && !isAllowed(address)) return callback(refused(url, "is not allowed"), null);
    const connect = buildConnector({
      lookup: onlyAllowed(lookup, { url, isAllowed }),
      timeout: TIMEOUT_MS,
      allowH2: false,
    } as buildConnector.BuildOptions);
    connect(options, callback);
  };
}

interface Allowing {
  readonly url: URL;
  readonly isAllowed: (address: string) => boolean;
}

/** A lookup whose every address may be connected to: the socket takes one of these, and looks nothing up itself. */
function onlyAllowed(lookup: LookupFunction, { url, isAllowed }: Allowing): LookupFunction {
  return (hostname, options, callback) =>
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, "");
      const allowed = [found].flat().filter((entry) => typeof entry !== "string" && isAllowed(entry.address));
      const [first] = allowed;
      if (typeof first !== "object")
        return callback(refused(url, "resolves to an address that is not allowed"), "");
      if (options.all === true) callback(null, allowed as { address: string; family: number }[]);
      else callback(null, first.address, first.family);
    });
}

/** Without the query, which may carry what is not for a log. */
const nameOf = ({ origin, pathname }: URL): string => `${origin}${pathname}`;

const refused = (url: URL, problem: string) =>
  outgoingError("target_refused", {
    text: `${nameOf(url)} ${problem}. This server asks public addresses by https, and what outgoing.privateTargets of its configuration names.`,
  });

const timedOut = (url: URL, timeoutMs: number) =>
  outgoingError("target_timed_out", {
    text: `${nameOf(url)} has not answered within ${timeoutMs / 1000} s.`,
  });

const tooLarge = (url: URL, maxBytes: number) =>
  outgoingError("answer_too_large", { text: `${nameOf(url)} sends more than ${maxBytes} bytes.` });
