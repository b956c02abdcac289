/** The mount list of the authorization server: each line names what a feature gets. */
import { type MountedRoute, OPENAPI_PATH, OPENAPI_PREFIX } from "@portcullis/http-api";
import { type Clock, encodeIdentifier, IDENTIFIER_BYTES, type Log } from "@portcullis/protocol";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { BrowserSessions, type LiveSession } from "./account/browser-session.ts";
import { OneTimeFormTokens } from "./account/form-tokens.ts";
import type { OwnTokens } from "./account/own-tokens.ts";
import { accountRoutes } from "./account/routes.ts";
import { SignInCookie } from "./account/sign-in-cookie.ts";
import { ACCOUNT_API_PATH, accountApiRoutes } from "./api/account/account-api.ts";
import { createDeleteOwnAccount } from "./api/account/delete-own-account.ts";
import { accountDescription } from "./api/account/openapi.ts";
import { tokenChoicesOf, tokenPolicyNow } from "./api/account/own-tokens.ts";
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
import { endToken, makeToken, userAsOwner } from "./api/tokens/token-acts.ts";
import { usersRoutes } from "./api/users/users-routes.ts";
import type { Apis } from "./apis/apis.ts";
import type { ClientSecrets } from "./apps/client-secrets.ts";
import type { Bans } from "./bans/bans.ts";
import type { Configuration } from "./config/load.ts";
import { healthRoutes } from "./health.ts";
import type { KeyRing, OfferAlgorithm } from "./keys/key-ring.ts";
import { leadPostsOn } from "./limits/lead-posts-on.ts";
import {
  authenticateApi,
  challengeRoutes,
  createAppAccess,
  createEndSessions as createEndAllOf,
  createEndOutlived,
  createEndUnasked,
  createForgetApi,
  forgetConsents,
  interactionRoutes,
  libraryRoutes,
  type Oidc,
  verifyOwnIdTokens,
} from "./oidc/index.ts";
import type { Deliveries } from "./outbox/index.ts";
import type { Outgoing } from "./outgoing/index.ts";
import { mountAssets } from "./pages/assets.ts";
import { type CookiesOf as NoticeCookiesOf, Notices } from "./pages/notices.ts";
import { POSTED_PATHS, REVOCATIONS_PATH } from "./paths.ts";
import type { People } from "./people/compose.ts";
import type { BlastRadiusOf, EndBelow, Revocations } from "./revocations/index.ts";
import type { Invitations } from "./roles/invitations.ts";
import { forgetRoles, type Roles } from "./roles/roles.ts";
import { createSealed } from "./secrets/seal.ts";
import { type SessionEventsOptions, sessionEventRoutes } from "./session-events/routes.ts";
import { createEndSessions } from "./sessions/end-sessions.ts";
import { type NamedSession, nameDevice } from "./sessions/name-device.ts";
import type { Policies } from "./sessions/policies.ts";
import { SessionLister } from "./sessions/session-list.ts";
import { setupRoutes } from "./setup/routes.ts";
import type { SigningIn } from "./sign-in/compose.ts";
import { type CookiesOf, DeviceCookie } from "./sign-in/device-cookie.ts";
import { signInError } from "./sign-in/errors.ts";
import type { StillHas } from "./sign-in/own-password.ts";
import { signOutRoutes } from "./sign-out/routes.ts";
import type { Storage } from "./storage/storage.ts";
import type { StoredTimes } from "./storage/stored-time.ts";
import { forgetTokens, MAX_TOKENS_PER_OWNER, type ScriptTokens } from "./tokens/script-tokens.ts";

export type ClientAddressOf = (request: FastifyRequest) => string;

