import type { Kysely } from "kysely";
import { SqlRevocationLog } from "../revocations/sql-revocation-log.ts";
import { lockDataFile, prepareDataFile } from "./data-file.ts";
import type { Database } from "./database.ts";
import { storageError } from "./errors.ts";
import { GroupCommit } from "./group-commit.ts";
import { migrateToLatest } from "./migrate.ts";
import { migrations } from "./migrations/index.ts";
import { openReader, openWriter, queriesOn } from "./sqlite-connection.ts";
import type { WriteTransaction } from "./write-transaction.ts";

export interface Storage {
  readonly dialect: "sqlite" | "postgres";
  /** Committed rows only. Outside of any transaction: two reads may see two states, the later never the older. */
  readonly read: Kysely<Database>;
  /**
   * Runs a unit of writing and resolves once it is on disk. Units share transactions (group commit); each fails
   * alone. Rejects with `storage_unavailable` when the store failed: nothing of the unit holds then.
   * Keep foreign waiting (network, passwords) out of it: all other writers wait for it.
   */
  write<T>(work: (transaction: WriteTransaction) => Promise<T>): Promise<T>;
  readonly log: SqlRevocationLog;
  readonly counters: StorageCounters;
  /** Stores what is queued, then closes. */
  close(): Promise<void>;
}

export interface StorageCounters {
  /** Units that were stored. */
  units: number;
  /** Transactions that were committed: fewer than units under load. */
  commits: number;
  /** Transactions that failed, with everything in them. */
  failedCommits: number;
}

export type DatabaseOptions =
  /** Path of the file. Its directory is made if missing, for the owner alone. */
  | { readonly kind: "sqlite"; readonly file: string }
  | { readonly kind: "postgres"; readonly url: string; readonly poolSize: number };

export interface StorageOptions {
  readonly database: DatabaseOptions;
  /** Longest life of any access token. */
  readonly tokenLifetimeSeconds: number;
  readonly clockSkewSeconds: number;
  readonly nowSeconds: () => number;
  /** Default: `performance.now`. */
  readonly monotonicMs?: () => number;
  readonly randomBytes: (size: number) => Uint8Array;
}

export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { database } = options;
  if (database.kind === "postgres") throw storageError("data_unusable", { detail: "PostgreSQL" });
  prepareDataFile(database.file);
  const lock = lockDataFile(database.file);
  try {
    return await openLocked({ ...options, file: database.file }, lock.release);
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function openLocked(
  options: StorageOptions & { readonly file: string },
  release: () => void,
): Promise<Storage> {
  const writer = openWriter(options.file);
  await migrateToLatest(writer.database, migrations);
  const reader = openReader(options.file);
  const read = queriesOn(reader.prepare);
  const log = await SqlRevocationLog.open({ ...options, read, write: queriesOn(writer.prepare) });
  const counters = { units: 0, commits: 0, failedCommits: 0 };
  const commits = new GroupCommit({ writer, log, counters });
  return {
    dialect: "sqlite",
    read,
    write: (work) => commits.write(work),
    log,
    counters,
    async close() {
      await commits.close();
      reader.database.close();
      writer.database.close();
      release();
    },
  };
}
