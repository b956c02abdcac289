import {
  type Authenticate,
  type DeclaredRoute,
  declaredRoutes,
  type ErrorHandlerOptions,
  PROBLEM_DETAILS,
} from "@portcullis/http-api";
import type { FastifyInstance } from "fastify";

export const API_PATH = "/api/v1";

export interface ApiOptions {
  /** Who calls, by a token for this API. */
  readonly authenticate: Authenticate;
  readonly log: ErrorHandlerOptions["log"];
}

/** One mount for the routes of all that is administered: each feature adds its own. */
export function apiRoutes(
  { authenticate, log }: ApiOptions,
  features: readonly (readonly DeclaredRoute[])[],
): (app: FastifyInstance) => Promise<void> {
  return declaredRoutes(features.flat(), { authenticate, form: PROBLEM_DETAILS, log });
}
