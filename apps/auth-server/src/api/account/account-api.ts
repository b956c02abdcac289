/** The account API at `/account/v1`: what a person sees and changes of the own account, through an app of the operator's own. */
import {
  type Authenticate,
  type DeclaredRoute,
  declaredRoutes,
  type ErrorHandlerOptions,
  type IdempotencyKeys,
  type IsFresh,
  PROBLEM_DETAILS,
} from "@portcullis/http-api";
import type { FastifyInstance } from "fastify";
import { repeatable } from "../mount-api.ts";
import { allowAnyOrigin } from "./allow-any-origin.ts";
import { type KnownDevicesRoutesOptions, knownDevicesRoutes } from "./known-devices.ts";
import { type OwnConsentsRoutesOptions, ownConsentsRoutes } from "./own-consents.ts";
import { type OwnPasswordRouteOptions, ownPasswordRoute } from "./own-password.ts";
import { type OwnSessionsRoutesOptions, ownSessionsRoutes } from "./own-sessions.ts";
import { type OwnTokensRoutesOptions, ownTokensRoutes } from "./own-tokens.ts";
import { type ProfileRoutesOptions, profileRoutes } from "./profile.ts";

export const ACCOUNT_API_PATH = "/account/v1";

export interface AccountApiOptions
  extends ProfileRoutesOptions,
    OwnSessionsRoutesOptions,
    OwnConsentsRoutesOptions,
    OwnPasswordRouteOptions,
    OwnTokensRoutesOptions,
    KnownDevicesRoutesOptions {
  /** Who calls, by a token for this API. */
  readonly authenticate: Authenticate;
  readonly log: ErrorHandlerOptions["log"];
  readonly idempotencyKeys: IdempotencyKeys;
  readonly isFresh: IsFresh;
}

const routesOf = (options: AccountApiOptions): readonly DeclaredRoute[] => [
  ...profileRoutes(options),
  ...ownSessionsRoutes(options),
  ...ownConsentsRoutes(options),
  ownPasswordRoute(options),
  ...ownTokensRoutes(options),
  ...knownDevicesRoutes(options),
];

export function accountApiRoutes(options: AccountApiOptions): (app: FastifyInstance) => Promise<void> {
  const { authenticate, log, idempotencyKeys, isFresh } = options;
  const routes = routesOf(options).map(repeatable);
  const mount = declaredRoutes(routes, {
    authenticate,
    form: PROBLEM_DETAILS,
    log,
    idempotencyKeys,
    isFresh,
  });
  return async (app) => {
    allowAnyOrigin(app);
    await mount(app);
  };
}
