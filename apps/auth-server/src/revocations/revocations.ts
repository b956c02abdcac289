import { randomBytes as cryptoRandomBytes } from "node:crypto";
import {
  every,
  FeedHub,
  FeedStreams,
  HeadSigner,
  type LeaseBook,
  LeaseDesk,
  type LeaseTerms,
  type SignHead,
  Snapshots,
} from "@portcullis/feed-server";
import type { Authenticate } from "@portcullis/http-api";
import { type Clock, type ErrorDefinition, type Log, silentLog, systemTimer } from "@portcullis/protocol";
import type { FastifyInstance } from "fastify";
import type { Storage } from "../storage/storage.ts";
import type { SubsOf } from "./api/find-revocations.ts";
import { type Repeating, revocationRoutes } from "./api/routes.ts";
import type { Bus } from "./many-servers/bus.ts";
import { openLeases } from "./many-servers/open-leases.ts";
import { createReceipts, type Receipts, type RecipientsOf } from "./receipts/receipts.ts";
import { LogCapacity } from "./retention/log-capacity.ts";
import { pruneExpired } from "./retention/prune.ts";
import { isRefusedForGood, renewStandingRefusals } from "./retention/standing-refusals.ts";
import {
  type BlastRadiusOf,
  createRevoker,
  type EndBelow,
  type FindTarget,
  type Revoker,
} from "./revoke/revoker.ts";
import { createRollback, type Rollback, type RollbackOptions } from "./rollback/rollback.ts";
import { type LocalRevocations, loadLocalRevocations } from "./verifiers/local-revocations.ts";
import { SilentVerifiers } from "./verifiers/silent-verifiers.ts";
import { SuspendedVerifiers } from "./verifiers/suspended-verifiers.ts";
import { createVerifiers, type Verifiers } from "./verifiers/verifiers.ts";

const HEARTBEAT_MS = 2000;
const SWEEP_MS = 1000;
const PRUNE_MS = 30_000;
const MAX_LIVE_REVOCATIONS = 10_000_000;

export interface RevocationsOptions {
  readonly storage: Storage;
  readonly endBelow: EndBelow;
  /** For who asks beforehand what a call would end. */
  readonly blastRadiusOf: BlastRadiusOf;
  /** What a revocation names, looked up where it ends: what is not there is no success. */
  readonly findTarget: FindTarget;
  /** The `sub` of everybody who is called so, for searches. Default: what is searched for is a `sub`. */
  readonly subsOf?: SubsOf;
  /** Audience of the server's own API, for searches. */
  readonly ownApi?: string;
  /** What `findTarget` throws, for the description of the API. Default: nothing. */
  readonly targetErrors?: readonly ErrorDefinition[];
  /** As of the revoker: the receipt of a retired key is given when its successor signs here. */
  readonly settle?: () => Promise<void>;
  /** Called with what to do when heads that were signed before may be of a dead key. */
  readonly onKeysChanged?: (listener: () => void) => void;
  /** A faster way to the other servers than the database's own. Whoever made it closes it. */
  readonly bus?: Bus | undefined;
  /** Default: heads go out unsigned. */
  readonly signHead?: SignHead;
  /** Default: a rollback of the database can be declared, and proved by nobody. */
  readonly recognizeHead?: RollbackOptions["recognizeHead"];
  /** Default: those of the operating system. */
  readonly randomBytes?: (size: number) => Uint8Array;
  /** Leases and receipts read its monotonic side alone. */
  readonly clock: Clock;
  /** Who is told besides the verifiers. Default: nobody. */
  readonly recipientsOf?: RecipientsOf;
  /** Private happenings, for the operator's log; never a token or key. */
  readonly operatorLog?: Log;
  readonly limits?: RevocationLimits;
  /** Default: `DEFAULT_LEASE_TERMS`. */
  readonly leaseTerms?: LeaseTerms | undefined;
  /** Default: ten million. */
  readonly maxLiveRevocations?: number;
}

export interface RevocationLimits {
  readonly streamsPerClient?: number;
  /** Bytes that wait for one verifier before it is cut off. */
  readonly writableLimitBytes?: number;
}

export interface RevocationCounters {
  readonly head: number;
  readonly openStreams: number;
  readonly leases: number;
  /** Of these, those that do not acknowledge. */
  readonly silentVerifiers: number;
  readonly streamsOpened: number;
  readonly streamsCutSlow: number;
  readonly snapshotsBuilt: number;
  readonly snapshotsServed: number;
  /** How often a verifier said that what a relay or Redis brought was refused. */
  readonly carriersRefused: number;
}

export interface RevocationsPlace {
  readonly authenticate: Authenticate;
  readonly path: string;
  readonly repeating?: Repeating;
}

export interface Revocations {
  readonly revoker: Revoker;
  readonly receipts: Receipts;
  readonly local: LocalRevocations;
  readonly verifiers: Verifiers;
  readonly rollback: Rollback;
  /** Whether nothing may ever be signed with the key, or bound to it, again. Reads SQL. */
  isRefusedForGood(scope: "key" | "dpop-key", key: string): Promise<boolean>;
  counters(): RevocationCounters;
  /** Adds the routes of docs/reference/revocations-api.md below `path`, which is `/revocations`. */
  mount(app: FastifyInstance, options: RevocationsPlace): void;
  /**
   * Ends all streams, and answers receipts that wait with what is known. Before the app closes, which would wait for them; calls
   * that are under way are answered as ever.
   */
  endStreams(): void;
  /** Ends the timers and the leases. After the app has closed: receipts count leases. Before the storage's. */
  close(): Promise<void>;
}

