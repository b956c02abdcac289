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
  readonly secretHash: string;
  /** Where its last call to this server came from. */
  readonly address?: string | undefined;
  /** The row's `renewal`, if it is another process's whose lease has run out, and may be taken over while it still is that. */
  readonly over?: number | undefined;
  /** The head when its holder came: of a row that is its own already, that stays. */
  readonly since: number;
  readonly leaseMs: number;
  readonly report: RowReport;
}

/** A lease holder as all servers see it. */
export interface DirectoryRow {
  readonly holder: LeaseHolder;
  /** Undefined of a row from before there were such secrets: whoever comes first makes it his. */
  readonly secretHash: string | undefined;
  readonly address?: string | undefined;
  /** The head when its holder came. */
  readonly since: number;
  /** Longest lease that it was granted. */
  readonly leaseMs: number;
  readonly report: RowReport | undefined;
  /** Another number after each write, and not one that an earlier row of the same name had. */
  readonly renewal: number;
}

/** Deletes a row: only while its `renewal`, or its `secretHash`, is still what is given. */
export interface RowLeave {
  readonly holder: LeaseHolder;
  readonly renewal?: number | undefined;
  readonly secretHash?: string | undefined;
}

export interface DirectoryWrite {
  /** Adds the row, or renews it. */
  readonly enter: readonly RowChange[];
  /** Renews the row if it is still there: one that was given back must not come back by a late renewal. */
  readonly renew: readonly RowChange[];
  /** Before all else. */
  readonly leave: readonly RowLeave[];
}

/** Keys of rows that were not written as was asked. */
export interface DirectoryWritten {
  /** They were to be renewed, and are not there. */
  readonly gone: readonly string[];
  /** They are another process's. */
  readonly taken: readonly string[];
}

export type FoundRow = Pick<DirectoryRow, "leaseMs" | "secretHash">;

/**
 * Port: the table `replicas`, which all servers on one database read and write. Every call sees what was committed
 * before it began.
 */
export interface SharedDirectory {
  all(): Promise<DirectoryRow[]>;
  /** Those that are there, by key. */
  find(holders: readonly LeaseHolder[]): Promise<ReadonlyMap<string, FoundRow>>;
  /** All of it in one transaction, each name at most once. Resolves once it is on disk. */
  write(change: DirectoryWrite): Promise<DirectoryWritten>;
}
