/** The authorization server: what it is made of. What is mounted where is in mounts.ts. */
import { randomBytes as cryptoRandomBytes } from "node:crypto";
import { join } from "node:path";
import { collectRoutes, type MountedRoute } from "@portcullis/http-api";
import { type Clock, type Log, systemClock, systemTimer } from "@portcullis/protocol";
import { type ClientAddresses, createClientAddresses } from "@portcullis/service";
import type { FastifyInstance } from "fastify";
import { SqlIdempotencyKeys } from "./api/idempotency-keys.ts";
import type { Apis } from "./apis/apis.ts";
import { closeApp, createApp } from "./app.ts";
import { storedApiName } from "./apps/app-settings.ts";
import type { Configuration } from "./config/load.ts";
import { leaseTermsOf } from "./config/verifiers-schema.ts";
import type { Ground } from "./ground.ts";
import { KeyRing } from "./keys/key-ring.ts";
import { boundedInteractions, interactionsPerMinute } from "./limits/bounded-interactions.ts";
import { limitStoringRequests } from "./limits/limit-storing-requests.ts";
import { openLimits, type SharedCounters } from "./limits/open-limits.ts";
import { OpenStreams } from "./limits/open-streams.ts";
import { type AskReadiness, Readiness } from "./management/readiness.ts";
import { RequestCounters } from "./management/request-counters.ts";
import type { ClientAddressOf } from "./mount-apis.ts";
import { mountAll } from "./mounts.ts";
import {
  ClearEndings,
  composeOidc,
  createBlastRadius,
  createEndSessions as createEndAllOf,
  createEndBelow,
  createFindTarget,
  type Oidc,
  type OidcTestHooks,
  pruneOidc,
  TARGET_ERRORS,
} from "./oidc/index.ts";
import { openRows } from "./open-rows.ts";
import { createLogoutTokenSender, Deliveries, Outbox } from "./outbox/index.ts";
import { openOutgoing, privateTargets } from "./outgoing/index.ts";
import { composePeople, type People } from "./people/compose.ts";
import { composeRedis, type Redis } from "./redis/compose.ts";
import type { RedisHealth } from "./redis/redis-damage.ts";
import {
  createRecognizeHead,
  createRevocations,
  createSignHead,
  type Revocations,
} from "./revocations/index.ts";
import { seedAdministrator } from "./roles/first-administrator.ts";
import { Invitations } from "./roles/invitations.ts";
import { loadCookieKeys } from "./secrets/cookie-keys.ts";
import { describeEndings } from "./session-events/describe-ending.ts";
import { SessionStreams } from "./session-events/session-streams.ts";
import { deviceOf } from "./sessions/device.ts";
import { createEndSessions } from "./sessions/end-sessions.ts";
import type { Policies } from "./sessions/policies.ts";
import { invite } from "./setup/invite.ts";
import { composeSignIn } from "./sign-in/compose.ts";
import { openStorage } from "./storage/open-storage.ts";
import type { DatabaseOptions, Storage } from "./storage/storage.ts";
import { createStoredTimes } from "./storage/stored-time.ts";

export interface AuthServerOptions {
  readonly configuration: Configuration;
  readonly operatorLog: Log;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** See StorageOptions. */
  readonly databaseClock?: () => Promise<number>;
  readonly randomBytes?: (size: number) => Uint8Array;
  /** For tests of the issuing phase alone. */
  readonly testHooks?: OidcTestHooks;
  /** Default: the database of the configuration. For tests that say who reads and writes when. */
  readonly openStorage?: typeof openStorage;
}

export interface AuthServer {
  readonly app: FastifyInstance;
  /** All that it answers, declared or not; complete once it is ready. */
  readonly routes: readonly MountedRoute[];
  readonly storage: Storage;
  readonly revocations: Revocations;
  readonly people: People;
  readonly oidc: Oidc;
  readonly outbox: Outbox;
  readonly apis: Apis;
  readonly policies: Policies;
  readonly ring: KeyRing;
  readonly requests: RequestCounters;
  /** Of apps that wait to hear of the end of their session. */
  readonly sessionStreams: SessionStreams;
  /** By which the first administrator is made; undefined when there was one at the start. */
  readonly setupLink: string | undefined;
  /** Undefined: no Redis is configured. */
  readonly redis: RedisHealth | undefined;
  /** Gives the URL that it listens on. */
  listen(): Promise<string>;
  /** Takes away what has expired. Done every minute without being asked. */
  prune(): Promise<void>;
  readonly readiness: AskReadiness;
  /** From now on readiness says `stopping`; all else goes on until `close`. */
  announceStop(): void;
  /** Takes no more requests, ends the streams, answers what is under way, and then closes what that stood on. */
  close(): Promise<void>;
}

