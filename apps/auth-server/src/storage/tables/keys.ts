import type { SigningAlgorithm } from "@portcullis/protocol";
import type { Generated } from "kysely";

export interface KeyTables {
  oidc_signing_keys: SigningKeysTable;
  oidc_key_ring: KeyRingTable;
}

/**
 * `active`: signs, one at most of each algorithm. `next`: signs nothing yet and is published, so that verifiers know it when
 * it is to sign; one at most of each algorithm. `retiring`: another has taken its place; published until its last token has ended. `retired`: never
 * published, never loaded, and never anything else again.
 */
export type KeyStatus = "active" | "next" | "retiring" | "retired";

export interface SigningKeysTable {
  kid: string;
  /** Of its signatures. One that ever had a key is in use from then on. */
  algorithm: Generated<SigningAlgorithm>;
  /** Private JWK; the public part alone once retired. */
  jwk: string;
  /** Seconds, as all times here. It is published from then on: no key is made that is kept back. */
  created_at: number;
  status: KeyStatus;
  /** Of a retiring one. */
  published_until: number | null;
  retired_at: number | null;
  retired_reason: string | null;
  /** Who did it: a client id or a subject. */
  retired_by: string | null;
}

/** One row. */
export interface KeyRingTable {
  id: 1;
  /** Grows with every change of a key, in its transaction. Locked by whoever changes one. */
  revision: number;
}
