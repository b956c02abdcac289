import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ChainedRecord } from "@portcullis/feed-server";
import { hasCode, type PortcullisError } from "@portcullis/protocol";
import { storageError } from "../errors.ts";
import type { SqlRevocationLog } from "../log/sql-revocation-log.ts";
import { type Room, UNLIMITED } from "../space/room.ts";
import { withinTimeLimit } from "../within-time-limit.ts";
import type { OnBehalfOf, WriteOptions, WriteTransaction } from "../write-transaction.ts";
import { Gathering } from "./gathering.ts";
import type { GroupConnection } from "./group-connection.ts";
import { type Append, Unit } from "./unit.ts";
import type { WriteHealth } from "./write-health.ts";

/** Units that share one commit at most: bounds how long the first of them waits for the last. */
const GROUP_LIMIT = 256;
/** A unit that takes longer waits for something foreign, and every other writer of its lane with it. */
const UNIT_TIME_LIMIT_MS = 5000;
/** Tries of a unit that others were in the way of. */
const MAX_TRIES = 50;
/** Of a unit of the server's own: after so many it waits for something that may last, and lets go of the lane that is kept. */
const MAX_TRIES_ON_KEPT_LANE = 3;

export interface GroupCommitOptions {
  /** Lanes: each runs one group at a time. */
  readonly connections: readonly GroupConnection[];
  /**
   * More of them, which no unit of a client or a stranger takes: revoking, leases and whether anything can be stored wait for no
   * issuing, whatever that waits for. Default: none.
   */
  readonly kept?: readonly GroupConnection[];
  readonly log: SqlRevocationLog;
  readonly counters: { units: number; commits: number; failedCommits: number };
  readonly unitTimeLimitMs?: number;
  readonly room?: Room;
  /** Told of each transaction that was stored, or was not. */
  readonly health?: WriteHealth;
}

type Work = (transaction: WriteTransaction) => unknown;

interface QueuedUnit {
  readonly work: Work;
  readonly onBehalfOf: OnBehalfOf | undefined;
  /** Runs in the asynchronous context of the caller, whoever's turn started the drain. */
  readonly inContext: <T>(run: () => T) => T;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  tries: number;
}

/** Where a group takes its units from, and the one that it begins with. */
interface Group {
  readonly queue: QueuedUnit[];
  readonly first: QueuedUnit;
}

/** A unit that ran, and how to tell its caller. Nobody is told before the commit. */
interface FinishedUnit {
  readonly unit: Unit | undefined;
  readonly queued: QueuedUnit;
  readonly tell: () => void;
  /** Why the store did not take it, though it took the rest of the group. */
  readonly storeFailure?: PortcullisError | undefined;
}

const currentUnit = new AsyncLocalStorage<Unit>();

