/** The authorization server: what it is made of, and what is mounted where. */
import { randomBytes as cryptoRandomBytes } from "node:crypto";
import { join } from "node:path";
import { collectRoutes, type MountedRoute } from "@portcullis/http-api";
import { type Clock, encodeIdentifier, IDENTIFIER_BYTES, type Log, systemClock } from "@portcullis/protocol";
import { type ClientAddresses, createClientAddresses } from "@portcullis/service";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { BrowserSessions } from "./account/browser-session.ts";
import { OneTimeFormTokens } from "./account/form-tokens.ts";
import { accountRoutes } from "./account/routes.ts";
import { SignInCookie } from "./account/sign-in-cookie.ts";
import { apisRoutes } from "./api/apis/apis-routes.ts";
import { appsRoutes } from "./api/apps/apps-routes.ts";
import { bansRoutes } from "./api/bans/bans-routes.ts";
import { consentsRoutes } from "./api/consents/consents-routes.ts";
import { apiDescriptionRoutes } from "./api/describe-api.ts";
import { SqlIdempotencyKeys } from "./api/idempotency-keys.ts";
import { keysRoutes } from "./api/keys-routes.ts";
import { API_PATH, apiRoutes } from "./api/mount-api.ts";
import { policiesRoutes } from "./api/policies/policies-routes.ts";
import { rolesRoutes } from "./api/roles-routes.ts";
import { sessionsRoutes } from "./api/sessions/sessions-routes.ts";
import { usersRoutes } from "./api/users/users-routes.ts";
import { Apis } from "./apis/apis.ts";
import { seedApis } from "./apis/seed-apis.ts";
import { createApp } from "./app.ts";
import { storedApiName } from "./apps/app-settings.ts";
import { ClientSecrets } from "./apps/client-secrets.ts";
import { Clients } from "./apps/clients.ts";
import { ensureCommandApp } from "./apps/command-app.ts";
import { seedApps } from "./apps/seed-apps.ts";
import { Bans } from "./bans/bans.ts";
import type { Configuration } from "./config/load.ts";
import { healthRoutes } from "./health.ts";
import { KeyRing, type OfferAlgorithm } from "./keys/key-ring.ts";
import { boundedInteractions, interactionsPerMinute } from "./limits/bounded-interactions.ts";
import { limitStoringRequests } from "./limits/limit-storing-requests.ts";
import { openLimits, type SharedCounters } from "./limits/open-limits.ts";
import { RequestCounters } from "./management/request-counters.ts";
import {
  authenticateApi,
  composeOidc,
  createAppAccess,
  createBlastRadius,
  createEndSessions as createEndAllOf,
  createEndBelow,
  createEndUnasked,
  createFindTarget,
  createForgetApi,
  forgetConsents,
  interactionRoutes,
  libraryRoutes,
  type Oidc,
  type OidcTestHooks,
  pruneOidc,
  TARGET_ERRORS,
} from "./oidc/index.ts";
import { mountAssets } from "./pages/assets.ts";
import { type CookiesOf as NoticeCookiesOf, Notices } from "./pages/notices.ts";
import { REVOCATIONS_PATH } from "./paths.ts";
import { composePeople, type People } from "./people/compose.ts";
import { Users } from "./people/users.ts";
import { composeRedis, type Redis } from "./redis/compose.ts";
import {
  type BlastRadiusOf,
  createRecognizeHead,
  createRevocations,
  createSignHead,
  type EndBelow,
  type Revocations,
} from "./revocations/index.ts";
import { seedAdministrator } from "./roles/first-administrator.ts";
import { Invitations } from "./roles/invitations.ts";
import { forgetRoles, Roles } from "./roles/roles.ts";
import { loadCookieKeys } from "./secrets/cookie-keys.ts";
import { deviceOf } from "./sessions/device.ts";
import { createEndSessions } from "./sessions/end-sessions.ts";
import { LastSeen } from "./sessions/last-seen.ts";
import { Policies } from "./sessions/policies.ts";
import { SessionLimits } from "./sessions/session-limit.ts";
import { SessionLister } from "./sessions/session-list.ts";
import { invite } from "./setup/invite.ts";
import { setupRoutes } from "./setup/routes.ts";
import { composeSignIn, type SigningIn } from "./sign-in/compose.ts";
import { type CookiesOf, DeviceCookie } from "./sign-in/device-cookie.ts";
import { signOutRoutes } from "./sign-out/routes.ts";
import { openStorage } from "./storage/open-storage.ts";
import type { DatabaseOptions, Storage } from "./storage/storage.ts";
import { createStoredTimes, type StoredTimes } from "./storage/stored-time.ts";

