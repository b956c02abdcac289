/** The mount list of the authorization server: each line names what a feature gets. */
import { type MountedRoute, OPENAPI_PATH, OPENAPI_PREFIX } from "@portcullis/http-api";
import type { Clock, Log } from "@portcullis/protocol";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { ACCOUNT_API_PATH, accountApiRoutes } from "./api/account/account-api.ts";
import { createDeleteOwnAccount } from "./api/account/delete-own-account.ts";
import { accountDescription } from "./api/account/openapi.ts";
import { apisRoutes } from "./api/apis/apis-routes.ts";
import { appsRoutes } from "./api/apps/apps-routes.ts";
import { bansRoutes } from "./api/bans/bans-routes.ts";
import { consentsRoutes } from "./api/consents/consents-routes.ts";
import { deliveriesRoutes } from "./api/deliveries/deliveries-routes.ts";
import { apiDescriptionRoutes, referenceStylesheet } from "./api/describe-api.ts";
import type { SqlIdempotencyKeys } from "./api/idempotency-keys.ts";
import { keysRoutes } from "./api/keys-routes.ts";
import { API_PATH, apiRoutes, repeatable } from "./api/mount-api.ts";
import { apiDescription } from "./api/openapi.ts";
import { policiesRoutes } from "./api/policies/policies-routes.ts";
import { rolesRoutes } from "./api/roles-routes.ts";
import { sessionsRoutes } from "./api/sessions/sessions-routes.ts";
import { administeredTokensRoutes } from "./api/tokens/administered-tokens.ts";
import { usersRoutes } from "./api/users/users-routes.ts";
import type { Apis } from "./apis/apis.ts";
import type { ClientSecrets } from "./apps/client-secrets.ts";
import type { Bans } from "./bans/bans.ts";
import type { Configuration } from "./config/load.ts";
import type { KeyRing, OfferAlgorithm } from "./keys/key-ring.ts";
import type { AskReadiness } from "./management/readiness.ts";
import {
  authenticateApi,
  createAppAccess,
  createEndSessions as createEndAllOf,
  createEndOutlived,
  createEndUnasked,
  createForgetApi,
  forgetConsents,
  type Oidc,
} from "./oidc/index.ts";
import type { Deliveries } from "./outbox/index.ts";
import type { Outgoing } from "./outgoing/index.ts";
import { REVOCATIONS_PATH } from "./paths.ts";
import type { People } from "./people/compose.ts";
import type { BlastRadiusOf, EndBelow, Revocations } from "./revocations/index.ts";
import type { Invitations } from "./roles/invitations.ts";
import { forgetRoles, type Roles } from "./roles/roles.ts";
import type { SessionEventsOptions } from "./session-events/routes.ts";
import { createEndSessions } from "./sessions/end-sessions.ts";
import type { Policies } from "./sessions/policies.ts";
import { SessionLister } from "./sessions/session-list.ts";
import type { SigningIn } from "./sign-in/compose.ts";
import type { Storage } from "./storage/storage.ts";
import type { StoredTimes } from "./storage/stored-time.ts";
import { forgetTokens, type ScriptTokens } from "./tokens/script-tokens.ts";

export type ClientAddressOf = (request: FastifyRequest) => string;

/** What the features are made of. */
export interface Mounted {
  readonly configuration: Configuration;
  readonly storage: Storage;
  readonly readiness: AskReadiness;
  readonly clock: Clock;
  readonly times: StoredTimes;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly operatorLog: Log;
  readonly routes: readonly MountedRoute[];
  readonly revocations: Revocations;
  readonly people: People;
  readonly roles: Roles;
  readonly bans: Bans;
  readonly invitations: Invitations;
  readonly signingIn: SigningIn;
  readonly oidc: Oidc;
  readonly apis: Apis;
  readonly policies: Policies;
  readonly scriptTokens: ScriptTokens;
  readonly clientSecrets: ClientSecrets;
  readonly deliveries: Deliveries;
  readonly outgoing: Pick<Outgoing, "problemOf">;
  readonly clientAddressOf: ClientAddressOf;
  readonly ring: KeyRing;
  readonly endBelow: EndBelow;
  readonly clearSoon: () => void;
  readonly blastRadiusOf: BlastRadiusOf;
  readonly idempotencyKeys: SqlIdempotencyKeys;
  readonly sessionEvents: Pick<SessionEventsOptions, "streams" | "describe" | "takePlace">;
}