/**
 * One transaction for many units of writing: BEGIN, each unit in a SAVEPOINT, one COMMIT, and so one wait for the
 * disk. A unit that fails is undone alone. Callers hear nothing, neither success nor a failure that may rest on what
 * an earlier unit of the group wrote, until the COMMIT is on disk; if it fails, all of them hear
 * `storage_unavailable`. The log gives its places last, right before the COMMIT: its counter is what all servers of
 * a database share, and a group that waits for something else must not hold it.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  /** Of the server itself, which go first and in groups of their own. Where no lane is kept, empty. */
  readonly #own: QueuedUnit[] = [];
  /** Of clients and strangers, and what has let go of the kept lane. */
  readonly #others: QueuedUnit[] = [];
  readonly #outsideOfRequests = AsyncLocalStorage.snapshot();
  readonly #idle: GroupConnection[];
  readonly #idleKept: GroupConnection[];
  readonly #kept: ReadonlySet<GroupConnection>;
  readonly #draining = new Set<Promise<void>>();
  readonly #gathering = new Gathering();
  readonly #room: Room;
  #closed = false;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#idle = [...options.connections];
    this.#idleKept = [...(options.kept ?? [])];
    this.#kept = new Set(options.kept);
    this.#room = options.room ?? UNLIMITED;
  }

  /** Units that wait for their turn. */
  get waiting(): number {
    return this.#own.length + this.#others.length;
  }

  write<T>(
    work: (transaction: WriteTransaction) => T | Promise<T>,
    { onBehalfOf }: WriteOptions = {},
  ): Promise<T> {
    // It would wait for the group that waits for it.
    if (currentUnit.getStore()?.isOver === false) return Promise.reject(storageError("nested_write"));
    if (this.#closed) return Promise.reject(storageError("storage_closed"));
    return new Promise<T>((resolve, reject) => {
      this.#room.admit(onBehalfOf);
      const inContext = AsyncLocalStorage.snapshot();
      const told = { resolve: resolve as (value: unknown) => void, reject };
      const isOwn = onBehalfOf === undefined && this.#kept.size > 0;
      (isOwn ? this.#own : this.#others).push({ work, onBehalfOf, inContext, ...told, tries: 0 });
      this.#wakeLane(isOwn);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    while (this.#draining.size > 0) await Promise.all(this.#draining);
    for (const connection of [...this.#options.connections, ...this.#kept]) await connection.close();
  }

  #wakeLane(isOwn: boolean): void {
    const kept = isOwn ? this.#idleKept.shift() : undefined;
    const connection = kept ?? this.#idle.shift();
    if (connection === undefined) return;
    const drain = this.#outsideOfRequests(() => this.#drain(connection));
    this.#draining.add(drain);
    void drain.finally(() => this.#draining.delete(drain));
  }

  async #drain(connection: GroupConnection): Promise<void> {
    do {
      do {
        await this.#gathering.end();
        // By the end of this turn of the event loop every request that has arrived has queued its unit.
        await nextTurn();
      } while (this.#gathering.isOn);
      // Taken before the transaction begins: another lane may be faster, and an empty one would be for nothing.
      const queue = this.#queueFor(connection);
      const first = queue.shift();
      if (first !== undefined) await this.#runGroup(connection, { queue, first });
    } while (this.#queueFor(connection).length > 0);
    (this.#kept.has(connection) ? this.#idleKept : this.#idle).push(connection);
  }

  /** Of one group, since all of a group wait for the slowest: what the server does itself waits for no unit of a client. */
  #queueFor(connection: GroupConnection): QueuedUnit[] {
    return this.#own.length > 0 || this.#kept.has(connection) ? this.#own : this.#others;
  }

  /** To be the first of the next group. */
  #putBack(...units: readonly QueuedUnit[]): void {
    for (const unit of units.toReversed()) {
      const isOwn =
        unit.onBehalfOf === undefined && this.#kept.size > 0 && unit.tries < MAX_TRIES_ON_KEPT_LANE;
      (isOwn ? this.#own : this.#others).unshift(unit);
      // The lane that it comes from may be one that does not take it any more.
      this.#wakeLane(isOwn);
    }
  }

  async #runGroup(connection: GroupConnection, { queue, first }: Group): Promise<void> {
    const finished: FinishedUnit[] = [];
    let records: readonly ChainedRecord[];
    try {
      await this.#begin(connection, first);
      await this.#runUnits(connection, { queue, first }, finished);
      records = await this.#endGroup(connection, finished);
    } catch (cause) {
      await this.#failGroup(connection, finished, cause);
      return;
    }
    this.#noteHealth(finished);
    this.#options.counters.commits++;
    const stored = finished.flatMap(({ unit }) => unit ?? []);
    this.#options.counters.units += stored.length;
    for (const { afterCommit } of stored) for (const work of afterCommit) work();
    await this.#tell(finished, records);
  }

  #noteHealth(finished: readonly FinishedUnit[]): void {
    const failure = finished.find(({ storeFailure }) => storeFailure !== undefined)?.storeFailure;
    if (failure !== undefined) this.#options.health?.failed(failure);
    else if (finished.some(({ unit }) => unit !== undefined)) this.#options.health?.stored();
  }

  async #begin(connection: GroupConnection, first: QueuedUnit): Promise<void> {
    try {
      await connection.begin();
    } catch (cause) {
      if (this.#room.makeRoom(cause)) {
        this.#putBack(first);
        throw cause;
      }
      // Who waits now would only wait for the same in vain, one time limit after the other.
      for (const queued of [first, ...this.#own.splice(0), ...this.#others.splice(0)])
        queued.reject(unavailable(cause));
      throw cause;
    }
  }

  async #runUnits(
    connection: GroupConnection,
    { queue, first }: Group,
    finished: FinishedUnit[],
  ): Promise<void> {
    let queued: QueuedUnit | undefined = first;
    while (queued !== undefined) {
      const result = await this.#runUnit(connection, queued);
      if (result === "again") {
        // What this group holds may be what the others wait for, and they hold what it waits for: it ends now.
        this.#putBack(queued);
        return;
      }
      finished.push(result);
      const isFull = finished.length >= GROUP_LIMIT || connection.isFull();
      queued = isFull ? undefined : queue.shift();
    }
  }

  async #runUnit(connection: GroupConnection, queued: QueuedUnit): Promise<FinishedUnit | "again"> {
    const unit = new Unit(connection, this.#options.log);
    queued.tries++;
    try {
      // Again: what runs once more because the disk was full may be what filled it.
      this.#room.admit(queued.onBehalfOf);
      connection.beginUnit();
      const limitMs = this.#options.unitTimeLimitMs ?? UNIT_TIME_LIMIT_MS;
      const value = await withinTimeLimit(limitMs, (restart) => {
        unit.onStep = restart;
        return runInContext(queued, unit);
      });
      unit.end();
      unit.checkAppends();
      await connection.endUnit();
      return { unit, queued, tell: () => queued.resolve(value) };
    } catch (error) {
      unit.end();
      return this.#undoUnit(connection, queued, error);
    }
  }

  async #undoUnit(
    connection: GroupConnection,
    queued: QueuedUnit,
    error: unknown,
  ): Promise<FinishedUnit | "again"> {
    try {
      await connection.undoUnit();
    } catch (cause) {
      // The whole transaction is lost, and with it what this unit did: it goes with its group.
      if (this.#room.makeRoom(error)) this.#putBack(queued);
      else queued.reject(unavailable(cause));
      throw cause;
    }
    const isRace = connection.isRace(error, queued.tries) || this.#room.makeRoom(error);
    if (isRace && queued.tries < MAX_TRIES) return "again";
    const told = isRace ? storageError("contended", { cause: error }) : connection.asUnitError(error);
    const storeFailure = hasCode(told, "storage_unavailable") ? told : undefined;
    return { unit: undefined, queued, tell: () => queued.reject(told), storeFailure };
  }

  async #endGroup(
    connection: GroupConnection,
    finished: readonly FinishedUnit[],
  ): Promise<readonly ChainedRecord[]> {
    const units = finished.flatMap(({ unit }) => unit ?? []);
    const appends = units.flatMap((unit) => unit.appends);
    const endings = units.flatMap((unit) => unit.endings);
    if (appends.length > 0 || endings.length > 0) {
      return this.#gathering.during(() => this.#append(connection, appends, endings));
    }
    await connection.commit();
    return [];
  }

  /** Gives the records of all units their places, in the order of the units, and commits. */
  async #append(
    connection: GroupConnection,
    appends: readonly Append[],
    endings: Unit["endings"],
  ): Promise<readonly ChainedRecord[]> {
    connection.beginEnd();
    const db = connection.queries(() => undefined);
    const { lockRows } = connection;
    const records = await this.#options.log.place({ db, lockRows }, appends);
    for (const ending of endings) await ending(db);
    await connection.commit();
    return records;
  }

  /** Before anybody is told: who has heard of a revocation's commit must find it in head() and in the verdict. */
  async #tell(finished: readonly FinishedUnit[], records: readonly ChainedRecord[]): Promise<void> {
    try {
      await this.#options.log.publish(records);
    } catch (cause) {
      // On disk, but this server has not got there: nobody may be told of a revocation that it does not enforce.
      for (const { unit, queued, tell } of finished) {
        if (unit !== undefined && unit.appends.length > 0) queued.reject(unavailable(cause));
        else tell();
      }
      return;
    }
    for (const { tell } of finished) tell();
  }

  async #failGroup(
    connection: GroupConnection,
    finished: readonly FinishedUnit[],
    cause: unknown,
  ): Promise<void> {
    this.#options.counters.failedCommits++;
    await connection.rollback();
    if (this.#room.makeRoom(cause)) {
      // Nothing of it is stored and nobody was told: all of it runs once more, on the reserve.
      this.#putBack(...finished.map(({ queued }) => queued));
      return;
    }
    this.#options.health?.failed(cause);
    for (const { queued } of finished) queued.reject(unavailable(cause));
  }
}

/** Asynchronous, so that a unit that throws at once rejects. */
function runInContext(queued: QueuedUnit, unit: Unit): Promise<unknown> {
  return queued.inContext(() => currentUnit.run(unit, async () => queued.work(unit.transaction)));
}

function unavailable(cause: unknown): Error {
  return storageError("storage_unavailable", { detail: (cause as Error).message, cause });
}
