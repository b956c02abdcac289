import type { KeyObject } from "node:crypto";

/** Where a verifier gets its public keys. */
export interface KeySource {
  /**
   * The public key of this `kid`, if it is bound to this `alg`. At once when the key is known, so that
   * verification needs no promise. Throws or rejects with `unknown_key` or `keys_unavailable`.
   */
  keyFor(header: { readonly kid: string; readonly alg: string }): KeyObject | Promise<KeyObject>;
  /**
   * Changes whenever a key that was served is served no more; verifiers then forget every token they have
   * verified. Absent: keys never go away.
   */
  readonly generation?: number;
}
