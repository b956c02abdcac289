import type { KeyObject } from "node:crypto";
import { importKey } from "./import-key.ts";

/** A JSON Web Key Set (RFC 7517, section 5) whose usable keys have been imported. */
export interface KeySet {
  find(header: { readonly kid: string; readonly alg: string }): KeyObject | undefined;
  /** Whether every key of this set is in the other one too. */
  isWithin(other: KeySet): boolean;
  readonly size: number;
}

/** More keys than any issuer publishes; each costs an import. */
const MAX_KEYS = 100;

/**
 * Unusable and unknown keys are skipped (RFC 7517, section 5). Of two keys with one `kid` and one algorithm
 * the first counts: a token signed by the other fails, which is the safe side.
 */
export function importKeySet(keys: readonly unknown[]): KeySet {
  const imported = new Map<string, KeyObject>();
  for (const jwk of keys.slice(0, MAX_KEYS)) {
    const found = importKey(jwk);
    if (found === undefined) continue;
    const name = nameOf(found.algorithm, found.kid);
    if (!imported.has(name)) imported.set(name, found.key);
  }
  return keySetOf(imported);
}

const nameOf = (algorithm: string, kid: string): string => `${algorithm} ${kid}`;

function keySetOf(imported: ReadonlyMap<string, KeyObject>): KeySet {
  return {
    find: ({ kid, alg }) => imported.get(nameOf(alg, kid)),
    isWithin: (other) =>
      [...imported].every(([name, key]) => {
        const at = name.indexOf(" ");
        return other.find({ alg: name.slice(0, at), kid: name.slice(at + 1) })?.equals(key) ?? false;
      }),
    size: imported.size,
  };
}
