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
import { API_SCOPES, type DeclaredLoss, type RevocationAnswer } from "@portcullis/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { LogCapacity } from "../retention/log-capacity.ts";
import { checkRevocationRequest } from "../revoke/check-revocation-request.ts";
import type { Revoker } from "../revoke/revoker.ts";
import type { Rollback } from "../rollback/rollback.ts";
import { checkLossDeclaration } from "./check-loss-declaration.ts";
import { type InspectRoutesOptions, mountInspectRoutes } from "./inspect-routes.ts";
import { gone, waitOf } from "./prefer-wait.ts";

export interface RoutesOptions extends SendErrorOptions, FeedRoutesOptions, InspectRoutesOptions {
  readonly authenticate: Authenticate;
  readonly revoker: Revoker;
  readonly capacity: Pick<LogCapacity, "check">;
  readonly rollback: Pick<Rollback, "declareLoss">;
}

/** The revocations API (docs/reference/revocations-api.md). Every route authenticates before its body is read. */
export function revocationRoutes(options: RoutesOptions) {
  const asWriter = { onRequest: requireScope(options.authenticate, API_SCOPES.writeRevocations) };
  return async (app: FastifyInstance): Promise<void> => {
    app.setErrorHandler(createErrorHandler(options));
    app.decorateRequest("caller");
    readJsonOnly(app);
    mountFeedRoutes(app, options);
    mountInspectRoutes(app, options);
    app.post("/", asWriter, (request, reply) => revoke(options, request, reply));
    app.post("/loss", asWriter, (request, reply) => declareLoss(options, request, reply));
  };
}

async function revoke(options: RoutesOptions, request: FastifyRequest, reply: FastifyReply) {
  const { revoker, receipts, capacity } = options;
  const command = checkRevocationRequest(request.body);
  capacity.check(command.scope);
  const waitSeconds = waitOf(request);
  const { seq, key, known, repeated } = await revoker.revoke({
    ...command,
    actor: callerOf(request).clientId,
  });
  const receipt = await receipts.wait(seq, (waitSeconds ?? 0) * 1000, gone(reply), command.require);
  if (waitSeconds !== undefined) reply.header("preference-applied", `wait=${waitSeconds}`);
  const answer: RevocationAnswer = { ...receipt, key, known, ...(repeated ? { repeated } : {}) };
  return reply
    .code(receipt.state === "pending" ? 202 : 200)
    .header("cache-control", "no-store")
    .send(answer);
}

async function declareLoss({ rollback, log }: RoutesOptions, request: FastifyRequest, reply: FastifyReply) {
  const { note, beyond } = checkLossDeclaration(request.body, log.head());
  const declared = await rollback.declareLoss({ actor: callerOf(request).clientId, note, beyond });
  return reply.header("cache-control", "no-store").send(declared satisfies DeclaredLoss);
}