/** What the features are made of. */
interface Mounted {
  readonly configuration: Configuration;
  readonly storage: Storage;
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

/** The mount list: every path of this server is below one of these lines. */
export function mountAll(app: FastifyInstance, parts: Mounted): void {
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
  const shared = pagePartsOf(parts);
  void app.register(libraryRoutes(oidc.currentHandler));
  void app.register(leadPostsOn({ paths: POSTED_PATHS, maxUrlLength: configuration.limits.requestBytes }));
  void app.register(interactionRoutes(interactionOptions(parts, shared)));
  void app.register(challengeRoutes(challengeOptions(parts)));
  void app.register(accountRoutes(accountOptions(parts, shared)));
  void app.register(signOutRoutes(signOutOptions(parts, shared)));
  void app.register(setupRoutes(setupOptions(parts, shared)));
  void app.register(sessionEventRoutes(sessionEventOptions(parts)));
  void app.register(healthRoutes({ storage }));
  void app.register(mountAssets);
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
  { configuration: { issuer }, ring, revocations, storage, oidc, clock }: Mounted,
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
  });

const deleteOwnAccountOf = ({ people: { users }, storage, endBelow }: Mounted) =>
  createDeleteOwnAccount({ users, storage, endBelow, forget: FORGET_USER });

/** What other rooms keep of a user. */
const FORGET_USER = [forgetConsents, forgetRoles, forgetTokens] as const;

/** What all pages have in common. */
interface PageParts {
  readonly deviceCookie: DeviceCookie;
  readonly notices: Notices;
  readonly browser: BrowserSessions;
}

function pagePartsOf({ oidc, configuration: { issuer }, clock, clientAddressOf }: Mounted): PageParts {
  const { provider, sessions, forms } = oidc;
  const cookiesOf: CookiesOf & NoticeCookiesOf = ({ request, reply }) =>
    provider.createContext(request.raw, reply.raw).cookies;
  return {
    deviceCookie: new DeviceCookie({ issuer, cookiesOf }),
    notices: new Notices({ issuer, cookiesOf, clock }),
    browser: new BrowserSessions({
      provider,
      sessions,
      clock,
      lifetimes: oidc.lifetimes,
      clientAddressOf,
      uidOf: (text) =>
        encodeIdentifier(Buffer.from(forms.tokenFor(text), "base64url").subarray(0, IDENTIFIER_BYTES)),
    }),
  };
}

function interactionOptions(parts: Mounted, { deviceCookie, notices, browser }: PageParts) {
  const { oidc, people, configuration, clientAddressOf } = parts;
  return {
    provider: oidc.provider,
    findClient: oidc.findClient,
    configuration,
    signIn: parts.signingIn.signIn,
    choicesFor: parts.signingIn.choicesFor,
    roomForApp: oidc.roomForApp,
    deviceCookie,
    clientAddressOf,
    users: people.users,
    apis: parts.apis,
    grants: oidc.grants,
    consents: oidc.consents,
    clock: parts.clock,
    forms: oidc.forms,
    notices,
    async isSignedIn(exchange: Parameters<BrowserSessions["find"]>[0]) {
      return (await browser.find(exchange)) !== undefined;
    },
  };
}

function challengeOptions({ oidc, signingIn, clientAddressOf, randomBytes }: Mounted) {
  return {
    provider: oidc.provider,
    findClient: oidc.findClient,
    callLibrary: oidc.callLibrary,
    authSessions: oidc.authSessions,
    sessions: oidc.sessions,
    endings: oidc.endings,
    signIn: signingIn.signIn,
    choicesFor: signingIn.choicesFor,
    clientAddressOf,
    randomBytes,
  };
}

function signOutOptions(parts: Mounted, { deviceCookie, notices, browser }: PageParts) {
  const { oidc, revocations, configuration, storage, ring } = parts;
  return {
    issuer: configuration.issuer,
    provider: oidc.provider,
    findClient: oidc.findClient,
    sessions: oidc.sessions,
    grants: oidc.grants,
    endings: oidc.endings,
    forms: oidc.forms,
    receipts: revocations.receipts,
    notices,
    head: () => storage.log.head(),
    async keys() {
      await ring.refresh();
      return ring.state().publicKeys;
    },
    signIn: parts.signingIn.signIn,
    deviceCookie,
    clientAddressOf: parts.clientAddressOf,
    browser,
  };
}