/** The revocations API, `/api/v1` and `/account/v1`, with their descriptions. */
export function mountApis(app: FastifyInstance, parts: Mounted): void {
  const {
    revocations,
    people,
    roles,
    bans,
    apis,
    oidc,
    ring,
    endBelow,
    blastRadiusOf,
    idempotencyKeys,
    configuration,
    storage,
    clock,
    operatorLog,
  } = parts;
  const authenticate = authenticateFor(parts, configuration.apiResource);
  const repeating = { idempotencyKeys, repeatable };
  revocations.mount(app, { path: REVOCATIONS_PATH, authenticate, repeating });
  const { revoker, receipts } = revocations;
  const authority = { clients: oidc.clients, apiResource: configuration.apiResource };
  const { maxAccessTokenLifetimeSeconds } = configuration;
  const endOutlived = createEndOutlived({ clock });
  const features = [
    keysRoutes({ ring, revoker, receipts }),
    deliveriesRoutes({ deliveries: parts.deliveries }),
    policiesRoutes({ policies: parts.policies, storage, blastRadiusOf, receipts }),
    sessionsRoutes({
      sessions: new SessionLister({ storage, clock, policies: parts.policies, clients: oidc.clients }),
      endSessions: createEndSessions({ clock, endBelow, endAll: createEndAllOf(clock) }),
      users: people.users,
      storage,
      clock,
      blastRadiusOf,
      revoker,
      receipts,
      authority,
    }),
    usersRoutes({
      users: people.users,
      roles,
      bans,
      storage,
      endBelow,
      blastRadiusOf,
      revoker,
      receipts,
      guesses: parts.signingIn.guesses,
      hashInTurn: parts.signingIn.hashInTurn,
      log: operatorLog,
      forget: FORGET_USER,
      authority,
    }),
    consentsRoutes({
      appAccess: appAccessOf(parts),
      clients: oidc.clients,
      users: people.users,
      storage,
      blastRadiusOf,
      receipts,
    }),
    bansRoutes({
      bans,
      users: people.users,
      apis,
      storage,
      endBelow,
      blastRadiusOf,
      authority,
      receipts,
      clock,
    }),
    appsRoutes({
      clients: oidc.clients,
      secrets: parts.clientSecrets,
      apis: parts.apis,
      storage,
      blastRadiusOf,
      endBelow,
      endUnasked: createEndUnasked({ clock, endBelow }),
      endOutlived,
      offer: offerOf(ring),
      randomBytes: parts.randomBytes,
      maxAccessTokenLifetimeSeconds,
      problemOfTarget: parts.outgoing.problemOf,
      revoker,
      receipts,
    }),
    apisRoutes({
      apis: parts.apis,
      clients: oidc.clients,
      storage,
      blastRadiusOf,
      endBelow,
      endOutlived,
      forgetApi: createForgetApi({ dialect: storage.dialect, clearSoon: parts.clearSoon }),
      offer: offerOf(ring),
      maxAccessTokenLifetimeSeconds,
      revoker,
      receipts,
    }),
    administeredTokensRoutes({
      scriptTokens: parts.scriptTokens,
      users: people.users,
      clients: oidc.clients,
      apis,
      bans,
      policies: parts.policies,
      storage,
      clock,
      blastRadiusOf,
      revoker,
      receipts,
      authority,
    }),
    rolesRoutes({ users: people.users, roles, storage, authority, blastRadiusOf, receipts }),
  ];
  void app.register(apiRoutes({ authenticate, log: operatorLog, idempotencyKeys }, features), {
    prefix: API_PATH,
  });
  const { issuer, apiResource } = configuration;
  const routes = () => parts.routes.filter(({ path }) => !isOfAccountApi(path));
  const description = apiDescription({ issuer, apiResource, routes });
  const at = {
    mount: OPENAPI_PREFIX,
    document: OPENAPI_PATH,
    reference: `${OPENAPI_PREFIX}/reference`,
  };
  const described = { description, at, authenticate, log: operatorLog };
  void app.register(apiDescriptionRoutes(described));
  void app.register(referenceStylesheet);
  mountAccountApi(app, parts);
}

