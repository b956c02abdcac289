import { feedError } from "./errors.ts";
import { LONGEST_LEASE_MS } from "./lease-book.ts";

/** What a server gives to whom: settings of its operator, whatever a verifier asks for. */
export interface LeaseTerms {
  /** Shorter ones are refused: a verifier that renews without pause costs the server more than it is worth. */
  readonly shortestMs: number;
  /** What is asked for beyond it is not given: for so long a silent verifier can keep a receipt waiting. */
  readonly longestMs: number;
  /** Names that one client may use at a time. */
  readonly namesPerClient: number;
  /** Names that these clients may use instead, by `client_id`. */
  readonly namesByClient: Readonly<Record<string, number>>;
}

/** The longest is below the longest wait of a receipt (`Prefer: wait=30`), so that a wait can end with `enforced`. */
export const DEFAULT_LEASE_TERMS: LeaseTerms = {
  shortestMs: 500,
  longestMs: 20_000,
  namesPerClient: 500,
  namesByClient: {},
};

/** Returns the length that is given. Throws `lease_too_short`. */
export function grantedMs({ shortestMs, longestMs }: LeaseTerms, askedMs: number): number {
  if (askedMs < shortestMs) {
    const text = `leaseMs is ${askedMs}. The shortest lease that this server gives is ${shortestMs}: ask for that or more, or for 0 to give it back.`;
    throw feedError("lease_too_short", { text });
  }
  return Math.min(askedMs, longestMs, LONGEST_LEASE_MS);
}
