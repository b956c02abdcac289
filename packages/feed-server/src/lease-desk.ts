import type { LeaseRequest, LeaseResponse } from "@portcullis/protocol";
import { feedError } from "./errors.ts";
import { type Holder, keyOfHolder, type LeaseTable } from "./lease-table.ts";
import type { KnownReplica, ReplicaDirectory } from "./replica-directory.ts";
import type { ServedLog } from "./served-log.ts";

/** Longest lease there is, whatever is asked for: how long a receipt can be kept waiting by a dead verifier. */
export const LONGEST_LEASE_MS = 60_000;
const LEASES_A_CLIENT = 500;
/**
 * What a lease counts for longer here than its verifier is told: one in a thousand. Two clocks that are slewed as fast
 * as NTP does (500 ppm each) differ by that much, and the time on the wire, which is the other margin, may be none.
 */
const DRIFT_ALLOWANCE = 1e-3;

export interface LeaseDeskOptions {
  readonly log: ServedLog;
  readonly directory: ReplicaDirectory;
  readonly table: LeaseTable;
  readonly leasesPerClient?: number;
  /** A verifier has applied more of this incarnation than the log holds: committed revocations were lost. */
  readonly onAheadOfHead?: (claim: AheadOfHead) => void;
  readonly report: (event: { readonly event: string; readonly [detail: string]: unknown }) => void;
}

export interface AheadOfHead {
  readonly holder: Holder;
  readonly applied: number;
  /** What the issuer itself said, if the verifier has it: without it this is only the word of a client. */
  readonly signedHead?: string;
}

export interface LeaseCall {
  /** The authenticated client: a lease is bound to it, so that nobody acknowledges for another. */
  readonly clientId: string;
  readonly request: LeaseRequest;
  /** Monotonic, when the request had arrived. */
  readonly receivedAt: number;
}

/**
 * Gives, renews and takes back leases. The name of a new holder is on disk before it may say "allow", so that a
 * restarted server knows whom to wait for; renewals write nothing, and go on while the disk is full.
 */
export class LeaseDesk {
  readonly #options: LeaseDeskOptions;
  /** What the directory holds, by key. */
  readonly #stored: Map<string, KnownReplica>;
  /** New holders whose name is on its way to disk. They count already: many at once must not pass the limit. */
  readonly #entering = new Map<string, Holder>();

  static async open(options: LeaseDeskOptions): Promise<LeaseDesk> {
    const stored = new Map<string, KnownReplica>();
    for (const replica of await options.directory.all()) {
      stored.set(keyOfHolder(replica.holder), replica);
      options.table.presume(replica.holder, countedFor(replica.leaseMs));
    }
    return new LeaseDesk(options, stored);
  }

  private constructor(options: LeaseDeskOptions, stored: Map<string, KnownReplica>) {
    this.#options = options;
    this.#stored = stored;
  }

  async call({ clientId, request, receivedAt }: LeaseCall): Promise<LeaseResponse> {
    const { table, log } = this.#options;
    const holder = { clientId, name: request.replica };
    if (request.leaseMs === 0) return this.#release(holder);
    this.#checkFollowsThisLog(holder, request);
    this.#checkAllowance(holder);
    const leaseMs = Math.min(request.leaseMs, LONGEST_LEASE_MS);
    await this.#enter(holder, leaseMs);
    // From here to the answer is one turn: no commit comes between the head that is read and the grant.
    const head = log.head();
    const { applied, chain, live } = request;
    table.grant(holder, { applied, head, receivedAt, leaseMs: countedFor(leaseMs), chain, live });
    return { incarnation: log.incarnation, head, leaseMs };
  }

  /** Forgets holders whose leases ran out. What cannot be stored now is tried again at the next sweep. */
  async sweep(): Promise<void> {
    const { table } = this.#options;
    table.dropExpired();
    const gone = [...this.#stored.keys()].filter((key) => !table.has(key));
    if (gone.length > 0) await this.#forget(gone);
  }

  #release(holder: Holder): LeaseResponse {
    const { table, log } = this.#options;
    table.release(holder);
    // Not awaited: a name that stays on disk only makes the first receipts after a restart wait.
    if (this.#stored.has(keyOfHolder(holder))) void this.#forget([keyOfHolder(holder)]);
    return { incarnation: log.incarnation, head: log.head(), leaseMs: 0 };
  }

  #checkFollowsThisLog(holder: Holder, request: LeaseRequest): void {
    const { log } = this.#options;
    if (request.incarnation !== log.incarnation) throw feedError("other_incarnation");
    if (request.applied <= log.head()) return;
    const { applied, signedHead } = request;
    // Within one incarnation this proves that committed revocations were lost with the database.
    this.#options.report({ event: "log_rolled_back", ...holder, applied, head: log.head() });
    this.#options.onAheadOfHead?.({ holder, applied, ...(signedHead === undefined ? {} : { signedHead }) });
    throw feedError("ahead_of_head");
  }

  #checkAllowance(holder: Holder): void {
    const { table, leasesPerClient = LEASES_A_CLIENT } = this.#options;
    const key = keyOfHolder(holder);
    if (table.has(key) || this.#entering.has(key)) return;
    const entering = [...this.#entering.values()].filter(({ clientId }) => clientId === holder.clientId);
    const count = table.heldBy(holder.clientId) + entering.length;
    if (count >= leasesPerClient) throw feedError("too_many_leases");
  }

  async #enter(holder: Holder, leaseMs: number): Promise<void> {
    const key = keyOfHolder(holder);
    if (!this.#options.table.has(key)) this.#entering.set(key, holder);
    try {
      await this.#store(holder, leaseMs);
    } finally {
      this.#entering.delete(key);
    }
  }

  async #store(holder: Holder, leaseMs: number): Promise<void> {
    const key = keyOfHolder(holder);
    if ((this.#stored.get(key)?.leaseMs ?? 0) >= leaseMs) return;
    await this.#options.directory.enter({ holder, leaseMs });
    const longest = Math.max(leaseMs, this.#stored.get(key)?.leaseMs ?? 0);
    this.#stored.set(key, { holder, leaseMs: longest });
  }

  async #forget(keys: readonly string[]): Promise<void> {
    try {
      await this.#options.directory.leave(() => {
        // One may have come back while this waited for its turn.
        const gone = keys.filter((key) => this.#stored.has(key) && !this.#options.table.has(key));
        const holders = gone.map((key) => this.#stored.get(key)!.holder);
        // Before the commit: a holder that comes back from now on stores its name anew.
        for (const key of gone) this.#stored.delete(key);
        return holders;
      });
    } catch (error) {
      this.#options.report({ event: "replica_names_not_stored", error: (error as Error).message });
    }
  }
}

const countedFor = (leaseMs: number): number => leaseMs * (1 + DRIFT_ALLOWANCE);
