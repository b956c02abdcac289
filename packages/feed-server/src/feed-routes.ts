/** What verifiers call: snapshot, stream and lease (docs/reference/revocations-api.md). */
import { type DeclaredRoute, declareRoute } from "@portcullis/http-api";
import {
  API_SCOPES,
  type Clock,
  leaseRequestSchema,
  leaseResponseSchema,
  parseCursor,
  SNAPSHOT_MEDIA_TYPE,
} from "@portcullis/protocol";
import type { FeedCursor } from "@portcullis/revocation";
import { z } from "zod";
import { feedError } from "./errors.ts";
import type { FeedStreams } from "./feed-streams.ts";
import type { LeaseDesk } from "./lease-desk.ts";
import type { Snapshots } from "./snapshots.ts";

export interface FeedRoutesOptions {
  readonly snapshots: Pick<Snapshots, "get">;
  readonly leases: Pick<LeaseDesk, "call">;
  readonly streams: Pick<FeedStreams, "admit" | "open">;
  readonly clock: Pick<Clock, "monotonicMs">;
}

/** Returns the routes, to be mounted at `/revocations`. */
export const feedRoutes = (options: FeedRoutesOptions): readonly DeclaredRoute[] => [
  snapshotRoute(options),
  streamRoute(options),
  leaseRoute(options),
];

const COMMON = { tag: "Feed", scope: API_SCOPES.readRevocations } as const;
/** The log in SQL, or the issuer that a relay follows, cannot be asked. */
const OUTAGE = {
  code: "temporarily_unavailable",
  status: 503,
  text: "Nothing was changed. Try again shortly.",
};

const snapshotRoute = ({ snapshots }: FeedRoutesOptions) =>
  declareRoute({
    ...COMMON,
    operationId: "getSnapshot",
    method: "GET",
    path: "/snapshot",
    summary: "Get all live revocations: where a verifier starts",
    description:
      "Header (incarnation, head, chain at the head, signed head, hash key, token lifetime, clock skew), records of 40 bytes, SHA-256. It may be some seconds old: go on with the stream from its head.",
    answers: { 200: { says: "The snapshot.", bytes: SNAPSHOT_MEDIA_TYPE } },
    errors: [OUTAGE],
    handle: async () => ({ status: 200, bytes: await snapshots.get() }),
  });

const INCARNATION = "Vt8Vt7mGQf2bqfYkq0hZ0A";
const MALFORMED_CURSOR =
  "Must be <incarnation>:<seq>, as in the header of a snapshot or the id of the last event.";

/** A stream without a cursor could only begin at the head: its verifier would miss what is live before it. */
const cursorSchema = z
  .string({ error: MALFORMED_CURSOR })
  .transform((text, context): FeedCursor => {
    const cursor = parseCursor(text);
    if (cursor !== undefined) return cursor;
    context.issues.push({ code: "custom", message: MALFORMED_CURSOR, input: text });
    return z.NEVER;
  })
  .meta({
    description: "`<incarnation>:<seq>`: the head of the snapshot, or the id of the last event.",
    example: `${INCARNATION}:812`,
  });

const BATCH_EVENT = [
  `id: ${INCARNATION}:813`,
  "event: batch",
  `data: {"incarnation":"${INCARNATION}","prev":812,"from":813,"to":813,"records":"...","chain":"...","signedHead":"..."}`,
  "",
  "",
].join("\n");

const streamRoute = ({ streams }: FeedRoutesOptions) =>
  declareRoute({
    ...COMMON,
    operationId: "followRevocations",
    method: "GET",
    path: "/stream",
    summary: "Follow the revocations that are stored from now on",
    description:
      "Server-sent events: `batch`, whose records are applied only if its `prev` is what you have applied; `reset`, after which a new snapshot is taken. A comment every two seconds shows that the line is alive. A verifier that leaves more than 1 MiB unread is cut off, and comes back with its last id. The stream ends when the token that opened it expires or is revoked.",
    parameters: { headers: z.object({ "Last-Event-ID": cursorSchema }) },
    answers: {
      200: { says: "The events, as they happen.", stream: "text/event-stream", example: BATCH_EVENT },
    },
    errors: [...feedError.definitions("too_many_streams"), OUTAGE],
    async handle({ caller, headers }) {
      streams.admit(caller);
      const cursor = headers["Last-Event-ID"];
      return { status: 200, stream: (response) => void streams.open(response, cursor, caller) };
    },
  });

const leaseRoute = ({ leases, clock }: FeedRoutesOptions) =>
  declareRoute({
    ...COMMON,
    operationId: "renewLease",
    method: "POST",
    path: "/lease",
    summary: 'Acknowledge, and get the right to say "allow" for some seconds',
    description:
      "`applied` is the acknowledgement: the index holds every record up to it. `leaseMs: 0` gives the lease back. A lease belongs to a client, a name and the `secret` that came with the first call: nobody else can renew it, acknowledge for it or give it back.",
    body: {
      schema: leaseRequestSchema,
      example: {
        replica: "gateway-7f3a",
        secret: "nOJv7GZQxWnTkq0yZbU1rVn3bV8XJ7m0d2c5S9e4A1Q",
        incarnation: INCARNATION,
        applied: 812,
        leaseMs: 5000,
      },
    },
    answers: {
      200: {
        says: "`head` was read after the request arrived. You are fresh once you have applied it, counted from before you sent the request.",
        schema: leaseResponseSchema,
        example: { incarnation: INCARNATION, head: 812, leaseMs: 5000 },
      },
    },
    errors: [
      ...feedError.definitions(
        "lease_too_short",
        "verifier_suspended",
        "lease_of_another_process",
        "other_incarnation",
        "ahead_of_head",
        "too_many_leases",
      ),
      OUTAGE,
    ],
    async handle({ caller, body }) {
      const receivedAt = clock.monotonicMs();
      return {
        status: 200,
        body: await leases.call({
          clientId: caller.clientId,
          address: caller.address,
          request: body,
          receivedAt,
        }),
      };
    },
  });