export interface AuthServerOptions {
  readonly configuration: Configuration;
  readonly operatorLog: Log;
  /** Default: the machine's. */
  readonly clock?: Clock;
  readonly randomBytes?: (size: number) => Uint8Array;
  /** For tests of the issuing phase alone. */
  readonly testHooks?: OidcTestHooks;
}

export interface AuthServer {
  readonly app: FastifyInstance;
  /** All that it answers, declared or not; complete once it is ready. */
  readonly routes: readonly MountedRoute[];
  readonly storage: Storage;
  readonly revocations: Revocations;
  readonly people: People;
  readonly oidc: Oidc;
  readonly apis: Apis;
  readonly policies: Policies;
  readonly ring: KeyRing;
  readonly requests: RequestCounters;
  /** By which the first administrator is made; undefined when there was one at the start. */
  readonly setupLink: string | undefined;
  /** Undefined: no Redis is configured. */
  readonly isRedisUp: (() => boolean) | undefined;
  /** Gives the URL that it listens on. */
  listen(): Promise<string>;
  /** Takes away what has expired. Done every minute without being asked. */
  prune(): Promise<void>;
  close(): Promise<void>;
}

const PRUNE_MS = 60_000;
const DATA_FILE = "auth-server.sqlite";
export async function createAuthServer(options: AuthServerOptions): Promise<AuthServer> {
  const { configuration, operatorLog, clock = systemClock, randomBytes = cryptoRandomBytes } = options;
  const { maxAccessTokenLifetimeSeconds, clockSkewSeconds } = configuration;
  const storage = await openStorage({
    database: databaseOf(configuration),
    tokenLifetimeSeconds: maxAccessTokenLifetimeSeconds,
    clockSkewSeconds,
    clock,
    randomBytes,
    diskSpace: diskSpaceOf(configuration),
    operatorLog,
  });
  const started = new AsyncDisposableStack();
  // At the end of all: a request may still need it.
  started.defer(() => storage.close());
  try {
    const times = createStoredTimes({ clock, clockSkewSeconds });
    const ground = { configuration, storage, clock, times, randomBytes, operatorLog, started };
    return await compose(ground, options);
  } catch (error) {
    operatorLog.error({ event: "start_failed", error });
    // Why it did not start is what the caller must hear, whatever else goes wrong now.
    await started.disposeAsync().catch((failure: unknown) => {
      operatorLog.warn({ event: "close_failed", error: failure });
    });
    throw error;
  }
}

function databaseOf({ database, dataDirectory }: Configuration): DatabaseOptions {
  return database.kind === "sqlite" ? { ...database, file: join(dataDirectory, DATA_FILE) } : database;
}

const MEBIBYTE = 1024 * 1024;

function diskSpaceOf({ diskSpace }: Configuration) {
  return {
    reserveBytes: diskSpace.reserveMiB * MEBIBYTE,
    refuseStrangersBelow: diskSpace.refuseStrangersBelowMiB * MEBIBYTE,
    alarmBelow: diskSpace.alarmBelowMiB * MEBIBYTE,
  };
}

/** What every part stands on. */
interface Ground {
  readonly configuration: Configuration;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly times: StoredTimes;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly operatorLog: Log;
  /** How to close what has started, the last first: when the server closes, and when a later part fails to start. */
  readonly started: AsyncDisposableStack;
}

