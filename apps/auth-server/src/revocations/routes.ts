import {
  type Authenticate,
  callerOf,
  createErrorHandler,
  type FeedRoutesOptions,
  mountFeedRoutes,
  readJsonOnly,
  requireScope,
  type SendErrorOptions,
} from "@portcullis/feed-server";
import { API_SCOPES, parsePreferWait } from "@portcullis/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { checkRevocationRequest } from "./check-revocation-request.ts";
import type { Receipts } from "./receipts.ts";
import type { Revoker } from "./revoker.ts";

/** Longest that a request may ask to wait for its receipt. */
export const LONGEST_WAIT_SECONDS = 30;

export interface RoutesOptions extends SendErrorOptions, FeedRoutesOptions {
  readonly authenticate: Authenticate;
  readonly revoker: Revoker;
  readonly receipts: Receipts;
}

/** The revocations API (docs/reference/revocations-api.md). Every route authenticates before its body is read. */
export function revocationRoutes(options: RoutesOptions) {
  const asWriter = { onRequest: requireScope(options.authenticate, API_SCOPES.writeRevocations) };
  return async (app: FastifyInstance): Promise<void> => {
    app.setErrorHandler(createErrorHandler(options));
    app.decorateRequest("caller");
    readJsonOnly(app);
    mountFeedRoutes(app, options);
    app.post("/", asWriter, (request, reply) => revoke(options, request, reply));
  };
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

function waitOf(request: FastifyRequest): number | undefined {
  const header = request.headers.prefer;
  const asked = parsePreferWait(Array.isArray(header) ? header.join(",") : header);
  return asked === undefined ? undefined : Math.min(asked, LONGEST_WAIT_SECONDS);
}

/** Aborts when the caller hangs up: nobody is left to wait for the receipt. */
function gone(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => controller.abort());
  return controller.signal;
}
