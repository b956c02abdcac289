import type { LeaseHolder } from "@portcullis/feed-server";
import type { LiveDigest } from "@portcullis/protocol";

/** What a verifier said last of its index, at whichever server. */
export interface RowReport {
  /** Of the log that `applied` is about. */
  readonly incarnation: string;
  readonly applied: number;
  /** Value of the chain at `applied`. */
  readonly chain: string | undefined;
  readonly live: { readonly applied: number; readonly digest: LiveDigest } | undefined;
}

/** A lease holder as one server writes it down. */
export interface RowChange {
  readonly holder: LeaseHolder;
  /** The head when its holder came: of a row that is there already, that stays. */
  readonly since: number;
  readonly leaseMs: number;
  readonly report: RowReport;
}

/** A lease holder as all servers see it. */
export interface DirectoryRow {
  readonly holder: LeaseHolder;
  /** The head when its holder came. */
  readonly since: number;
  /** Longest lease that it was granted. */
  readonly leaseMs: number;
  readonly report: RowReport | undefined;
  /** Another number after each write, and not one that an earlier row of the same name had. */
  readonly renewal: number;
}

export interface DirectoryWrite {
  /** Adds the row, or renews it. */
  readonly enter: readonly RowChange[];
  /** Renews the row if it is still there: one that was given back must not come back by a late renewal. */
  readonly renew: readonly RowChange[];
  /** Deletes the row; if `renewal` is given, only while it is still that. */
  readonly leave: readonly { readonly holder: LeaseHolder; readonly renewal?: number }[];
}

/**
 * Port: the table `replicas`, which all servers on one database read and write. Every call sees what was committed
 * before it began.
 */
export interface SharedDirectory {
  all(): Promise<DirectoryRow[]>;
  /** The lengths of the leases of those that are there, by key. */
  find(holders: readonly LeaseHolder[]): Promise<ReadonlyMap<string, number>>;
  /**
   * All of it in one transaction, each name at most once. Resolves once it is on disk, with the keys of rows that were
   * to be renewed and are gone.
   */
  write(change: DirectoryWrite): Promise<readonly string[]>;
}
