import {
  formatCursor,
  type LeaseRequest,
  type LeaseResponse,
  leaseResponseSchema,
  type SetTimer,
  SNAPSHOT_MEDIA_TYPE,
  systemTimer,
} from "@portcullis/protocol";
import { revocationError } from "../errors.ts";
import type { Feed, FeedCursor, FeedEvent } from "../feed.ts";
import { FeedRequests } from "./feed-requests.ts";
import { readEventStream } from "./read-event-stream.ts";
import { TimeLimit } from "./time-limit.ts";

export interface HttpFeedOptions {
  /** Base URL of the revocations API, without a slash at its end. */
  readonly endpoint: string;
  /** Value of the Authorization header. `refresh` asks for a new one: the last was refused. */
  readonly authorization: (options?: { readonly refresh?: boolean }) => Promise<string>;
  readonly fetch?: typeof fetch | undefined;
  /** Longest that a snapshot may stand still, default 10,000; a large one may take as long as it moves. */
  readonly snapshotStallMs?: number | undefined;
  /** Default 5,000. */
  readonly leaseTimeoutMs?: number | undefined;
  readonly setTimer?: SetTimer | undefined;
}

const SNAPSHOT_STALL_MS = 10_000;
const LEASE_TIMEOUT_MS = 5000;

/**
 * Returns the feed over HTTP. Its calls reject with `feed_unavailable`, `feed_unauthorized`, `feed_conflict` or
 * `malformed_feed`.
 */
export function httpFeed(options: HttpFeedOptions): Feed {
  const requests = new FeedRequests(options);
  const { snapshotStallMs = SNAPSHOT_STALL_MS, leaseTimeoutMs = LEASE_TIMEOUT_MS } = options;
  const { setTimer = systemTimer } = options;
  return {
    snapshot: (signal) => {
      const limit = new TimeLimit(setTimer, snapshotStallMs, "the snapshot stands still");
      return limit.hold(signal, (limited) => readSnapshot(requests, limit, limited));
    },
    stream: (cursor, signal) => readStream(requests, cursor, signal),
    lease: (request, signal) => {
      const limit = new TimeLimit(setTimer, leaseTimeoutMs, "no answer to the lease call");
      return limit.hold(signal, (limited) => askForLease(requests, request, limited));
    },
  };
}

async function readSnapshot(
  requests: FeedRequests,
  limit: TimeLimit,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const response = await requests.send("/snapshot", { headers: { accept: SNAPSHOT_MEDIA_TYPE } }, signal);
  const chunks: Uint8Array[] = [];
  for await (const chunk of requests.bodyOf(response)) {
    limit.restart();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function* readStream(
  requests: FeedRequests,
  { incarnation, seq }: FeedCursor,
  signal: AbortSignal,
): AsyncGenerator<FeedEvent> {
  const headers = { accept: "text/event-stream", "last-event-id": formatCursor(incarnation, seq) };
  const response = await requests.send("/stream", { headers }, signal);
  const type = response.headers.get("content-type") ?? "none";
  if (!/^text\/event-stream\s*(;|$)/i.test(type)) {
    throw revocationError("malformed_feed", { detail: `content type ${type} where an event stream was due` });
  }
  yield* readEventStream(requests.bodyOf(response));
}

async function askForLease(
  requests: FeedRequests,
  request: LeaseRequest,
  signal: AbortSignal,
): Promise<LeaseResponse> {
  const init = {
    method: "POST",
    headers: { accept: "application/json", "content-type": "application/json" },
    body: JSON.stringify(request),
  };
  const response = await requests.send("/lease", init, signal);
  const text = await requests.textOf(response);
  try {
    return withIssuerTime(leaseResponseSchema.parse(JSON.parse(text)), response.headers.get("date"));
  } catch (cause) {
    throw revocationError("malformed_feed", { detail: "the answer to a lease call cannot be read", cause });
  }
}

/** `Date` (RFC 9110, section 6.6.1) has no fractions. */
const DATE_RESOLUTION_MS = 1000;

/**
 * Returns the answer with the `Date` of an issuer that does not name its time otherwise. An answer with an age comes from a
 * relay, and the relay's clock proves nothing: it is neither the issuer's nor one that anybody's tokens go by.
 */
function withIssuerTime(answer: LeaseResponse, date: string | null): LeaseResponse {
  const earliestMs = Date.parse(date ?? "");
  const isKnown = answer.issuerTime !== undefined || answer.ageMs !== undefined;
  if (isKnown || !(earliestMs >= 0)) return answer;
  return { ...answer, issuerTime: { earliestMs, latestMs: earliestMs + DATE_RESOLUTION_MS } };
}
