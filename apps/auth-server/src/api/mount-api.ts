import {
  type Authenticate,
  type DeclaredRoute,
  declaredRoutes,
  type ErrorHandlerOptions,
  type IdempotencyKeys,
  PROBLEM_DETAILS,
} from "@portcullis/http-api";
import type { FastifyInstance } from "fastify";
import { apiError } from "./errors.ts";

export const API_PATH = "/api/v1";

export interface ApiOptions {
  /** Who calls, by a token for this API. */
  readonly authenticate: Authenticate;
  readonly log: ErrorHandlerOptions["log"];
  /** Which calls were made already. */
  readonly idempotencyKeys: IdempotencyKeys;
}

/** One mount for the routes of all that is administered: each feature adds its own. */
export function apiRoutes(
  { authenticate, log, idempotencyKeys }: ApiOptions,
  features: readonly (readonly DeclaredRoute[])[],
): (app: FastifyInstance) => Promise<void> {
  const routes = features.flat().map(repeatable);
  return declaredRoutes(routes, { authenticate, form: PROBLEM_DETAILS, log, idempotencyKeys });
}

/** Returns a POST as one that takes `Idempotency-Key`: all do but those whose answers are no JSON. */
export function repeatable(route: DeclaredRoute): DeclaredRoute {
  const isKept = Object.values(route.answers).every((answer) => "schema" in answer);
  if (route.method !== "POST" || !isKept) return route;
  const errors = [...route.errors, ...apiError.definitions("too_many_idempotency_keys")];
  return { ...route, isRepeatable: true, errors };
}
