export interface SessionPolicyTables {
  policies: PoliciesTable;
  replaced_handles: ReplacedHandlesTable;
}

/** How long sessions live, and how many there may be. */
export interface PoliciesTable {
  /** `default`: there is no other yet. */
  name: string;
  /** Without a visit and a refresh. */
  idle_seconds: number;
  /** After the last sign-in. */
  absolute_seconds: number;
  /** Sessions at most; null: as many as there are. Then the next two are null as well. */
  limit_max: number | null;
  limit_per: "user" | "deviceType" | "app" | null;
  limit_overflow: "replaceOldest" | "refuse" | "ask" | null;
  /** How far off the end of a new token for scripts may be; null, with the next: as without a policy. */
  tokens_max_seconds: number | null;
  tokens_may_lack_expiry: 0 | 1 | null;
  /** From 1; grows with each change. */
  revision: number;
  /** Seconds; null: as it was made. */
  changed_at: number | null;
}

/** Cookie values and refresh tokens of sessions that a newer one took the place of, and refresh tokens that a ban has ended: their holders are told so. */
export interface ReplacedHandlesTable {
  /** SHA-256, as the value itself was found by. */
  id_hash: Uint8Array;
  session_uid: string;
  /** `uid` of the session that took the place. Null of what a ban has ended, and of rows of before: then the replaced session says so. */
  replaced_by: string | null;
}
