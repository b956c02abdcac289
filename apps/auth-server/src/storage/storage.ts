import { type Clock, type Log, silentLog } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database, Dialect } from "./database.ts";
import type { SqlRevocationLog } from "./log/sql-revocation-log.ts";
import type { Pruning } from "./pruning.ts";
import type { SpaceState } from "./space/room.ts";
import type { Write } from "./write-transaction.ts";

export interface Storage {
  readonly dialect: Dialect;
  /** Committed rows only. Outside of any transaction: two reads may see two states, the later never the older. */
  readonly read: Kysely<Database>;
  /**
   * The same on connections that no request for a token takes: for heads, leases, keys, revoking and readiness, and for nothing
   * that reads much or may wait for a lock. With SQLite, `read`.
   */
  readonly readKept: Kysely<Database>;
  write: Write;
  readonly log: SqlRevocationLog;
  /** The one way to delete what has ended. */
  readonly pruning: Pruning;
  readonly counters: StorageCounters;
  /** Units of writing that wait for their turn. */
  readonly waiting: number;
  /** With PostgreSQL: of the connections that read, those that are open and idle, and what waits for one. */
  readonly connections?: () => Readonly<Record<"open" | "idle" | "waiting", number>>;
  readonly space: SpaceState;
  /** Rejects as `write` would. Asks the store only when nothing was stored in the last seconds, or something was not. */
  checkWritable(): Promise<void>;
  /**
   * SQLite: writes what is committed from the journal back into the file, in a turn of the event loop of its own. Else a COMMIT does so, whenever the
   * journal has got long, and holds up the process for both. For in between the steps of what changes very many rows. Never rejects.
   */
  readonly writeBack?: () => Promise<void>;
  /** What other servers on the database say. Undefined on SQLite, where there are none. */
  readonly listen?: Listen;
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

export interface Listening {
  /** Lost when the connection is away. Never throws and never waits. */
  notify(payload: string): void;
  close(): Promise<void>;
}

/** `onResume` is called each time the connection is there, the first time too: what was said before is unknown. */
export type Listen = (
  channel: string,
  onMessage: (payload: string) => void,
  onResume: () => void,
) => Listening;

export interface DiskRoomOptions {
  readonly reserveBytes: number;
  /** Free bytes below which strangers are refused. */
  readonly refuseStrangersBelow: number;
  /** Free bytes below which the operator is told. */
  readonly alarmBelow: number;
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
  readonly clock: Clock;
  /** Milliseconds that the database's clock shows. Default: PostgreSQL's own; none with SQLite. For tests that move time. */
  readonly databaseClock?: (() => Promise<number>) | undefined;
  readonly randomBytes: (size: number) => Uint8Array;
  /** With SQLite: default none, so that nothing is refused before the disk is full. */
  readonly diskSpace?: DiskRoomOptions | undefined;
  /** Private happenings, for the operator's log. */
  readonly operatorLog?: Log;
}

/** What the operator's log is, where nobody said. */
export const observersOf = ({ operatorLog = silentLog, clock }: StorageOptions) => ({ operatorLog, clock });