/** The parts, each with the names of what it gets. The order matters where a line says so. */
async function compose(
  { configuration, storage, clock, times, randomBytes, operatorLog, started }: Ground,
  { testHooks }: Pick<AuthServerOptions, "testHooks">,
): Promise<AuthServer> {
  const { issuer, limits: requestLimits } = configuration;
  // First of all that follow the log: see key-ring.ts.
  const ring = await KeyRing.open({ storage, clock, operatorLog });
  const cookieKeys = await loadCookieKeys({ storage, clock, randomBytes });
  const endBelow = createEndBelow({
    clock,
    retireKey: (transaction, retirement) => ring.retireIn(transaction, retirement),
  });
  const blastRadiusOf = createBlastRadius({
    clock,
    tokens: () => storage.log,
    storedNameOf: (audience) => storedApiName(audience, configuration.apiResource),
  });
  const apis = new Apis({ storage, clock, issuer });
  const clients = new Clients({ storage, clock, ownApi: apis.own.identifier });
  const clientSecrets = new ClientSecrets({ storage, clock, randomBytes });
  started.defer(() => storeUsesAtTheEnd(clientSecrets, operatorLog));
  const offer = offerOf(ring);
  await seedApis({ apis, storage, file: ownApiLeftOut(configuration), offer, operatorLog });
  await ensureCommandApp({ clients, storage, ownApi: apis.own.identifier, operatorLog });
  await seedApps({
    clients,
    secrets: clientSecrets,
    storage,
    file: configuration.clients,
    offer,
    operatorLog,
  });
  const users = new Users({ storage, clock, randomBytes });
  const roles = new Roles({ storage, clock });
  const bans = new Bans({ storage, clock, times, randomBytes });
  const policies = await Policies.open({ storage, clock });
  const lastSeen = new LastSeen({ storage, clock });
  const limits = new SessionLimits({ clock, policies, endAll: createEndAllOf(clock) });
  // After the app has closed: its last requests are visits too.
  started.defer(() => storeSeenAtTheEnd(lastSeen, operatorLog));
  const signHead = createSignHead({
    issuer,
    incarnation: () => storage.log.incarnation,
    key: () => ring.signing(),
    clock,
  });
  const redis = composeRedis({
    configuration,
    storage,
    signHead,
    secrets: cookieKeys,
    randomBytes,
    operatorLog,
  });
  started.defer(() => redis.close());
  const clientAddresses = clientAddressesOf(configuration, operatorLog);
  const clientAddressOf: ClientAddressOf = ({ raw }) => clientAddresses.of(raw);
  const requests = new RequestCounters();
  // Before the revocations, so that it closes after them: it waits for their streams to end.
  const app = createApp({ issuer, clientAddresses, requests, operatorLog });
  started.defer(() => app.close());
  const routes = collectRoutes(app);
  const revocations = await createRevocations({
    storage,
    clock,
    randomBytes,
    bus: redis.bus,
    endBelow,
    blastRadiusOf,
    findTarget: createFindTarget({ users, apis, bans }),
    subsOf: (name) => users.subsNamed(name),
    settle: () => ring.refresh(),
    onKeysChanged: (listener) => ring.onChange(listener),
    targetErrors: TARGET_ERRORS,
    signHead,
    recognizeHead: createRecognizeHead({ issuer, keys: () => ring.state().publicKeys }),
    maxLiveRevocations: configuration.maxLiveRevocations,
    operatorLog,
  });
  started.defer(() => revocations.close());
  const people = await composePeople({ configuration, users, storage, clock, operatorLog });
  started.defer(() => people.close());
  const { knownPlaces } = people;
  const invitations = new Invitations({ storage, clock, randomBytes });
  // After the users of the file: one of them may be named.
  await seedAdministrator({ users, roles, invitations, storage, operatorLog }, configuration.admin);
  const setupLink = await invite({ invitations, issuer, operatorLog });
  const signingIn = await composeSignIn({
    storage,
    users,
    bans,
    knownPlaces,
    isFull: (accountId, { userAgent, instead }) =>
      limits.refuses(storage.read, {
        accountId,
        deviceType: deviceOf(userAgent ?? null).type,
        except: instead === undefined ? [] : [instead],
      }),
    clock,
    clockSkewSeconds: configuration.clockSkewSeconds,
    randomBytes,
    operatorLog,
    ticketKey: cookieKeys[0]!,
    async endAll(transaction, sub) {
      const target = { scope: "subject", key: sub, mode: "kill", reason: "password_changed" } as const;
      await endBelow(transaction, target);
      transaction.append([{ ...target, actor: sub }]);
    },
  });
  const openLimit = openLimits(clock, sharedCountersOf(configuration, redis));
  const interactions =
    redis.interactions &&
    boundedInteractions(
      redis.interactions,
      openLimit("interactions", interactionsPerMinute(requestLimits.rowsOfStrangers)),
    );
  const oidc = await composeOidc({
    configuration,
    storage,
    ring,
    cookieKeys,
    revoker: revocations.revoker,
    receipts: revocations.receipts,
    local: revocations.local,
    isRefusedForGood: revocations.isRefusedForGood,
    users,
    bans,
    apis,
    roles,
    clients,
    clientSecrets,
    policies,
    lastSeen,
    limits,
    addressOf: (request) => clientAddresses.of(request),
    interactions,
    clock,
    times,
    randomBytes,
    operatorLog,
    testHooks,
  });
  const idempotencyKeys = new SqlIdempotencyKeys({
    storage,
    clock,
    times,
    randomBytes,
    // The oldest: every server that runs has it.
    secret: cookieKeys.at(-1)!,
    operatorLog,
  });
  // Before the routes: what is refused here costs nothing below.
  limitStoringRequests(app, {
    limits: requestLimits,
    open: openLimit,
    clientAddressOf,
    onRefused: (setting) => requests.countRefused(setting),
  });
  mountAll(app, {
    routes,
    configuration,
    storage,
    clock,
    randomBytes,
    operatorLog,
    ring,
    endBelow,
    blastRadiusOf,
    idempotencyKeys,
    revocations,
    people,
    roles,
    bans,
    invitations,
    signingIn,
    oidc,
    apis,
    policies,
    clientSecrets,
    clientAddressOf,
  });
  const prune = async () => {
    // First: what fails below must not keep a visit from being stored.
    await lastSeen.store();
    await pruneOidc({
      storage,
      times,
      more: [signingIn.guesses.prune, knownPlaces.prune, bans.tidy, idempotencyKeys.prune],
    });
    await clientSecrets.storeUses();
    await ring.tidy();
  };
  started.defer(pruneRegularly(prune, operatorLog));
  return {
    app,
    routes,
    storage,
    revocations,
    people,
    oidc,
    apis,
    policies,
    ring,
    requests,
    setupLink,
    isRedisUp: redis.connection && (() => redis.connection!.isUp()),
    listen: () => app.listen({ ...configuration.listen }),
    prune,
    close: () => started.disposeAsync(),
  };
}

