import type { KeyObject } from "node:crypto";
import { accessTokenError } from "./errors.ts";
import { importKeySet, type KeySet } from "./key-set.ts";

/** Where a verifier gets its public keys. */
export interface KeySource {
  /**
   * The public key of this `kid`, if it is bound to this `alg`. At once when the key is known, so that
   * verification needs no promise. Throws or rejects with `unknown_key`, and with `keys_unavailable` or
   * `key_not_known_yet` while it cannot be said whether there is such a key.
   */
  keyFor(header: { readonly kid: string; readonly alg: string }): KeyObject | Promise<KeyObject>;
  /**
   * Changes whenever a key that was served is served no more; verifiers then forget every token they have
   * verified. Absent: keys never go away.
   */
  readonly generation?: number;
}

/** A JSON Web Key Set (RFC 7517) as an issuer publishes it. */
export interface JsonWebKeySet {
  readonly keys: readonly object[];
}

/**
 * Returns keys from memory. Given a function, it is asked on every use, and the set is imported again when it is
 * another object than the last time: an issuer in the same process rotates keys by returning a new set.
 */
export function localKeySource(jwks: JsonWebKeySet | (() => JsonWebKeySet)): KeySource {
  const current = typeof jwks === "function" ? jwks : () => jwks;
  let last = current();
  let set = importKeySet(last.keys);
  let generation = 0;

  function latest(): KeySet {
    const now = current();
    if (now === last) return set;
    const next = importKeySet(now.keys);
    if (!set.isWithin(next)) generation++;
    last = now;
    set = next;
    return set;
  }

  return {
    keyFor(header) {
      const key = latest().find(header);
      if (key === undefined) throw accessTokenError("unknown_key");
      return key;
    },
    get generation() {
      latest();
      return generation;
    },
  };
}
