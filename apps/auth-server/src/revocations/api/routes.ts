/** The revocations API (docs/reference/revocations-api.md): the feed of verifiers, what operators read, and revoking. */
import { type FeedRoutesOptions, feedRoutes } from "@portcullis/feed-server";
import {
  type Authenticate,
  actorOf,
  type DeclaredRoute,
  declaredRoutes,
  declareEnding,
  declareRoute,
  type ErrorHandlerOptions,
  type IdempotencyKeys,
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
import type { SuspendedVerifiers } from "../verifiers/suspended-verifiers.ts";
import type { Verifiers } from "../verifiers/verifiers.ts";
import { checkLossDeclaration } from "./check-loss-declaration.ts";
import { ENFORCED, EXAMPLE_INCARNATION, EXAMPLE_SID, PENDING } from "./examples.ts";
import { type InspectRoutesOptions, inspectRoutes } from "./inspect-routes.ts";
import { waitForReceipt } from "./prefer-wait.ts";
import { resumeRoute, type SuspendRoutesOptions, suspendRoute } from "./suspend-routes.ts";

export interface RoutesOptions extends FeedRoutesOptions, InspectRoutesOptions, SuspendRoutesOptions {
  readonly verifiers: Verifiers;
  readonly suspended: SuspendedVerifiers;
  readonly revoker: Revoker;
  readonly capacity: Pick<LogCapacity, "check">;
  readonly rollback: Pick<Rollback, "declareLoss">;
  /** What `revoker` throws of targets that are not there, or not so. */
  readonly targetErrors: readonly ErrorDefinition[];
}

export interface RevocationsMount {
  readonly authenticate: Authenticate;
  readonly log: ErrorHandlerOptions["log"];
  readonly repeating?: Repeating | undefined;
}

/** How calls of operators are made once for each `Idempotency-Key`, as below `/api/v1`. Default: they do not take it. */
export interface Repeating {
  readonly idempotencyKeys: IdempotencyKeys;
  readonly repeatable: (route: DeclaredRoute) => DeclaredRoute;
}

export function revocationRoutes(
  options: RoutesOptions,
  { authenticate, log, repeating }: RevocationsMount,
): (app: FastifyInstance) => Promise<void> {
  const { repeatable = (route: DeclaredRoute) => route, idempotencyKeys } = repeating ?? {};
  const routes = [
    repeatable(revokeRoute(options)),
    repeatable(declareLossRoute(options)),
    repeatable(suspendRoute(options)),
    repeatable(resumeRoute(options)),
    ...inspectRoutes(options),
    // A verifier calls for its lease each second, and means each call anew.
    ...feedRoutes(options),
  ];
  return declaredRoutes(routes, { authenticate, form: OAUTH_ERROR, log, idempotencyKeys });
}

const COMMON = { tag: "Revocations", scope: API_SCOPES.writeRevocations } as const;

const revokeRoute = ({ revoker, receipts, capacity, targetErrors }: RoutesOptions): DeclaredRoute =>
  declareEnding({
    ...COMMON,
    operationId: "revoke",
    method: "POST",
    path: "",
    summary: "Revoke, and learn which verifiers enforce it",
    description:
      "Sessions, grants and refresh tokens below the target end in the same transaction. For a session, grant or token, a second call gives the same receipt. For the other scopes it adds a second revocation, which also ends what has begun since.",
    body: {
      schema: revocationRequestSchema,
      example: { scope: "session", key: EXAMPLE_SID, mode: "kill", reason: "kicked", note: "lost phone" },
    },
    checks: { body: checkRevocationRequest },
    answer: {
      schema: revocationAnswerSchema,
      says: {
        enforced:
          "`enforced`: every verifier that held a lease has acknowledged, gave it back, or its lease has run out. `quorum`, only if you asked for it: more than half have acknowledged.",
        pending:
          "`pending`: the revocation is stored. `laggards` may still allow what was revoked, until `enforcedBy` at the latest.",
      },
      examples: {
        enforced: { ...ENFORCED, key: EXAMPLE_SID, known: true },
        pending: { ...PENDING, key: EXAMPLE_SID, known: true },
      },
    },
    errors: [...targetErrors, ...revocationsError.definitions("log_full"), ...OUTAGES],
    wouldEnd({ body: { require: _require, ...command } }) {
      capacity.check(command.scope);
      return revoker.wouldEnd(command);
    },
    async handle(call) {
      const { require, ...command } = call.body;
      capacity.check(command.scope);
      const { seq, key, known, repeated } = await revoker.revoke({
        ...command,
        actor: actorOf(call.caller),
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
    summary: "Say that the database has lost revocations, and sign everybody out",
    description:
      "For an operator who has restored the database, when no verifier is left that could prove it. Each call signs out everybody who has signed in since.",
    body: {
      schema: lossDeclarationSchema,
      example: { note: "restored the backup of Sunday", beyond: 250_000 },
    },
    checks: { body: (body) => checkLossDeclaration(body, log.head()) },
    answers: {
      200: {
        says: "The new log. Everything that was issued before is refused.",
        schema: declaredLossSchema,
        example: { incarnation: EXAMPLE_INCARNATION, head: 250_001 },
      },
    },
    errors: OUTAGES,
    async handle({ caller, body: { note, beyond } }) {
      return { status: 200, body: await rollback.declareLoss({ actor: actorOf(caller), note, beyond }) };
    },
  });
