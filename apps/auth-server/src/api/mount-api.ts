import { type Authenticate, readJsonOnly, requireScope } from "@portcullis/feed-server";
import type { FastifyInstance } from "fastify";
import type { Report } from "../logging/report.ts";
import { createProblemHandler } from "./send-problem.ts";

export const API_PATH = "/api/v1";

export interface ApiOptions {
  /** Who calls, by a token for this API. Every route authenticates before its body is read. */
  readonly authenticate: Authenticate;
  readonly report: Report;
}

/** What a route is given to say who may call it. */
export interface ApiRoutes {
  readonly app: FastifyInstance;
  /** Options of a route that needs this scope. */
  needs(scope: string): {
    readonly onRequest: ReturnType<typeof requireScope>;
    readonly exposeHeadRoute: false;
  };
}

/** One mount for the routes of all that is administered: each adds its own. */
export function apiRoutes(
  { authenticate, report }: ApiOptions,
  features: readonly ((routes: ApiRoutes) => void)[],
) {
  return async (app: FastifyInstance): Promise<void> => {
    app.setErrorHandler(createProblemHandler(report));
    app.decorateRequest("caller");
    readJsonOnly(app);
    const needs: ApiRoutes["needs"] = (scope) => ({
      onRequest: requireScope(authenticate, scope),
      exposeHeadRoute: false,
    });
    for (const feature of features) feature({ app, needs });
  };
}
