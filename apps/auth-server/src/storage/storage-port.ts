import type { Kysely } from "kysely";
import type { Database, Dialect } from "./database.ts";
import type { SqlRevocationLog } from "./log/sql-revocation-log.ts";
import type { Listen } from "./postgres/listener.ts";
import type { OnBehalfOf, SpaceState } from "./space/room.ts";
import type { DiskRoomOptions } from "./sqlite/disk-room.ts";
import type { WriteTransaction } from "./write-transaction.ts";

export interface Storage {
  readonly dialect: Dialect;
  /** Committed rows only. Outside of any transaction: two reads may see two states, the later never the older. */
  readonly read: Kysely<Database>;
  /**
   * Runs a unit of writing and resolves once it is on disk. Units share transactions (group commit); each fails
   * alone. Rejects with `storage_unavailable` when the store failed: nothing of the unit may be taken for done then.
   * Keep foreign waiting (network, passwords) out of it: other writers wait for it. It may run again when another
   * server was in its way, so it changes nothing but the database.
   */
  write<T>(work: (transaction: WriteTransaction) => T | Promise<T>, options?: WriteOptions): Promise<T>;
  readonly log: SqlRevocationLog;
  readonly counters: StorageCounters;
  readonly space: SpaceState;
  /** Rejects as `write` would. Asks the store only when nothing was stored in the last seconds, or something was not. */
  checkWritable(): Promise<void>;
  /** What other servers on the database say. Undefined on SQLite, where there are none. */
  readonly listen?: Listen;
  /** Stores what is queued, then closes. */
  close(): Promise<void>;
}

export interface WriteOptions {
  /** Rejects with `storage_full` while there is no space for this. Default: for the server itself (space/room.ts). */
  readonly onBehalfOf?: OnBehalfOf;
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
  /** With SQLite: default none, so that nothing is refused before the disk is full. */
  readonly diskSpace?: DiskRoomOptions | undefined;
  /** Private happenings, for the operator's log. */
  readonly report?: (event: { readonly event: string; readonly [detail: string]: unknown }) => void;
}

/** What the operator's log and the steady clock are, where nobody said. */
export function observersOf({
  report = () => undefined,
  monotonicMs = () => performance.now(),
}: StorageOptions) {
  return { report, monotonicMs };
}
