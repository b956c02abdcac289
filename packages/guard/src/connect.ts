import { randomBytes } from "node:crypto";
import {
  createSignedHeadVerifier,
  lackingOf,
  type RemoteKeySource,
  remoteKeySource,
} from "@portcullis/access-token";
import {
  discoverIssuer,
  endpointOf,
  introspectionOf,
  keySetOf,
  requireIssuerUrl,
  requireSecureUrl,
} from "@portcullis/issuer";
import { type Clock, type Log, pause, systemClock, systemTimer, unlessAborted } from "@portcullis/protocol";
import { createReplica, type Feed, type Replica, type ReplicaOptions } from "@portcullis/revocation";
import { consoleLog } from "./console-log.ts";
import type { Freshness, Guard } from "./decision.ts";
import { guardError } from "./errors.ts";
import { createGuard } from "./guard.ts";
import { issuerFeed } from "./issuer-feed.ts";
import { Outage, type Problem } from "./outage.ts";
import { withoutRefusedKeys } from "./refused-keys.ts";
import { remembered } from "./remembered.ts";

export interface ConnectOptions {
  readonly issuer: string;
  /** Tokens for one of these are accepted. */
  readonly audience: string | readonly string[];
  /** A client registered as a verifier: it may ask for `revocations.read` by client credentials. */
  readonly clientId: string;
  /** Undefined, as an environment variable can be, is refused when it runs. */
  readonly clientSecret: string | undefined;
  /** As receipts name this process. A suffix makes it unique: two processes of one name never count as one. */
  readonly name: string;
  /** How long this process may say "allow" without word from the issuer; default 5,000. */
  readonly leaseMs?: number | undefined;
  /** What this process may hold; default 20,000,000. Beyond it strict routes answer 503, and nothing is dropped. */
  readonly maxRevocations?: number | undefined;
  /** Base URL of a relay that carries the feed; default: where the issuer says. The rest is the issuer's own. */
  readonly feedEndpoint?: string | undefined;
  /** Given the feed over HTTP, gives the one that is used: one that carries records another way, or a relay's. */
  readonly feed?: ((http: Feed) => Feed) | undefined;
  /** Told of what was checked and applied, before it is acknowledged; as of the replica. */
  readonly onApplied?: ReplicaOptions["onApplied"];
  /** Default: the issuer. */
  readonly realm?: string | undefined;
  /** For routes that say nothing; default closed, 5,000 ms. */
  readonly freshness?: Freshness | undefined;
  /** Allow plain HTTP to other hosts than loopback; default false. */
  readonly allowInsecureRequests?: boolean | undefined;
  readonly fetch?: typeof fetch | undefined;
  /** Default: the system's. Its wall clock is compared with the issuer's, and nothing is allowed while it is off. */
  readonly clock?: Clock | undefined;
  /**
   * Told what happens in the background, never a token, secret or key: a pino logger is one. Default: the console, which
   * is told in sentences what keeps the guard from allowing anything (`guard_unavailable`), and nothing else.
   */
  readonly log?: Log | undefined;
}

export interface ConnectedGuard extends Guard {
  readonly replica: Replica;
  /**
   * Resolves when the keys are there and the replica is fresh. Until then every decision is a 503. It waits for as long as
   * that takes; given a signal, for example `AbortSignal.timeout(30_000)`, it rejects with `not_ready` when that aborts,
   * and says what was in the way. The guard goes on trying.
   */
  whenReady(signal?: AbortSignal): Promise<void>;
  /**
   * Resolves with those of the audiences about whose tokens the issuer does not answer this client: opaque tokens for them, and `online` routes, are
   * answered with 503. Rejects with an `IssuerError` when it cannot be asked.
   */
  apisNotIntrospected(): Promise<readonly string[]>;
  /** Gives the lease back. */
  close(): Promise<void>;
}

const LEASE_MS = 5000;
/** Some 400 MB. */
const MAX_REVOCATIONS = 20_000_000;
/** As the lease request has it (protocol/feed.ts), with room for the suffix. */
const REPLICA_NAME = /^[\w.@-]{1,80}$/;
const SUFFIX_BYTES = 4;
/** As long as whoever waits for the answer is kept waiting. */
const INTROSPECTION_LIMIT_MS = 3000;
const FIRST_KEYS_RETRY_MS = 250;
const KEYS_RETRY_MAX_MS = 5000;

/**
 * A guard from a few settings. It starts at once and never gives up: an issuer that is down only delays it.
 *
 * Throws `invalid_configuration` for settings that cannot work.
 */