/** Loads the live log into memory: resolves when `local` can answer. */
export async function createRevocations(options: RevocationsOptions): Promise<Revocations> {
  const { storage, clock, bus, endBelow, blastRadiusOf, findTarget, settle, signHead } = options;
  const {
    recognizeHead = async () => undefined,
    randomBytes = cryptoRandomBytes,
    operatorLog = silentLog,
    targetErrors = [],
    subsOf = async () => [],
    limits = {},
    maxLiveRevocations = MAX_LIVE_REVOCATIONS,
  } = options;
  const { log, read, readKept } = storage;
  const setTimer = systemTimer;

  // Before anything is answered: while no server ran, the records of what is refused for good may have expired.
  await renewStandingRefusals(storage);
  // Before all that tell others: what a verifier hears of is already denied here.
  const local = await loadLocalRevocations({ log, clock });
  const { leases, close: closeLeases } = await openLeases({ storage, bus, clock, setTimer, operatorLog });
  const rollback = createRollback({
    storage,
    endBelow,
    recognizeHead,
    isKeyRevoked: local.isKeyRevoked,
    randomBytes,
    clock,
    operatorLog,
  });
  const signer = new HeadSigner({ signHead, clock, operatorLog });
  const suspended = await SuspendedVerifiers.open({ storage, clock, operatorLog });
  const desk = new LeaseDesk({
    log,
    signer,
    leases,
    terms: options.leaseTerms,
    clock,
    onAheadOfHead: rollback.judge,
    isSuspended: (holder) => suspended.has(holder),
    operatorLog,
  });
  const receipts = createReceipts({
    leases,
    head: () => log.head(),
    refresh: () => log.refresh(),
    recipientsOf: options.recipientsOf,
    clock,
    setTimer,
  });
  const revoker = createRevoker({
    write: storage.write,
    read: readKept,
    log,
    endBelow,
    blastRadiusOf,
    findTarget,
    ...(settle === undefined ? {} : { settle }),
  });
  const snapshots = new Snapshots({ log, clock, signer });
  const hub = new FeedHub({ log, clock, setTimer, signer });
  options.onKeysChanged?.(() => {
    signer.forget();
    snapshots.forget();
  });
  const streams = new FeedStreams({
    hub,
    local,
    clock,
    setTimer,
    streamsPerClient: limits.streamsPerClient,
    writableLimitBytes: limits.writableLimitBytes,
  });
  const capacity = new LogCapacity({ log, maxLiveRevocations, operatorLog });
  const silent = new SilentVerifiers({
    held: () => leases.held(),
    head: () => log.head(),
    clock,
    operatorLog,
  });
  const stopTimers = startTimers({
    capacity,
    storage,
    operatorLog,
    hub,
    leases,
    snapshots,
    rollback,
    suspended,
    silent,
  });

  const endStreams = () => {
    receipts.close();
    hub.close();
  };
  const verifiers = createVerifiers({ leases, log, read, clock });

  return {
    revoker,
    receipts,
    local,
    verifiers,
    rollback,
    isRefusedForGood: (scope, key) =>
      isRefusedForGood(readKept, { scope, key: log.keySpace.keyOf(scope, key) }),
    counters: () => ({
      head: log.head(),
      openStreams: hub.size,
      leases: leases.held().length,
      silentVerifiers: silent.count,
      streamsOpened: streams.counters.opened,
      streamsCutSlow: streams.counters.cutSlow,
      snapshotsBuilt: snapshots.counters.built,
      snapshotsServed: snapshots.counters.served,
      carriersRefused: desk.counters.carriersRefused,
    }),
    mount(app, { authenticate, path, repeating }) {
      const parts = {
        revoker,
        capacity,
        receipts,
        verifiers,
        suspended,
        subsOf,
        ownApi: options.ownApi,
        rollback,
        log,
        read,
        signHead,
        snapshots,
        leases: desk,
        streams,
        clock,
        targetErrors,
      };
      const routes = revocationRoutes(parts, { authenticate, log: operatorLog, repeating });
      app.register(routes, { prefix: path });
    },
    endStreams,
    async close() {
      endStreams();
      await stopTimers();
      await closeLeases();
      await local.settled();
    },
  };
}

function startTimers(parts: {
  readonly storage: Storage;
  readonly operatorLog: Log;
  readonly hub: FeedHub;
  readonly leases: LeaseBook;
  readonly snapshots: Snapshots;
  readonly rollback: Rollback;
  readonly capacity: LogCapacity;
  readonly suspended: SuspendedVerifiers;
  readonly silent: SilentVerifiers;
}): () => Promise<void> {
  const { storage, hub, leases, snapshots, rollback, capacity, suspended, silent, operatorLog } = parts;
  const look = () =>
    rollback.look().catch((error: unknown) => operatorLog.error({ event: "rollback_not_settled", error }));
  const prune = async () => {
    try {
      await renewStandingRefusals(storage);
      await storage.pruning.run("log", async (time) => ({
        revocations: await pruneExpired({ storage, time }),
      }));
    } catch (error) {
      operatorLog.warn({ event: "prune_failed", error });
    }
  };
  const stops = [
    every(HEARTBEAT_MS, () => hub.beat()),
    every(SWEEP_MS, () => {
      capacity.watch();
      snapshots.forgetOld();
      silent.look();
      return Promise.all([leases.sweep(), suspended.refresh()]).then(() => undefined);
    }),
    every(SWEEP_MS, look),
    every(PRUNE_MS, prune),
  ];
  return async () => {
    await Promise.all(stops.map((stop) => stop()));
  };
}