/** Dates of last use alone: not worth a failure to close. */
const storeUsesAtTheEnd = (secrets: ClientSecrets, operatorLog: Log): Promise<void> =>
  secrets.storeUses().catch((error: unknown) => operatorLog.warn({ event: "secret_uses_not_stored", error }));

/** A session may be idle for longer than that: nobody is signed out by it. */
const storeSeenAtTheEnd = (lastSeen: LastSeen, operatorLog: Log): Promise<void> =>
  lastSeen.store().catch((error: unknown) => operatorLog.warn({ event: "last_seen_not_stored", error }));

const offerOf =
  (ring: KeyRing): OfferAlgorithm =>
  (algorithm) =>
    ring.offer(algorithm);

const ownApiLeftOut = ({ resources, apiResource }: Configuration) =>
  resources.filter(({ identifier }) => identifier !== apiResource);

const sharedCountersOf = (
  { redis: settings }: Configuration,
  { connection }: Redis,
): SharedCounters | undefined => connection && settings && { connection, keyPrefix: settings.keyPrefix };

type ClientAddressOf = (request: FastifyRequest) => string;

function clientAddressesOf({ issuer, trustedProxies }: Configuration, operatorLog: Log): ClientAddresses {
  // This server speaks plain HTTP: somebody else ends the TLS of its issuer.
  if (trustedProxies === undefined && issuer.startsWith("https:"))
    operatorLog.warn(EVERYBODY_HAS_ONE_ADDRESS);
  return createClientAddresses(trustedProxies);
}

const EVERYBODY_HAS_ONE_ADDRESS = {
  event: "one_address_for_all",
  text: "the issuer is https and this server is not, so a proxy is in front: all clients seem to have its address, and share what one address may do. Set trustedProxies",
};

interface Mounted extends Omit<Ground, "times" | "started"> {
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
  readonly clientSecrets: ClientSecrets;
  readonly clientAddressOf: ClientAddressOf;
  readonly ring: KeyRing;
  readonly endBelow: EndBelow;
  readonly blastRadiusOf: BlastRadiusOf;
  readonly idempotencyKeys: SqlIdempotencyKeys;
}

