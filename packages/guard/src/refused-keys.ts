import type { KeySource } from "@portcullis/access-token";
import { hasCode, type Reason, type RevocableClaims } from "@portcullis/protocol";
import type { RevocationView } from "@portcullis/revocation";
import { guardError } from "./errors.ts";

/** Of which only the key can be revoked: its horizon is past every cutoff. */
const NO_TOKEN: RevocableClaims = { iss: "", iat: 0, exp: 0, rv: Number.MAX_SAFE_INTEGER };

/**
 * The issuer's keys but for those that are refused. The bearer is told why before any key is looked for: a retired key has
 * left the JWKS, so that it would be asked for again and again, and its tokens would seem to be of nobody. Throws
 * `key_refused`, whose detail is the reason.
 */
export function withoutRefusedKeys(keys: KeySource, view: () => RevocationView): KeySource {
  return {
    keyFor(header) {
      const reason = refusalOf(view(), header.kid);
      if (reason !== undefined) throw guardError("key_refused", { detail: reason });
      return keys.keyFor(header);
    },
    get generation() {
      return keys.generation ?? 0;
    },
  };
}

function refusalOf(view: RevocationView, kid: string): Reason | undefined {
  try {
    const verdict = view.verdict(view.coordinatesOf(NO_TOKEN, { kid }));
    return verdict.outcome === "killed" ? verdict.reason : undefined;
  } catch (error) {
    // Before the first snapshot nothing is known here, and nobody is let in; the JWKS has no retired keys.
    if (hasCode(error, "replica_not_ready")) return undefined;
    throw error;
  }
}
