/** The revocations API (docs/reference/revocations-api.md): the feed of verifiers, what operators read, and revoking. */
import { type FeedRoutesOptions, feedRoutes } from "@portcullis/feed-server";
import {
  type Authenticate,
  type DeclaredRoute,
  declaredRoutes,
  declareRoute,
  type ErrorHandlerOptions,
  OAUTH_ERROR,
} from "@portcullis/http-api";
import {
  API_SCOPES,
  declaredLossSchema,
  type ErrorDefinition,
  lossDeclarationSchema,
  revocationAnswerSchema,
  revocationRequestSchema,
} from "@portcullis/protocol";
import type { FastifyInstance } from "fastify";
import { OUTAGES, revocationsError } from "../errors.ts";
import type { LogCapacity } from "../retention/log-capacity.ts";
import { checkRevocationRequest } from "../revoke/check-revocation-request.ts";
import type { Revoker } from "../revoke/revoker.ts";
import type { Rollback } from "../rollback/rollback.ts";
import { checkLossDeclaration } from "./check-loss-declaration.ts";
import { ENFORCED, EXAMPLE_INCARNATION, EXAMPLE_SID, PENDING } from "./examples.ts";
import { type InspectRoutesOptions, inspectRoutes } from "./inspect-routes.ts";
import { PREFERENCE_APPLIED, preferSchema, waitForReceipt } from "./prefer-wait.ts";

export interface RoutesOptions extends FeedRoutesOptions, InspectRoutesOptions {
  readonly revoker: Revoker;
  readonly capacity: Pick<LogCapacity, "check">;
  readonly rollback: Pick<Rollback, "declareLoss">;
  /** What `revoker` throws of targets that are not there, or not so. */
  readonly targetErrors: readonly ErrorDefinition[];
}

export interface RevocationsMount {
  readonly authenticate: Authenticate;
  readonly report: ErrorHandlerOptions["report"];
}

export function revocationRoutes(
  options: RoutesOptions,
  { authenticate, report }: RevocationsMount,
): (app: FastifyInstance) => Promise<void> {
  const routes = [
    revokeRoute(options),
    declareLossRoute(options),
    ...inspectRoutes(options),
    ...feedRoutes(options),
  ];
  return declaredRoutes(routes, { authenticate, form: OAUTH_ERROR, report });
}

const COMMON = { tag: "Revocations", scope: API_SCOPES.writeRevocations } as const;

const revokeRoute = ({ revoker, receipts, capacity, targetErrors }: RoutesOptions): DeclaredRoute =>
  declareRoute({
    ...COMMON,
    operationId: "revoke",
    method: "POST",
    path: "",
    summary: "Revoke, and hear who enforces it",
    description:
      "Sessions, grants and refresh tokens below the target end in the same transaction. Repeated for a session, grant or token, it gives the same receipt again; for the other scopes it adds a record that ends what has come since.",
    parameters: { headers: preferSchema },
    body: {
      schema: revocationRequestSchema,
      example: { scope: "session", key: EXAMPLE_SID, mode: "kill", reason: "kicked", note: "lost phone" },
    },
    checks: { body: checkRevocationRequest },
    answers: {
      200: {
        says: "`enforced`: every verifier that held a lease has acknowledged, gave it back, or its lease has run out. `quorum`, only if it was asked for: more than half have acknowledged.",
        schema: revocationAnswerSchema,
        example: { ...ENFORCED, key: EXAMPLE_SID, known: true },
        headers: PREFERENCE_APPLIED,
      },
      202: {
        says: "`pending`: committed, and `laggards` may still allow what was revoked, until `enforcedBy` at the latest.",
        schema: revocationAnswerSchema,
        example: { ...PENDING, key: EXAMPLE_SID, known: true },
        headers: PREFERENCE_APPLIED,
      },
    },
    errors: [...targetErrors, ...revocationsError.definitions("log_full"), ...OUTAGES],
    async handle(call) {
      const { require, ...command } = call.body;
      capacity.check(command.scope);
      const { seq, key, known, repeated } = await revoker.revoke({
        ...command,
        actor: call.caller.clientId,
      });
      const { status, receipt, headers } = await waitForReceipt({ receipts, require }, seq, call);
      return { status, headers, body: { ...receipt, key, known, ...(repeated ? { repeated } : {}) } };
    },
  });

const declareLossRoute = ({ rollback, log }: RoutesOptions): DeclaredRoute =>
  declareRoute({
    ...COMMON,
    operationId: "declareLoss",
    method: "POST",
    path: "/loss",
    summary: "Say that the database lost revocations: everybody is signed out",
    description:
      "For an operator who has restored the database when no verifier is left that could prove it. Not idempotent: repeated, it signs out those who have signed in since.",
    body: {
      schema: lossDeclarationSchema,
      example: { note: "restored the backup of Sunday", beyond: 250_000 },
    },
    checks: { body: (body) => checkLossDeclaration(body, log.head()) },
    answers: {
      200: {
        says: "The log as it is now. Everything that was issued before is denied.",
        schema: declaredLossSchema,
        example: { incarnation: EXAMPLE_INCARNATION, head: 250_001 },
      },
    },
    errors: OUTAGES,
    async handle({ caller, body: { note, beyond } }) {
      return { status: 200, body: await rollback.declareLoss({ actor: caller.clientId, note, beyond }) };
    },
  });