/** The mount list: every path of this server is below one of these lines. */
function mountAll(app: FastifyInstance, parts: Mounted): void {
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
  void app.register(interactionRoutes(interactionOptions(parts, shared)));
  void app.register(accountRoutes(accountOptions(parts, shared)));
  void app.register(signOutRoutes(signOutOptions(parts, shared)));
  void app.register(setupRoutes(setupOptions(parts, shared)));
  void app.register(healthRoutes({ storage }));
  void app.register(mountAssets);
  const authenticate = authenticateApi({
    issuer: configuration.issuer,
    audience: configuration.apiResource,
    keys: () => ring.state().publicKeys,
    local: revocations.local,
    catchUp: () => Promise.all([storage.log.refresh(), ring.refresh()]),
    isAdministrator: (subject) => roles.isAdministrator(subject),
    clock,
  });
  revocations.mount(app, { path: REVOCATIONS_PATH, authenticate });
  const { revoker, receipts } = revocations;
  const authority = { clients: oidc.clients, apiResource: configuration.apiResource };
  const { maxAccessTokenLifetimeSeconds } = configuration;
  const features = [
    keysRoutes({ ring, revoker, receipts }),
    policiesRoutes({ policies: parts.policies, storage }),
    sessionsRoutes({
      sessions: new SessionLister({ storage, clock, policies: parts.policies, clients: oidc.clients }),
      endSessions: createEndSessions({ clock, endBelow, endAll: createEndAllOf(clock) }),
      users: people.users,
      storage,
      clock,
      blastRadiusOf,
      revoker,
      receipts,
    }),
    usersRoutes({
      users: people.users,
      storage,
      endBelow,
      blastRadiusOf,
      revoker,
      receipts,
      guesses: parts.signingIn.guesses,
      hashInTurn: parts.signingIn.hashInTurn,
      log: operatorLog,
      forget: [forgetConsents, forgetRoles],
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
      roles,
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
      offer: offerOf(ring),
      randomBytes: parts.randomBytes,
      maxAccessTokenLifetimeSeconds,
      revoker,
      receipts,
    }),
    apisRoutes({
      apis: parts.apis,
      storage,
      blastRadiusOf,
      forgetApi: createForgetApi(storage.dialect),
      offer: offerOf(ring),
      maxAccessTokenLifetimeSeconds,
      revoker,
      receipts,
    }),
    rolesRoutes({ users: people.users, roles, storage, authority, blastRadiusOf, receipts }),
  ];
  void app.register(apiRoutes({ authenticate, log: operatorLog, idempotencyKeys }, features), {
    prefix: API_PATH,
  });
  const { issuer, apiResource } = configuration;
  const { routes } = parts;
  void app.register(apiDescriptionRoutes({ issuer, apiResource, routes, authenticate, log: operatorLog }));
}

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
    deviceCookie,
    clientAddressOf,
    users: people.users,
    apis: parts.apis,
    grants: oidc.grants,
    forms: oidc.forms,
    notices,
    async isSignedIn(exchange: Parameters<BrowserSessions["find"]>[0]) {
      return (await browser.find(exchange)) !== undefined;
    },
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

function setupOptions(parts: Mounted, { notices }: PageParts) {
  const { people, roles, invitations, storage, configuration } = parts;
  return { users: people.users, roles, invitations, storage, issuer: configuration.issuer, notices };
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
    deviceCookie,
    clientAddressOf: parts.clientAddressOf,
    users: people.users,
    sessions: oidc.sessions,
    appAccess: appAccessOf(parts),
    clients: oidc.clients,
    endings: oidc.endings,
    revoker: revocations.revoker,
    receipts: revocations.receipts,
  };
}

const appAccessOf = ({ oidc: { consents, grants }, storage, endBelow }: Mounted) =>
  createAppAccess({ consents, grants, storage, endBelow });

function pruneRegularly(prune: () => Promise<void>, operatorLog: Log): () => void {
  const run = () =>
    void prune().catch((error: unknown) => operatorLog.warn({ event: "prune_failed", error }));
  const timer = setInterval(run, PRUNE_MS);
  timer.unref();
  return () => clearInterval(timer);
}
