/** The authorization server: what it is made of, and what is mounted where. */
import { randomBytes as cryptoRandomBytes } from "node:crypto";
import { join } from "node:path";
import { type Clock, encodeIdentifier, IDENTIFIER_BYTES, systemClock } from "@portcullis/protocol";
import { type ClientAddresses, createClientAddresses, fastifyServer } from "@portcullis/service";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { BrowserSessions } from "./account/browser-session.ts";
import { OneTimeFormTokens } from "./account/form-tokens.ts";
import { accountRoutes } from "./account/routes.ts";
import { SignInCookie } from "./account/sign-in-cookie.ts";
import { appsRoutes } from "./api/apps-routes.ts";
import { keysRoutes } from "./api/keys-routes.ts";
import { API_PATH, apiRoutes } from "./api/mount-api.ts";
import { usersRoutes } from "./api/users-routes.ts";
import { Clients, type NamedClient } from "./apps/clients.ts";
import type { Configuration } from "./config/load.ts";
import { healthRoutes } from "./health.ts";
import { KeyRing } from "./keys/key-ring.ts";
import { boundedInteractions, interactionsPerMinute } from "./limits/bounded-interactions.ts";
import { LIMIT_WINDOW_MS, limitStoringRequests, type OpenLimit } from "./limits/limit-storing-requests.ts";
import { MemoryRateLimit } from "./limits/memory-rate-limit.ts";
import { RedisRateLimit } from "./limits/redis-rate-limit.ts";
import { RefusedRequests } from "./logging/refused-requests.ts";
import type { Report } from "./logging/report.ts";
import {
  authenticateApi,
  composeOidc,
  createEndBelow,
  createFindTarget,
  type InteractionCache,
  interactionRoutes,
  libraryRoutes,
  type Oidc,
  type OidcTestHooks,
  pinHost,
  pruneOidc,
} from "./oidc/index.ts";
import { answerErrors } from "./pages/answer-errors.ts";
import { mountAssets } from "./pages/assets.ts";
import { type CookiesOf as NoticeCookiesOf, Notices } from "./pages/notices.ts";
import { REVOCATIONS_PATH } from "./paths.ts";
import { composePeople, type People } from "./people/compose.ts";
import { type CookiesOf, DeviceCookie } from "./people/device-cookie.ts";
import { Users } from "./people/users.ts";
import { composeRedis, type Redis } from "./redis/compose.ts";
import {
  createRecognizeHead,
  createRevocations,
  createSignHead,
  type EndBelow,
  type Revocations,
} from "./revocations/index.ts";
import { loadCookieKeys } from "./secrets/cookie-keys.ts";
import { signOutRoutes } from "./sign-out/routes.ts";
import { openStorage } from "./storage/open-storage.ts";
import type { DatabaseOptions, Storage } from "./storage/storage.ts";
import { createStoredTimes, type StoredTimes } from "./storage/stored-time.ts";

export interface AuthServerOptions {
  readonly configuration: Configuration;
  readonly report: Report;
  /** Default: a file that would remove more than half of the clients is refused. */
  readonly acceptRemovals?: boolean;
  /** Default: the machine's. */
  readonly clock?: Clock;
  readonly randomBytes?: (size: number) => Uint8Array;
  /** For tests of the issuing phase alone. */
  readonly testHooks?: OidcTestHooks;
}

export interface AuthServer {
  readonly app: FastifyInstance;
  readonly storage: Storage;
  readonly revocations: Revocations;
  readonly people: People;
  readonly oidc: Oidc;
  readonly ring: KeyRing;
  /** Gives the URL that it listens on. */
  listen(): Promise<string>;
  /** Takes away what has expired. Done every minute without being asked. */
  prune(): Promise<void>;
  close(): Promise<void>;
}

const PRUNE_MS = 60_000;
const DATA_FILE = "auth-server.sqlite";
/** Every verifier calls it about once a second, and at every revocation: lines of these would bury all others. */
const LEASE_ROUTE = `${REVOCATIONS_PATH}/lease`;

