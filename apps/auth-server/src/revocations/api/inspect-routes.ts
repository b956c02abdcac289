import { type Authenticate, requireScope } from "@portcullis/feed-server";
import { API_SCOPES, type RevocationStatus, type VerifierList } from "@portcullis/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { SqlRevocationLog } from "../../storage/log/sql-revocation-log.ts";
import { revocationsError } from "../errors.ts";
import type { Receipts } from "../receipts/receipts.ts";
import type { Verifiers } from "../verifiers/verifiers.ts";
import { checkBatchesQuery, checkListQuery, checkNoQuery, checkSeq } from "./check-inspect-query.ts";
import { findRevocation, findRevocations } from "./find-revocations.ts";
import { type LogPagesOptions, logPage } from "./log-pages.ts";
import { gone, waitOf } from "./prefer-wait.ts";

export interface InspectRoutesOptions extends LogPagesOptions {
  readonly authenticate: Authenticate;
  readonly log: SqlRevocationLog;
  readonly receipts: Receipts;
  readonly verifiers: Verifiers;
}

/**
 * What operators ask (docs/reference/revocations-api.md). Whom a revocation was about, who made it and why are for
 * `revocations.inspect` alone; the log as verifiers see it is for `revocations.read`.
 */
export function mountInspectRoutes(app: FastifyInstance, options: InspectRoutesOptions): void {
  const asInspector = asCallerWith(options, API_SCOPES.inspectRevocations);
  const asReader = asCallerWith(options, API_SCOPES.readRevocations);
  app.get("/", asInspector, (request, reply) => list(options, request, reply));
  app.get("/verifiers", asInspector, (request, reply) => verifiers(options, request, reply));
  app.get("/batches", asReader, (request, reply) => batches(options, request, reply));
  app.get("/:seq", asInspector, (request, reply) => show(options, request, reply));
}

const asCallerWith = ({ authenticate }: InspectRoutesOptions, scope: string) => ({
  onRequest: requireScope(authenticate, scope),
  exposeHeadRoute: false,
});

async function list({ read, log }: InspectRoutesOptions, request: FastifyRequest, reply: FastifyReply) {
  const query = checkListQuery(request.query);
  const head = await log.refresh();
  const { keySpace } = log;
  const page = await findRevocations({ read, keySpace, head, oldestKept: log.oldestKept() }, query);
  return notStored(reply).send(page);
}

async function show(options: InspectRoutesOptions, request: FastifyRequest, reply: FastifyReply) {
  const seq = checkSeq(request.params, request.query);
  const revocation = await findRevocation(options.read, seq);
  if (revocation === undefined) throw await notFound(options, seq);
  const waitSeconds = waitOf(request);
  const receipt = await options.receipts.wait(seq, (waitSeconds ?? 0) * 1000, gone(reply));
  if (waitSeconds !== undefined) reply.header("preference-applied", `wait=${waitSeconds}`);
  return notStored(reply).send({ revocation, receipt } satisfies RevocationStatus);
}

async function notFound({ log }: InspectRoutesOptions, seq: number) {
  const head = await log.refresh();
  const text =
    seq > head
      ? `There is no revocation ${seq}: the newest is ${head}.`
      : `Revocation ${seq} is gone: all that it covered has expired, and it was pruned.`;
  return revocationsError("revocation_not_found", { text });
}

async function verifiers(options: InspectRoutesOptions, request: FastifyRequest, reply: FastifyReply) {
  checkNoQuery(request.query);
  const head = await options.log.refresh();
  const { incarnation } = options.log;
  const known = await options.verifiers.list();
  return notStored(reply).send({ incarnation, head, verifiers: known } satisfies VerifierList);
}

async function batches(options: InspectRoutesOptions, request: FastifyRequest, reply: FastifyReply) {
  const query = checkBatchesQuery(request.query);
  return notStored(reply).send(await logPage(options, query));
}

/** It changes with every revocation, and some of it is personal. */
const notStored = (reply: FastifyReply): FastifyReply => reply.header("cache-control", "no-store");
