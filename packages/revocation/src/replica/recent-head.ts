import type { LeaseResponse, SignedHeadClaims } from "@portcullis/protocol";
import { revocationError } from "../errors.ts";

/** `iat` is in whole seconds, and the issuer gives out one signature for a second. */
const SIGNING_MS = 2000;

interface RecencyOptions {
  /** Of this verifier. A relay whose own is older has nothing left to give. */
  readonly leaseMs: number;
  /** What this verifier's clock shows, less by which it may be fast: for an answer that does not name the issuer's time. */
  readonly leastWallMs: number;
}

/**
 * Throws `malformed_feed` unless the head in an answer to a lease call was signed so recently that somebody who only passes answers on
 * cannot have kept it back for longer than a lease.
 *
 * It is compared with the time that the same answer names. Who makes that up, so that an old head looks recent, makes this verifier's clock
 * look wrong, which then allows nothing (issuer-clock.ts).
 */
export function checkRecent(
  { iat }: Pick<SignedHeadClaims, "iat">,
  { issuerTime }: Pick<LeaseResponse, "issuerTime">,
  { leaseMs, leastWallMs }: RecencyOptions,
): void {
  const ageMs = (issuerTime?.earliestMs ?? leastWallMs) - iat * 1000;
  if (ageMs <= leaseMs + SIGNING_MS) return;
  throw revocationError("malformed_feed", {
    detail: `an answer with a head that was signed ${Math.round(ageMs / 1000)} s before`,
  });
}