/** What people do to their own accounts, through apps of the operator's own. */
function mountAccountApi(app: FastifyInstance, parts: Mounted): void {
  const { people, oidc, revocations, configuration, storage, clock, times, endBelow } = parts;
  const { issuer, accountResource } = configuration;
  const authenticate = authenticateFor(parts, accountResource);
  const log = parts.operatorLog;
  const routes = accountApiRoutes({
    authenticate,
    log,
    idempotencyKeys: parts.idempotencyKeys,
    // As the library counts `max_age`: by whole seconds.
    isFresh: (signedInAt, seconds) => times.isWithin(signedInAt * 1000, (seconds + 1) * 1000),
    users: people.users,
    knownPlaces: people.knownPlaces,
    sessions: new SessionLister({ storage, clock, policies: parts.policies, clients: oidc.clients }),
    endSessions: createEndSessions({ clock, endBelow, endAll: createEndAllOf(clock) }),
    appAccess: appAccessOf(parts),
    clients: oidc.clients,
    ownPassword: parts.signingIn.ownPassword,
    deleteOwnAccount: deleteOwnAccountOf(parts),
    ...tokenActsOf(parts),
    blastRadiusOf: parts.blastRadiusOf,
    revoker: revocations.revoker,
    receipts: revocations.receipts,
  });
  void app.register(routes, { prefix: ACCOUNT_API_PATH });
  const description = accountDescription({
    issuer,
    accountResource,
    routes: () => parts.routes.filter(({ path }) => isOfAccountApi(path)),
  });
  const document = `${ACCOUNT}/openapi.json`;
  const at = { mount: document, document, reference: `${ACCOUNT}/reference` };
  void app.register(apiDescriptionRoutes({ description, at, authenticate, log }));
}

/** Pages stand below it as well: they are not declared, and so not described. */
const ACCOUNT = "/account";
const isOfAccountApi = (path: string): boolean => path.startsWith(`${ACCOUNT}/`);

/** Who calls one of the server's own APIs. */
const authenticateFor = (
  { configuration: { issuer }, ring, revocations, storage, oidc, clock, clientAddressOf }: Mounted,
  audience: string,
) =>
  authenticateApi({
    issuer,
    audience,
    keys: () => ring.state().publicKeys,
    local: revocations.local,
    catchUp: () => Promise.all([storage.log.refresh(), ring.refresh()]),
    access: oidc.ownApi,
    clock,
    clientAddressOf,
  });

export const deleteOwnAccountOf = ({ people: { users }, storage, endBelow }: Mounted) =>
  createDeleteOwnAccount({ users, storage, endBelow, forget: FORGET_USER });

/** What other rooms keep of a user. */
const FORGET_USER = [forgetConsents, forgetRoles, forgetTokens] as const;

export const tokenActsOf = ({ scriptTokens, apis, bans, policies, storage, clock }: Mounted) => ({
  scriptTokens,
  apis,
  bans,
  policies,
  storage,
  clock,
});
export const appAccessOf = ({ oidc: { consents, grants }, apis, storage, endBelow }: Mounted) =>
  createAppAccess({ consents, grants, apis, storage, endBelow });

export const offerOf =
  (ring: KeyRing): OfferAlgorithm =>
  (algorithm) =>
    ring.offer(algorithm);