export async function createAuthServer(options: AuthServerOptions): Promise<AuthServer> {
  const { configuration, report } = options;
  const platform = platformOf(options);
  const storage = await openStorage({
    database: databaseOf(configuration),
    tokenLifetimeSeconds: configuration.tokenLifetimeSeconds,
    clockSkewSeconds: configuration.clockSkewSeconds,
    diskSpace: diskSpaceOf(configuration),
    report,
    ...platform,
  });
  try {
    return await compose({ ...options, ...platform, storage });
  } catch (error) {
    report({ event: "start_failed", error });
    await storage.close();
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

interface Platform {
  readonly clock: Clock;
  readonly times: StoredTimes;
  readonly randomBytes: (size: number) => Uint8Array;
}

function platformOf({
  configuration: { clockSkewSeconds },
  clock = systemClock,
  randomBytes = cryptoRandomBytes,
}: AuthServerOptions): Platform {
  const times = createStoredTimes({ clock, clockSkewSeconds });
  return { clock, times, randomBytes };
}

interface Parts extends AuthServerOptions, Platform {
  readonly clock: Clock;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly storage: Storage;
}

async function compose(parts: Parts): Promise<AuthServer> {
  const { storage, clock, configuration } = parts;
  const { issuer } = configuration;
  // First of all that follow the log: see key-ring.ts.
  const ring = await KeyRing.open({ storage, clock, report: parts.report });
  const endBelow = createEndBelow({
    clock,
    retireKey: (transaction, retirement) => ring.retireIn(transaction, retirement),
  });
  const clients = await configuredClients(parts, endBelow);
  const incarnation = () => storage.log.incarnation;
  const signHead = createSignHead({ issuer, incarnation, key: () => ring.signing(), clock });
  const recognizeHead = createRecognizeHead({ issuer, keys: () => ring.state().publicKeys });
  const heads = { signHead, recognizeHead };
  const redis = composeRedis({ ...parts, signHead, secrets: await loadCookieKeys(parts) });
  const revocations = await createRevocations({
    ...parts,
    ...heads,
    ...redis,
    endBelow,
    settle: () => ring.refresh(),
    onKeysChanged: (listener) => ring.onChange(listener),
    findTarget: createFindTarget({ users: new Users(parts), resources: configuration.resources }),
    mostLiveRevocations: parts.configuration.mostLiveRevocations,
  });
  const people = await composePeople(parts);
  const { users } = people;
  const interactions = interactionsIn(configuration, redis);
  const oidc = await composeOidc({ ...parts, ...interactions, ...revocations, ring, users, clients });
  const clientAddresses = clientAddressesOf(parts);
  const clientAddressOf: ClientAddressOf = ({ raw }) => clientAddresses.of(raw);
  const app = createApp(parts, clientAddresses);
  limitRequests(app, { parts, redis, clientAddressOf });
  mountAll(app, { ...parts, revocations, people, oidc, ring, endBelow, clientAddressOf });
  const prune = async () => {
    await pruneOidc({ storage, times: parts.times, more: [people.guesses.prune, people.knownPlaces.prune] });
    await ring.tidy();
  };
  const stopPruning = pruneRegularly(prune, parts.report);
  return {
    app,
    storage,
    revocations,
    people,
    oidc,
    ring,
    listen: () => app.listen({ ...configuration.listen }),
    prune,
    async close() {
      stopPruning();
      await people.close();
      // Streams first: the app would wait for them. The storage last: a request may still need it.
      await revocations.close();
      await app.close();
      await redis.close();
      await storage.close();
    },
  };
}

/** Before users are made: a file that is refused has changed nothing. Verifiers hear of it from the log, like any reader of it. */
async function configuredClients(parts: Parts, endBelow: EndBelow): Promise<Clients> {
  const { configuration, acceptRemovals = false, report } = parts;
  const clients = new Clients(parts);
  const { removed, returned } = await clients.configure(configuration.clients, { acceptRemovals, endBelow });
  if (removed.length > 0) report({ event: "clients_removed", ...namesOf(removed), text: REMOVED });
  if (returned.length > 0) report({ event: "clients_returned", ...namesOf(returned), text: RETURNED });
  return clients;
}

const namesOf = (clients: readonly NamedClient[]) => ({
  clients: clients.map(({ clientId }) => clientId),
  names: clients.map(({ name }) => name),
});

const REMOVED = "no longer in the configuration file: disabled, and all their tokens and grants have ended";
const RETURNED = "in the configuration file again: enabled, for new tokens only";

function createApp({ report, configuration }: Parts, clientAddresses: ClientAddresses): FastifyInstance {
  const app = Fastify({
    serverFactory: clientAddresses.watching(fastifyServer),
    logger: false,
    // A username of 128 characters in a path, percent-encoded or not.
    routerOptions: { maxParamLength: 2048 },
    requestTimeout: 30_000,
    bodyLimit: 64 * 1024,
  });
  pinHost(app, configuration.issuer);
  answerErrors(app, report);
  const refused = new RefusedRequests(report);
  app.addHook("onResponse", async (request, reply) => {
    // The route's pattern and not its URL: URLs carry codes and identifiers.
    const route = request.routeOptions.url ?? "(none)";
    const status = reply.raw.statusCode;
    if (route === LEASE_ROUTE && status < 400) return;
    const ms = Math.round(reply.elapsedTime);
    if (status === 429) refused.count(status, route);
    else report({ event: "request", method: request.method, route, status, ms });
  });
  app.addHook("onClose", async () => refused.close());
  return app;
}

type ClientAddressOf = (request: FastifyRequest) => string;

function clientAddressesOf({ configuration, report }: Parts): ClientAddresses {
  const { issuer, trustedProxies } = configuration;
  // This server speaks plain HTTP: somebody else ends the TLS of its issuer.
  if (trustedProxies === undefined && issuer.startsWith("https:")) report(EVERYBODY_HAS_ONE_ADDRESS);
  return createClientAddresses(trustedProxies);
}

const EVERYBODY_HAS_ONE_ADDRESS = {
  event: "one_address_for_all",
  text: "the issuer is https and this server is not, so a proxy is in front: all clients seem to have its address, and share what one address may do. Set trustedProxies",
};

interface Limited {
  readonly parts: Parts;
  readonly redis: Redis;
  readonly clientAddressOf: ClientAddressOf;
}

/** Before the routes: what is refused here costs nothing below. */
function limitRequests(app: FastifyInstance, { parts, redis, clientAddressOf }: Limited): void {
  const { limits } = parts.configuration;
  limitStoringRequests(app, { limits, open: openLimit(parts.configuration, redis), clientAddressOf });
}

function interactionsIn(configuration: Configuration, redis: Redis): { interactions?: InteractionCache } {
  if (redis.interactions === undefined) return {};
  const most = interactionsPerMinute(configuration.limits.rowsOfStrangers);
  const limit = openLimit(configuration, redis)("interactions", most);
  return { interactions: boundedInteractions(redis.interactions, limit) };
}

/** Of all servers together where there is a Redis, and otherwise of this one alone. */
function openLimit({ redis: settings }: Configuration, { connection }: Redis): OpenLimit {
  return (name, most) => {
    const options = { most, windowMs: LIMIT_WINDOW_MS };
    const own = new MemoryRateLimit({ ...options, clock: systemClock });
    if (connection === undefined) return own;
    const key = `${settings?.keyPrefix}:limit:${name}`;
    return new RedisRateLimit({ ...options, redis: connection, name: key, without: own });
  };
}

interface Mounted extends Parts {
  readonly revocations: Revocations;
  readonly people: People;
  readonly oidc: Oidc;
  readonly clientAddressOf: ClientAddressOf;
  readonly ring: KeyRing;
  readonly endBelow: EndBelow;
}

/** The mount list: every path of this server is below one of these lines. */
function mountAll(app: FastifyInstance, parts: Mounted): void {
  const { revocations, people, oidc, ring, endBelow, configuration, storage } = parts;
  const shared = pagePartsOf(parts);
  void app.register(libraryRoutes(oidc.currentHandler));
  void app.register(interactionRoutes(interactionOptions(parts, shared)));
  void app.register(accountRoutes(accountOptions(parts, shared)));
  void app.register(signOutRoutes(signOutOptions(parts, shared)));
  void app.register(healthRoutes({ storage }));
  void app.register(mountAssets);
  const authenticate = authenticateApi({
    issuer: configuration.issuer,
    audience: configuration.apiResource,
    keys: () => ring.state().publicKeys,
    local: revocations.local,
    catchUp: () => Promise.all([storage.log.refresh(), ring.refresh()]),
    clock: parts.clock,
  });
  revocations.mount(app, { path: REVOCATIONS_PATH, authenticate });
  const { revoker, receipts } = revocations;
  const { users } = people;
  const { clients } = oidc;
  const ending = { storage, endBelow, revoker, receipts };
  const features = [
    keysRoutes({ ring, revoker, receipts }),
    usersRoutes({ ...ending, users }),
    appsRoutes({ ...ending, clients }),
  ];
  void app.register(apiRoutes({ authenticate, report: parts.report }, features), { prefix: API_PATH });
}

/** What all pages have in common. */
interface PageParts {
  readonly deviceCookie: DeviceCookie;
  readonly notices: Notices;
  readonly browser: BrowserSessions;
}

function pagePartsOf({ oidc, configuration: { issuer }, clock }: Mounted): PageParts {
  const { provider, sessions, forms } = oidc;
  const cookiesOf: CookiesOf & NoticeCookiesOf = ({ request, reply }) =>
    provider.createContext(request.raw, reply.raw).cookies;
  return {
    deviceCookie: new DeviceCookie({ issuer, cookiesOf }),
    notices: new Notices({ issuer, cookiesOf }),
    browser: new BrowserSessions({
      provider,
      sessions,
      clock,
      uidOf: (text) =>
        encodeIdentifier(Buffer.from(forms.tokenFor(text), "base64url").subarray(0, IDENTIFIER_BYTES)),
    }),
  };
}

function interactionOptions(parts: Mounted, { deviceCookie, notices, browser }: PageParts) {
  const { oidc, people, configuration, clientAddressOf } = parts;
  return {
    provider: oidc.provider,
    configuration,
    signIn: people.signIn,
    deviceCookie,
    clientAddressOf,
    users: people.users,
    grants: oidc.grants,
    forms: oidc.forms,
    notices,
    async isSignedIn(exchange: Parameters<BrowserSessions["find"]>[0]) {
      return (await browser.find(exchange)) !== undefined;
    },
  };
}

function signOutOptions(parts: Mounted, { deviceCookie, notices, browser }: PageParts) {
  const { oidc, people, revocations, configuration, storage, ring } = parts;
  return {
    issuer: configuration.issuer,
    provider: oidc.provider,
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
    signIn: people.signIn,
    deviceCookie,
    clientAddressOf: parts.clientAddressOf,
    browser,
  };
}

function accountOptions(parts: Mounted, { deviceCookie, notices, browser }: PageParts) {
  const { oidc, people, revocations, configuration } = parts;
  return {
    ...oidc,
    ...people,
    ...revocations,
    issuer: configuration.issuer,
    clientAddressOf: parts.clientAddressOf,
    deviceCookie,
    notices,
    browser,
    formTokens: new OneTimeFormTokens(parts),
    signInCookie: new SignInCookie({ ...oidc, randomBytes: parts.randomBytes }),
  };
}

function pruneRegularly(prune: () => Promise<void>, report: Report): () => void {
  const run = () => void prune().catch((error: unknown) => report({ event: "prune_failed", error }));
  const timer = setInterval(run, PRUNE_MS);
  timer.unref();
  return () => clearInterval(timer);
}