function sessionEventOptions(parts: Mounted) {
  const { oidc, ring, configuration, clock, clientAddressOf } = parts;
  const { streams, describe, takePlace } = parts.sessionEvents;
  const { issuer } = configuration;
  const keys = () => ring.state().publicKeys;
  return {
    verifyIdToken: verifyOwnIdTokens({ issuer, keys, clock }),
    streams,
    describe,
    findClient: oidc.findClient,
    takePlace,
    clientAddressOf,
  };
}

function setupOptions(parts: Mounted, { notices }: PageParts) {
  const { people, roles, invitations, storage, configuration, operatorLog } = parts;
  const { issuer } = configuration;
  return { users: people.users, roles, invitations, storage, operatorLog, issuer, notices };
}

function accountOptions(parts: Mounted, { deviceCookie, notices, browser }: PageParts) {
  const { oidc, people, revocations, configuration, storage, clock, randomBytes } = parts;
  const { provider, forms } = oidc;
  return {
    issuer: configuration.issuer,
    browser,
    formTokens: new OneTimeFormTokens({ storage, clock, randomBytes }),
    signInCookie: new SignInCookie({ provider, forms, randomBytes }),
    notices,
    signIn: parts.signingIn.signIn,
    choicesFor: parts.signingIn.choicesFor,
    deviceCookie,
    clientAddressOf: parts.clientAddressOf,
    users: people.users,
    sessions: oidc.sessions,
    appAccess: appAccessOf(parts),
    apis: parts.apis,
    clients: oidc.clients,
    endings: oidc.endings,
    revoker: revocations.revoker,
    receipts: revocations.receipts,
    ownPassword: parts.signingIn.ownPassword,
    ownTokens: ownTokensOf(parts),
    sealed: createSealed(forms.tokenFor("what a page shows once"), randomBytes),
    clock,
    async deleteAccount(sub: string, stillHas: StillHas) {
      return (await deleteOwnAccountOf(parts)(sub, { stillHas })).seq;
    },
    endOthers: ({ uid, accountId }: LiveSession) => endOthersOf(parts, { uid, accountId }),
    nameDevice: (session: NamedSession, name: string | null) =>
      storage.write((transaction) => nameDevice(transaction, session, name)),
  };
}

const tokenActsOf = ({ scriptTokens, apis, bans, policies, storage, clock }: Mounted) => ({
  scriptTokens,
  apis,
  bans,
  policies,
  storage,
  clock,
});

/** What the account page does with tokens: the same as the account API. */
function ownTokensOf(parts: Mounted): OwnTokens {
  const { people, revocations, scriptTokens } = parts;
  const acts = tokenActsOf(parts);
  const ownerOf = (sub: string) => ({ kind: "personal", ownerId: sub }) as const;
  return {
    list: (sub) => scriptTokens.list({ ...ownerOf(sub), active: true }, undefined, MAX_TOKENS_PER_OWNER),
    choices: (sub) => tokenChoicesOf(acts, sub),
    policy: () => tokenPolicyNow(acts),
    make: (sub, wanted, stillHas) =>
      makeToken(acts, {
        wanted,
        actor: sub,
        async lockOwner(transaction) {
          const user = await people.users.findRow(transaction, sub);
          if (!(await stillHas(transaction))) throw signInError("wrong_password");
          return userAsOwner(transaction, acts, user);
        },
      }),
    end: (sub, id) => endToken(acts, revocations.revoker, { owner: ownerOf(sub), id, actor: sub }),
  };
}

/** The user's row is locked first, so that no session is opened meanwhile. */
function endOthersOf({ storage, people, clock, endBelow }: Mounted, { uid, accountId }: LiveSession) {
  const endSessions = createEndSessions({ clock, endBelow, endAll: createEndAllOf(clock) });
  return storage.write(async (transaction) => {
    await people.users.findRow(transaction, accountId);
    const by = { reason: "kicked", actor: accountId } as const;
    return endSessions(transaction, { accountId, which: { others: uid }, ...by });
  });
}

const appAccessOf = ({ oidc: { consents, grants }, apis, storage, endBelow }: Mounted) =>
  createAppAccess({ consents, grants, apis, storage, endBelow });

export const offerOf =
  (ring: KeyRing): OfferAlgorithm =>
  (algorithm) =>
    ring.offer(algorithm);