const PRUNE_MS = 60_000;
const DATA_FILE = "auth-server.sqlite";
export async function createAuthServer(options: AuthServerOptions): Promise<AuthServer> {
  const { configuration, operatorLog, clock = systemClock, randomBytes = cryptoRandomBytes } = options;
  const { maxAccessTokenLifetimeSeconds, clockSkewSeconds } = configuration;
  const storage = await (options.openStorage ?? openStorage)({
    database: databaseOf(configuration),
    tokenLifetimeSeconds: maxAccessTokenLifetimeSeconds,
    clockSkewSeconds,
    clock,
    databaseClock: options.databaseClock,
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

/** The parts, each with the names of what it gets. The order matters where a line says so. */
async function compose(
  { configuration, storage, clock, times, randomBytes, operatorLog, started }: Ground,
  { testHooks }: Pick<AuthServerOptions, "testHooks">,
): Promise<AuthServer> {
  const { issuer, limits: requestLimits, clockSkewSeconds } = configuration;
  // First of all that follow the log: see key-ring.ts.
  const ring = await KeyRing.open({ storage, clock, operatorLog });
  const cookieKeys = await loadCookieKeys({ storage, clock, randomBytes });
  const endings = new ClearEndings({ storage, clock, operatorLog });
  started.defer(() => endings.close());
  // What was left when a server was killed.
  endings.clearSoon();
  const endBelow = createEndBelow({
    clock,
    retireKey: (transaction, retirement) => ring.retireIn(transaction, retirement),
    clearSoon: () => endings.clearSoon(),
  });
  const blastRadiusOf = createBlastRadius({
    storage,
    clock,
    tokens: () => storage.log,
    storedNameOf: (audience) => storedApiName(audience, issuer),
  });
  const rows = await openRows({ configuration, storage, clock, randomBytes, operatorLog, started }, ring);
  const { apis, clients, clientSecrets, users, roles, bans, policies, lastSeen, limits } = rows;
  const { scriptTokens, tokensLastUsed } = rows;
  const signHead = createSignHead({
    issuer,
    log: storage.log,
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
  const app = createApp({ issuer, clientAddresses, requests, operatorLog });
  // Where a later part fails to start. One that runs closes it before all that its requests stand on.
  started.defer(() => app.close());
  const routes = collectRoutes(app);
  const outgoing = openOutgoing({ targets: privateTargets(configuration.outgoing.privateTargets) });
  started.defer(() => outgoing.close());
  const outbox = new Outbox({
    storage,
    send: {
      logout_token: createLogoutTokenSender({
        issuer,
        read: storage.read,
        ring,
        outgoing,
        clock,
        randomBytes,
        isBack: async ({ session_uid: sid, recipient }) =>
          (await oidc.grants.idFor(sid, recipient)) !== undefined,
      }),
    },
    clock,
    setTimer: systemTimer,
    clockSkewSeconds,
    randomBytes,
    operatorLog,
  });
  started.defer(() => outbox.close());
  const revocations = await createRevocations({
    storage,
    clock,
    randomBytes,
    bus: redis.bus,
    endBelow,
    blastRadiusOf,
    findTarget: createFindTarget({ users, apis, bans }),
    subsOf: (name) => users.subsNamed(name),
    ownApi: configuration.apiResource,
    settle: () => ring.refresh(),
    onKeysChanged: (listener) => ring.onChange(listener),
    targetErrors: TARGET_ERRORS,
    signHead,
    recognizeHead: createRecognizeHead({ issuer, keys: () => ring.state().publicKeys }),
    leaseTerms: leaseTermsOf(configuration.verifiers),
    maxLiveRevocations: configuration.maxLiveRevocations,
    recipientsOf: (seq, waitMs, signal) => outbox.recipientsOf(seq, waitMs, signal),
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
  const endSessions = createEndSessions({ clock, endBelow, endAll: createEndAllOf(clock) });
  const signingIn = await composeSignIn({
    storage,
    users,
    bans,
    knownPlaces,
    roomFor: (accountId, { userAgent, instead }) =>
      limits.roomFor(storage.read, {
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
    endOthers: (transaction, { accountId, sid }) =>
      endSessions(transaction, {
        accountId,
        which: { others: sid },
        reason: "password_changed",
        actor: accountId,
      }),
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
    scriptTokens,
    tokensLastUsed,
    limits,
    outgoing,
    addressOf: (request) => clientAddresses.of(request),
    interactions,
    clock,
    times,
    randomBytes,
    operatorLog,
    testHooks,
  });
  const findClient = oidc.findClient;
  const describe = describeEndings({ storage, bans, findClient });
  const sessionStreams = new SessionStreams({
    local: revocations.local,
    log: storage.log,
    ongoingGrants: (ids) => oidc.grants.ongoing(ids),
    describe,
    setTimer: systemTimer,
    operatorLog,
  });
  const openStreams = new OpenStreams(requestLimits, () => requests.countRefused("sessionStreams"));
  const deliveries = new Deliveries({ storage, clock, outbox });
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
  const readiness = new Readiness(storage);
  mountAll(app, {
    routes,
    configuration,
    storage,
    readiness: readiness.now,
    clock,
    times,
    randomBytes,
    operatorLog,
    ring,
    endBelow,
    clearSoon: () => endings.clearSoon(),
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
    scriptTokens,
    clientSecrets,
    deliveries,
    outgoing,
    clientAddressOf,
    sessionEvents: { streams: sessionStreams, describe, takePlace: (owner) => openStreams.take(owner) },
  });
  const prune = async () => {
    // First: what fails below must not keep a visit from being stored.
    await lastSeen.store();
    await tokensLastUsed.store();
    // Before expired sessions go with their grants: of those that a bulk ending has ended, apps are told as they are taken away.
    await endings.clear();
    await clientSecrets.storeUses();
    await storage.pruning.run("state", async (time) => ({
      ...(await pruneOidc({
        storage,
        time,
        more: {
          sign_in_attempts: signingIn.guesses.prune,
          known_places: knownPlaces.prune,
          bans: bans.tidy,
          script_tokens: scriptTokens.prune,
          idempotency_keys: idempotencyKeys.prune,
          outbox: deliveries.prune,
        },
      })),
      oidc_signing_keys: await ring.tidy(time),
    }));
  };
  // The order in which it stops, the last line first: streams end, which the app would wait for, and then no call is under way
  // any more that needs what was started before.
  started.defer(() => closeApp(app));
  started.defer(() => {
    revocations.endStreams();
    sessionStreams.close();
  });
  started.defer(pruneRegularly(prune, operatorLog));
  return {
    app,
    routes,
    storage,
    revocations,
    people,
    oidc,
    outbox,
    apis,
    policies,
    ring,
    requests,
    sessionStreams,
    setupLink,
    redis: redis.health,
    async listen() {
      const url = await app.listen({ ...configuration.listen });
      // An app that is told fetches our keys: before, it would refuse what it cannot verify.
      await outbox.start();
      return url;
    },
    prune,
    readiness: readiness.now,
    announceStop: () => readiness.announceStop(),
    close: () => started.disposeAsync(),
  };
}

const sharedCountersOf = (
  { redis: settings }: Configuration,
  { connection, damage }: Redis,
): SharedCounters | undefined =>
  connection && settings && { connection, keyPrefix: settings.keyPrefix, damage };

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

function pruneRegularly(prune: () => Promise<void>, operatorLog: Log): () => void {
  const run = () =>
    void prune().catch((error: unknown) => operatorLog.warn({ event: "prune_failed", error }));
  const timer = setInterval(run, PRUNE_MS);
  timer.unref();
  return () => clearInterval(timer);
}
