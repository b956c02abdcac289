import {
  API_SCOPES,
  leaseRequestSchema,
  parseCursor,
  parsePreferWait,
  SNAPSHOT_MEDIA_TYPE,
} from "@portcullis/protocol";
import type { FeedCursor } from "@portcullis/revocation";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Authenticate, Caller } from "./caller.ts";
import { checkBody, checkRevocationRequest } from "./check-body.ts";
import type { FeedStreams } from "./feed-streams.ts";
import type { LeaseDesk } from "./lease-desk.ts";
import { ProblemsError } from "./problems.ts";
import type { Receipts } from "./receipts.ts";
import type { Revoker } from "./revoker.ts";
import { createErrorHandler, type SendErrorOptions } from "./send-error.ts";
import type { Snapshots } from "./snapshots.ts";

/** Longest that a request may ask to wait for its receipt. */
export const LONGEST_WAIT_SECONDS = 30;
const BODY_LIMIT_BYTES = 16 * 1024;

export interface RoutesOptions extends SendErrorOptions {
  readonly authenticate: Authenticate;
  readonly revoker: Revoker;
  readonly receipts: Receipts;
  readonly snapshots: Snapshots;
  readonly leases: LeaseDesk;
  readonly streams: FeedStreams;
  readonly monotonicMs: () => number;
}

/** The revocations API (docs/reference/revocations-api.md). Every route authenticates before its body is read. */
export function revocationRoutes(options: RoutesOptions) {
  const { readRevocations, writeRevocations } = API_SCOPES;
  const asReader = { onRequest: requireScope(options.authenticate, readRevocations), exposeHeadRoute: false };
  const asWriter = { onRequest: requireScope(options.authenticate, writeRevocations) };
  return async (app: FastifyInstance): Promise<void> => {
    app.setErrorHandler(createErrorHandler(options));
    app.decorateRequest("caller");
    readJsonOnly(app);
    app.post("/", asWriter, (request, reply) => revoke(options, request, reply));
    app.get("/snapshot", asReader, (_request, reply) => sendSnapshot(options, reply));
    app.get("/stream", asReader, (request, reply) => stream(options, request, reply));
    app.post("/lease", asReader, (request, reply) => lease(options, request, reply));
  };
}

function requireScope(authenticate: Authenticate, scope: string) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const caller = await authenticate(request, reply, scope);
    if (caller === undefined) return reply;
    request.setDecorator("caller", caller);
    return undefined;
  };
}

/** Its own parser: what the rest of the server does with bodies must not change this API. */
function readJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    "application/json",
    { parseAs: "string", bodyLimit: BODY_LIMIT_BYTES },
    app.getDefaultJsonParser("error", "error"),
  );
}

async function revoke({ revoker, receipts }: RoutesOptions, request: FastifyRequest, reply: FastifyReply) {
  const command = checkRevocationRequest(request.body);
  const waitSeconds = waitOf(request);
  const { seq } = await revoker.revoke({ ...command, actor: callerOf(request).clientId });
  const receipt = await receipts.wait(seq, (waitSeconds ?? 0) * 1000, gone(reply));
  if (waitSeconds !== undefined) reply.header("preference-applied", `wait=${waitSeconds}`);
  return reply
    .code(receipt.state === "enforced" ? 200 : 202)
    .header("cache-control", "no-store")
    .send(receipt);
}

async function sendSnapshot({ snapshots }: RoutesOptions, reply: FastifyReply) {
  const bytes = await snapshots.get();
  return reply.type(SNAPSHOT_MEDIA_TYPE).header("cache-control", "no-store").send(bytes);
}

async function stream({ streams }: RoutesOptions, request: FastifyRequest, reply: FastifyReply) {
  const cursor = cursorOf(request);
  streams.admit(callerOf(request));
  reply.hijack();
  void streams.open(reply.raw, cursor, callerOf(request));
}

async function lease({ leases, monotonicMs }: RoutesOptions, request: FastifyRequest, reply: FastifyReply) {
  const receivedAt = monotonicMs();
  const body = checkBody(leaseRequestSchema, request.body);
  const response = await leases.call({ clientId: callerOf(request).clientId, request: body, receivedAt });
  return reply.header("cache-control", "no-store").send(response);
}

function callerOf(request: FastifyRequest): Caller {
  return request.getDecorator<Caller>("caller");
}

function waitOf(request: FastifyRequest): number | undefined {
  const header = request.headers.prefer;
  const asked = parsePreferWait(Array.isArray(header) ? header.join(",") : header);
  return asked === undefined ? undefined : Math.min(asked, LONGEST_WAIT_SECONDS);
}

/** A stream without a cursor could only begin at the head: its reader would miss what is live before it. */
function cursorOf(request: FastifyRequest): FeedCursor {
  const cursor = parseCursor(String(request.headers["last-event-id"] ?? ""));
  if (cursor !== undefined) return cursor;
  const message = "Must be <incarnation>:<seq>, as in the header of a snapshot or the id of the last event.";
  throw new ProblemsError([{ field: "Last-Event-ID", message }]);
}

/** Aborts when the caller hangs up: nobody is left to wait for the receipt. */
function gone(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => controller.abort());
  return controller.signal;
}
