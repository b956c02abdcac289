import { LONGEST_LEASE_MS } from "@portcullis/feed-server";

/**
 * How fast two clocks that are slewed as NTP does (500 ppm each) come apart. Off every lease that is passed on: ages are
 * measured on one clock and used on another, and the issuer counts our lease for only so much longer than it said.
 */
const DRIFT_ALLOWANCE = 1e-3;

export interface OwnRight {
  /** Since the log was known to be complete. */
  readonly ageMs: number;
  /** Length of the lease that counts from then. */
  readonly leaseMs: number;
}

/**
 * What a verifier that asks for `askedMs` is given: it counts the length from `ageMs` before it asked, so its right
 * ends before ours does, whenever it asked. Undefined when nothing is left.
 */
export function passOnLease(own: OwnRight, askedMs: number): OwnRight | undefined {
  const ageMs = own.ageMs * (1 + DRIFT_ALLOWANCE);
  const leaseMs = Math.floor(Math.min(own.leaseMs * (1 - DRIFT_ALLOWANCE), askedMs, LONGEST_LEASE_MS));
  return ageMs < leaseMs ? { ageMs, leaseMs } : undefined;
}
