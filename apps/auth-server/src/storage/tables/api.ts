export interface ApiTables {
  idempotency_keys: IdempotencyKeysTable;
}

/** Calls that were made with an `Idempotency-Key`, and what was answered, for a day (api/idempotency-keys.ts). */
export interface IdempotencyKeysTable {
  /** HMAC-SHA-256 of caller and key. */
  key_hash: Uint8Array;
  /** HMAC-SHA-256 of the caller: each has a bounded number. */
  caller_hash: Uint8Array;
  /** HMAC-SHA-256 of what was asked: a body may hold a password that can be guessed. */
  fingerprint: Uint8Array;
  /** Milliseconds. */
  claimed_at: number;
  /** The answer, AES-256-GCM under a key derived from the caller's; null while the call is being made. */
  sealed: Uint8Array | null;
}
