import type { RevocableClaims } from "@portcullis/protocol";
import type { TokenCoordinates } from "./coordinates.ts";
import type { Verdict } from "./verdict.ts";

/** What a guard needs to know of revocations: a replica in a verifier, or the log itself inside the issuer. */
export interface RevocationView {
  /** Throws `replica_not_ready` before the first snapshot. */
  coordinatesOf(claims: RevocableClaims, header: { kid?: string }): TokenCoordinates;
  /** A denial holds in every state. An allow counts only while `freshness()` is young enough. */
  verdict(at: TokenCoordinates): Verdict;
  /** `ageMs` is Infinity until the view has been fresh once. Computed at the call, on the monotonic clock. */
  freshness(): { ready: boolean; ageMs: number };
  /** Granted length of the lease: no allow is ever valid past it, whatever a route would accept. */
  readonly leaseMs: number;
  /**
   * Tells when what was allowed may be denied now: records came, or a lease was lost. A replica tells in the turn in
   * which that is so, before it acknowledges. A lease that only runs out is not told: whoever minds asks `freshness`.
   * Gives the function that ends it. A view that has none, as in another thread, has to be asked again and again.
   */
  onVerdicts?(listener: () => void): () => void;
}
