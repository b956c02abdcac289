import type { LeaseHolder, LeaseReport, Leases } from "./lease-table.ts";

/** Longest lease that any server may be set to give. A server that cannot look up who holds leases counts with it. */
export const LONGEST_LEASE_MS = 60_000;
/**
 * What a lease counts for longer here than its verifier is told: one in a thousand. Two clocks that are slewed as fast
 * as NTP does (500 ppm each) differ by that much, and the time on the wire, which is the other margin, may be none.
 */
const DRIFT_ALLOWANCE = 1e-3;

export const countedFor = (leaseMs: number): number => leaseMs * (1 + DRIFT_ALLOWANCE);

/** A lease that is about to be given: the answer goes out with the turn. */
export interface Granting extends LeaseReport {
  readonly secretHash: string;
  readonly applied: number;
  /** Newest committed seq, read in this turn. */
  readonly head: number;
  /** Monotonic, when the request had arrived. */
  readonly receivedAt: number;
  /** As the verifier is told. */
  readonly leaseMs: number;
}

/** Who is about to hold a lease. */
export interface Entering {
  readonly holder: LeaseHolder;
  readonly leaseMs: number;
  /** SHA-256 of what its process alone knows. */
  readonly secretHash: string;
  readonly address?: string | undefined;
  /** The head as it was read after the call had arrived, for a name that is new; for others any. */
  readonly head: number;
}

/** Where a desk writes down whom it lets say "allow": for this process alone, or for all servers on one database. */
export interface LeaseBook extends Leases {
  /** How many leases there are, about: those that ran out lately are among them. Asked at every call. */
  readonly count: number;
  has(key: string): boolean;
  /** How many names of the client are kept, whether their leases run or have run out lately. Each costs a place. */
  namesOf(clientId: string): number;
  /** Whether this process took the name, as far as it is known here without a question to anybody. */
  isHeldBy(holder: LeaseHolder, secretHash: string): boolean;
  /** An acknowledgement of records that the log holds, by the process that holds the name. It is true at once, whether a lease follows or not. */
  acknowledge(
    holder: LeaseHolder,
    position: { readonly incarnation: string; readonly applied: number },
  ): void;
  /**
   * Runs `grant` once everybody who may give a receipt will find the lease holder, with a lease of this length, and sees to
   * it that this stays so until it is over. The head that a grant names must be read within it. Throws
   * `lease_of_another_process` when another process may hold a lease under the name.
   */
  enter<T>(entering: Entering, grant: () => Promise<T>): Promise<T>;
  grant(holder: LeaseHolder, granting: Granting): void;
  /** Throws `lease_of_another_process`, and else nothing: a name that stays only makes receipts wait. */
  release(holder: LeaseHolder, secretHash: string): Promise<void>;
  /** Called each second. Never rejects. */
  sweep(): Promise<void>;
}
