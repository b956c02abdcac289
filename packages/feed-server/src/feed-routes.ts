import {
  API_SCOPES,
  type Clock,
  leaseRequestSchema,
  parseCursor,
  SNAPSHOT_MEDIA_TYPE,
} from "@portcullis/protocol";
import type { FeedCursor } from "@portcullis/revocation";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Authenticate, callerOf, requireScope } from "./caller.ts";
import { checkBody } from "./check-body.ts";
import type { FeedStreams } from "./feed-streams.ts";
import type { LeaseDesk } from "./lease-desk.ts";
import { ProblemsError } from "./problems.ts";
import type { Snapshots } from "./snapshots.ts";

export interface FeedRoutesOptions {
  readonly authenticate: Authenticate;
  readonly snapshots: Pick<Snapshots, "get">;
  readonly leases: Pick<LeaseDesk, "call">;
  readonly streams: Pick<FeedStreams, "admit" | "open">;
  readonly clock: Pick<Clock, "monotonicMs">;
}

/** What verifiers call (docs/reference/revocations-api.md). Every route authenticates before its body is read. */
export function mountFeedRoutes(app: FastifyInstance, options: FeedRoutesOptions): void {
  const onRequest = requireScope(options.authenticate, API_SCOPES.readRevocations);
  const asReader = { onRequest, exposeHeadRoute: false };
  app.get("/snapshot", asReader, (_request, reply) => sendSnapshot(options, reply));
  app.get("/stream", asReader, (request, reply) => stream(options, request, reply));
  app.post("/lease", asReader, (request, reply) => lease(options, request, reply));
}

async function sendSnapshot({ snapshots }: FeedRoutesOptions, reply: FastifyReply) {
  const bytes = await snapshots.get();
  return reply.type(SNAPSHOT_MEDIA_TYPE).header("cache-control", "no-store").send(bytes);
}

async function stream({ streams }: FeedRoutesOptions, request: FastifyRequest, reply: FastifyReply) {
  const cursor = cursorOf(request);
  streams.admit(callerOf(request));
  reply.hijack();
  void streams.open(reply.raw, cursor, callerOf(request));
}

async function lease({ leases, clock }: FeedRoutesOptions, request: FastifyRequest, reply: FastifyReply) {
  const receivedAt = clock.monotonicMs();
  const body = checkBody(leaseRequestSchema, request.body);
  const response = await leases.call({ clientId: callerOf(request).clientId, request: body, receivedAt });
  return reply.header("cache-control", "no-store").send(response);
}

/** A stream without a cursor could only begin at the head: its reader would miss what is live before it. */
function cursorOf(request: FastifyRequest): FeedCursor {
  const cursor = parseCursor(String(request.headers["last-event-id"] ?? ""));
  if (cursor !== undefined) return cursor;
  const message = "Must be <incarnation>:<seq>, as in the header of a snapshot or the id of the last event.";
  throw new ProblemsError([{ field: "Last-Event-ID", message }]);
}
