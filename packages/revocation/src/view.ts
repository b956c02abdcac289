import type { RevocableClaims } from "@portcullis/protocol";
import type { TokenCoordinates } from "./coordinates.ts";
import type { Verdict } from "./verdict.ts";

export interface ViewFreshness {
  readonly ready: boolean;
  /** Infinity until the view has been fresh once. On the monotonic clock. */
  readonly ageMs: number;
  /**
   * The wall clock is off from the issuer's by more than the skew: nothing may be allowed, since a token that has expired
   * could look alive after its revocation was forgotten. Absent where the issuer's clock is this one.
   */
  readonly isClockOff?: boolean;
}

/** What a guard needs to know of revocations: a replica in a verifier, or the log itself inside the issuer. */
export interface RevocationView {
  /** Returns what a token is looked up under. Throws `replica_not_ready` before the first snapshot. */
  coordinatesOf(claims: RevocableClaims, header: { kid?: string }): TokenCoordinates;
  /** Returns the verdict. A denial holds in every state; an allow counts only while `freshness()` is young enough. */
  verdict(at: TokenCoordinates): Verdict;
  /**
   * Returns how fresh it is at the call. `wallSeconds`: what the wall clock showed a moment ago; without it the clock is
   * not judged.
   */
  freshness(wallSeconds?: number): ViewFreshness;
  /**
   * Returns how far `wallSeconds` is ahead of the latest that the issuer's clock may show, or behind it if negative;
   * undefined where the issuer's time is not known. Absent where the issuer's clock is this one.
   */
  clockOffsetMs?(wallSeconds: number): number | undefined;
  /** Granted length of the lease: no allow is ever valid past it, whatever a route would accept. */
  readonly leaseMs: number;
  /**
   * Tells when what was allowed may be denied now: records came, or a lease was lost. A replica tells in the turn in
   * which that is so, before it acknowledges. A lease that only runs out is not told: whoever minds asks `freshness`.
   * Gives the function that ends it. A view that has none, as in another thread, has to be asked again and again.
   */
  onVerdicts?(listener: () => void): () => void;
}
