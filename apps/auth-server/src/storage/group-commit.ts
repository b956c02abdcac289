import { AsyncLocalStorage } from "node:async_hooks";
import type { ChainedRecord } from "@portcullis/feed-server";
import type { SqlRevocationLog } from "../revocations/sql-revocation-log.ts";
import { asUnitError, storageError } from "./errors.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";
import { Unit } from "./unit.ts";
import type { WriteTransaction } from "./write-transaction.ts";

/** Units that share one commit at most: bounds how long the first of them waits for the last. */
const GROUP_LIMIT = 256;
/** A unit that takes longer waits for something foreign, and every other writer with it. */
const UNIT_TIME_LIMIT_MS = 5000;

export interface GroupCommitOptions {
  readonly writer: SqliteConnection;
  readonly log: SqlRevocationLog;
  readonly counters: { units: number; commits: number; failedCommits: number };
  readonly groupLimit?: number;
  readonly unitTimeLimitMs?: number;
}

type Work = (transaction: WriteTransaction) => Promise<unknown>;

interface QueuedUnit {
  readonly work: Work;
  /** Runs in the asynchronous context of the caller, whoever's turn started the drain. */
  readonly inContext: <T>(run: () => T) => T;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A unit that ran, and how to tell its caller. Nobody is told before the commit. */
interface FinishedUnit {
  readonly records: readonly ChainedRecord[];
  readonly stored: boolean;
  readonly tell: () => void;
  readonly reject: (error: unknown) => void;
}

const currentUnit = new AsyncLocalStorage<Unit>();

/**
 * One transaction for many units of writing: BEGIN IMMEDIATE, each unit in a SAVEPOINT, one COMMIT, and so one
 * wait for the disk. A unit that fails is undone alone. Callers hear nothing, neither success nor a failure
 * that may rest on what an earlier unit of the group wrote, until the COMMIT is on disk; if it fails, all of
 * them hear `storage_unavailable` and the log publishes nothing.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #queue: QueuedUnit[] = [];
  readonly #outsideOfRequests = AsyncLocalStorage.snapshot();
  #draining: Promise<void> | undefined;
  #closed = false;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  write<T>(work: (transaction: WriteTransaction) => Promise<T>): Promise<T> {
    // It would wait for the group that waits for it.
    if (currentUnit.getStore()?.isOver === false) return Promise.reject(storageError("nested_write"));
    if (this.#closed) return Promise.reject(storageError("storage_closed"));
    return new Promise<T>((resolve, reject) => {
      const inContext = AsyncLocalStorage.snapshot();
      this.#queue.push({ work, inContext, resolve: resolve as (value: unknown) => void, reject });
      this.#draining ??= this.#outsideOfRequests(() => this.#drain());
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#draining;
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      // By the end of this turn of the event loop every request that has arrived has queued its unit.
      await nextTurn();
      await this.#runGroup();
    }
    this.#draining = undefined;
  }

  async #runGroup(): Promise<void> {
    const finished: FinishedUnit[] = [];
    try {
      this.#begin();
      while (finished.length < (this.#options.groupLimit ?? GROUP_LIMIT)) {
        const queued = this.#queue.shift();
        if (queued === undefined) break;
        finished.push(await this.#runUnit(queued));
      }
      this.#options.writer.database.exec("COMMIT");
    } catch (cause) {
      this.#failGroup(finished, cause);
      return;
    }
    this.#options.counters.commits++;
    this.#options.counters.units += finished.filter((unit) => unit.stored).length;
    // Before anybody is told: who has heard of a revocation's commit must find it in head() and in the verdict.
    this.#options.log.publish(finished.flatMap((unit) => unit.records));
    for (const unit of finished) unit.tell();
  }

  #begin(): void {
    const { database } = this.#options.writer;
    if (database.isTransaction) database.exec("ROLLBACK");
    try {
      database.exec("BEGIN IMMEDIATE");
    } catch (cause) {
      // Who waits now would only wait for the same lock again, one busy timeout after the other.
      for (const queued of this.#queue.splice(0)) queued.reject(unavailable(cause));
      throw cause;
    }
  }

  async #runUnit(queued: QueuedUnit): Promise<FinishedUnit> {
    const { database } = this.#options.writer;
    const unit = new Unit(this.#options.writer, this.#options.log);
    try {
      database.exec("SAVEPOINT unit");
      const value = await this.#withinTimeLimit(() => runInContext(queued, unit));
      unit.end();
      unit.checkAppends();
      database.exec("RELEASE unit");
      const tell = () => queued.resolve(value);
      return { records: unit.records, stored: true, tell, reject: queued.reject };
    } catch (error) {
      unit.end();
      this.#undoUnit(queued, error);
      const tell = () => queued.reject(asUnitError(error));
      return { records: [], stored: false, tell, reject: queued.reject };
    }
  }

  /** Some failures (disk full, I/O) make SQLite undo the whole transaction: then the group is lost. */
  #undoUnit(queued: QueuedUnit, error: unknown): void {
    const { database } = this.#options.writer;
    try {
      if (!database.isTransaction) throw error;
      database.exec("ROLLBACK TO unit; RELEASE unit");
    } catch (cause) {
      queued.reject(unavailable(cause));
      throw cause;
    }
  }

  #failGroup(finished: readonly FinishedUnit[], cause: unknown): void {
    const { writer, counters } = this.#options;
    counters.failedCommits++;
    try {
      if (writer.database.isTransaction) writer.database.exec("ROLLBACK");
    } catch {
      // The next group tries again before it begins; until that works, every write answers 503.
    }
    for (const unit of finished) unit.reject(unavailable(cause));
  }

  #withinTimeLimit<T>(run: () => Promise<T>): Promise<T> {
    const limitMs = this.#options.unitTimeLimitMs ?? UNIT_TIME_LIMIT_MS;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(storageError("unit_timed_out")), limitMs);
      run()
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
  }
}

/** Asynchronous, so that a unit that throws at once rejects. */
function runInContext(queued: QueuedUnit, unit: Unit): Promise<unknown> {
  return queued.inContext(() => currentUnit.run(unit, async () => queued.work(unit.transaction)));
}

function unavailable(cause: unknown): Error {
  return storageError("storage_unavailable", { detail: (cause as Error).message, cause });
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
