import type { Generated } from "kysely";

/** Tables of the log and of the verifiers that follow it. Codes are those of protocol's SCOPE_CODES and so on. */

export interface RevocationTables {
  revocations: RevocationsTable;
  revocation_state: RevocationStateTable;
  replicas: ReplicasTable;
  suspended_verifiers: SuspendedVerifiersTable;
  token_lifetimes: TokenLifetimesTable;
  prune_clock: PruneClockTable;
  standing_refusals: StandingRefusalsTable;
}

/** One row a revocation. Rows are inserted, never updated, and deleted only from the old end once expired. */
export interface RevocationsTable {
  /** Place in the log: gap-free, in commit order, from 1. */
  seq: number;
  scope: number;
  mode: number;
  reason: number;
  /** 16 bytes, as verifiers see it. */
  key: Uint8Array;
  /** What was revoked, in clear, for the audit. Never leaves SQL by the feed. JSON for a pair. */
  key_text: string | null;
  /** Seconds. */
  revoked_at: number;
  /** Seconds. No token that the record covers verifies after it. */
  expires_at: number;
  /** Seconds, scope `token` only. */
  token_expires_at: number | null;
  /** 32 bytes: value of the chain after this record (protocol/chain.ts). */
  chain: Uint8Array;
  /** Who did it: a client id or a subject. */
  actor: string | null;
  /** Why, in words. */
  note: string | null;
}

/** One row. */
export interface RevocationStateTable {
  id: 1;
  /** Of this database; a restored one gets another, and so does one whose tokens live longer than before. */
  incarnation: string;
  /** Larger than that of every incarnation before: when this one began, in seconds, or one more than the last. */
  epoch: number;
  /** Newest seq that was given. Updated in the transaction that gives it, which is what makes seqs gap-free. */
  head: number;
  /** 32 bytes: value of the chain at `head`. */
  chain: Uint8Array;
  /** 32 bytes: maps subjects, clients and other texts to keys. */
  hash_key: Uint8Array;
  /** Seq of the newest row that was pruned, 0 while there is none, and the value of the chain there. */
  anchor_seq: number;
  /** 32 bytes. */
  anchor_chain: Uint8Array;
}

/**
 * What is refused for good: signing keys, and keys that tokens are bound to. The log forgets, since whatever it denies
 * expires; whoever has stolen a key goes on making tokens. So each has a record in the log that is made anew before the
 * last one expires (standing-refusals.ts).
 */
export interface StandingRefusalsTable {
  scope: number;
  /** 16 bytes, as verifiers see it. */
  key: Uint8Array;
  key_text: string | null;
  reason: number;
  /** Seconds. */
  since: number;
  /** Seconds: of the newest record in the log. 0 when there is none yet. */
  expires_at: number;
}

/** Longest lives of access tokens, as they were configured (token-lifetimes.ts). */
export interface TokenLifetimesTable {
  seconds: number;
  /** Seconds; null for the one that is configured now. After it the last token of that life has expired. */
  until: number | null;
}

/** One row, once a server has started: how far the time has come by which servers delete (log/retention-clock.ts). */
export interface PruneClockTable {
  id: 1;
  /** Only ever grows. */
  seconds: number;
}

/**
 * Verifiers that may hold a lease. On SQLite written when one appears, asks for longer, or leaves; on PostgreSQL, where
 * other servers must know of it, also about once a second for those that called.
 */
export interface ReplicasTable {
  client_id: string;
  name: string;
  /** Longest lease that it was granted. */
  lease_ms: number;
  /** Of the log that `applied` is about; null before its first lease call. */
  incarnation: string | null;
  /** Newest seq that it has acknowledged. */
  applied: Generated<number>;
  /** Grows with each lease call that any server has answered. */
  renewal: Generated<number>;
  /** What it reported last: the value of the chain at `applied`, and the JSON of its live digest. */
  chain: string | null;
  live: string | null;
  /** The head of the log when it came: it stood when later seqs were committed. */
  since: Generated<number>;
  /** Base64url of the SHA-256 of what its process alone knows; null of a lease from before there were such secrets. */
  secret_hash: string | null;
  /** Where its last call came from. */
  address: string | null;
}

/** Verifiers that get no lease, until an operator says otherwise. */
export interface SuspendedVerifiersTable {
  client_id: string;
  name: string;
  /** Seconds. */
  suspended_at: number;
  /** A client id or a subject. */
  suspended_by: string;
  /** Why, in words. */
  note: string | null;
}