export function connect(options: ConnectOptions): ConnectedGuard {
  const { log = consoleLog } = options;
  const settings: Settings = {
    ...options,
    clientSecret: options.clientSecret ?? "",
    // After the options: one that is there and undefined must not win over its default.
    fetch: options.fetch ?? fetch,
    clock: options.clock ?? systemClock,
    allowInsecureRequests: options.allowInsecureRequests ?? false,
    leaseMs: options.leaseMs ?? LEASE_MS,
  };
  checkOptions(settings);
  const { issuer, clientId, name, allowInsecureRequests, clock } = settings;
  const outage = new Outage({ issuer, clientId, name, log, clock });
  const http = issuerFeed({
    issuer,
    clientId,
    clientSecret: settings.clientSecret,
    feedEndpoint: settings.feedEndpoint,
    allowInsecureRequests,
    fetch: settings.fetch,
    clock,
    onRefused: (refused) => log.warn({ event: "feed_refused", guard: name, issuer, ...refused }),
  });
  const keys = remoteKeySource({
    fetchKeySet: keySetOf({ issuer, fetch: settings.fetch, allowInsecureRequests }),
    clock: settings.clock,
    log: outage.ofKeys,
  });
  const replica: Replica = createReplica({
    feed: options.feed === undefined ? http : options.feed(http),
    name: nameOfThisLife(settings.name),
    leaseMs: settings.leaseMs,
    maxEntries: options.maxRevocations ?? MAX_REVOCATIONS,
    // Whoever carries the feed: Redis and relays have no key, so they can neither invent a record nor hide one.
    // Nor does whoever stole a key that is refused here already.
    verifyHead: createSignedHeadVerifier({
      issuer: settings.issuer,
      keys: withoutRefusedKeys(keys, () => replica),
    }),
    log: outage.ofReplica,
    clock: settings.clock,
    onApplied: options.onApplied,
  });
  const introspect = introspectionAt(settings);
  const guard = createGuard({
    issuer: settings.issuer,
    audience: settings.audience,
    introspect,
    keys,
    revocations: replica,
    realm: settings.realm,
    freshness: settings.freshness,
    clock: settings.clock,
    log: outage.ofGuard,
  });
  const closing = new AbortController();

  const keysThere = firstKeys({
    keys,
    signal: closing.signal,
    onFailure: (error, retryMs) => outage.keysFailed(error, retryMs),
  });
  // Whoever asks `whenReady` learns of it; nobody has to.
  keysThere.then(() => outage.keysCame()).catch(() => {});
  replica.start();

  return {
    replica,
    counters: guard.counters,
    introspection: guard.introspection,
    authenticate: (authorization, requirements, caller) =>
      guard.authenticate(authorization, requirements, caller),
    apisNotIntrospected: async () => lackingOf((await introspect(NO_TOKEN)).introspects, audiences(settings)),
    whenReady: async (signal) => {
      try {
        await Promise.all([replica.whenReady(signal), unlessAborted(keysThere, signal)]);
      } catch (cause) {
        throw closing.signal.aborted ? cause : notReady(cause, outage.problem);
      }
    },
    close: async () => {
      closing.abort(new Error("The guard was closed."));
      await replica.close();
    },
  };
}

/**
 * Under one name a second process, or the one before, would acknowledge what this one has not applied, and give back a
 * lease that this one still holds.
 */
const nameOfThisLife = (name: string): string => `${name}-${randomBytes(SUFFIX_BYTES).toString("hex")}`;

/** The answer about it is that it is none; what the client may ask about comes with every answer. */
const NO_TOKEN = "none";

const audiences = ({ audience }: Settings): ReadonlySet<string> =>
  new Set(typeof audience === "string" ? [audience] : audience);

function introspectionAt({ issuer, clientId, clientSecret, fetch, allowInsecureRequests }: Settings) {
  const discovered = remembered(async () => {
    const metadata = await discoverIssuer({ issuer, fetch, allowInsecureRequests });
    // One that has none may have one later: then it is looked for again.
    endpointOf(metadata, "introspection_endpoint");
    return metadata;
  });
  return introspectionOf({
    issuer,
    clientId,
    clientSecret,
    fetch,
    allowInsecureRequests,
    timeoutMs: INTROSPECTION_LIMIT_MS,
    discovered,
  });
}

type Defaulted = "clientSecret" | "fetch" | "clock" | "allowInsecureRequests" | "leaseMs";
type Settings = ConnectOptions & {
  readonly [Name in Defaulted]-?: NonNullable<ConnectOptions[Name]>;
};

interface FirstKeysOptions {
  readonly keys: RemoteKeySource;
  readonly signal: AbortSignal;
  readonly onFailure: (error: unknown, retryMs: number) => void;
}

/** Fetches the issuer's keys until it has them once, so that the first request needs no fetch. */
async function firstKeys({ keys, signal, onFailure }: FirstKeysOptions): Promise<void> {
  for (
    let retryMs = FIRST_KEYS_RETRY_MS;
    !signal.aborted;
    retryMs = Math.min(retryMs * 2, KEYS_RETRY_MAX_MS)
  ) {
    try {
      return await keys.refresh();
    } catch (error) {
      if (signal.aborted) break;
      onFailure(error, retryMs);
      await pause(systemTimer, retryMs, signal);
    }
  }
  throw signal.reason;
}

function notReady(cause: unknown, problem: Problem | undefined) {
  const gaveUp = cause instanceof Error ? cause.message : String(cause);
  const why = problem?.message ?? "Nothing has failed so far.";
  return guardError("not_ready", { text: `The guard is not ready (${gaveUp}). ${why}`, cause });
}

function checkOptions(settings: Settings): void {
  requireIssuerUrl(settings.issuer, settings);
  // The feed is asked with a token: it must not go over a network in the clear.
  if (settings.feedEndpoint !== undefined) requireSecureUrl("feedEndpoint", settings.feedEndpoint, settings);
  for (const name of ["clientId", "clientSecret"] as const) {
    if (typeof settings[name] !== "string" || settings[name] === "") {
      throw guardError("invalid_configuration", {
        text: `${name}: found none; it is needed to read the feed.`,
      });
    }
  }
  if (!REPLICA_NAME.test(settings.name)) {
    throw guardError("invalid_configuration", {
      text: `name: found ${JSON.stringify(settings.name)}; give 1 to 80 letters, digits, "_", ".", "@" or "-".`,
    });
  }
}
