import type { Log } from "@portcullis/protocol";
import { feedError } from "./errors.ts";
import { countedFor, type Entering, type Granting, type LeaseBook } from "./lease-book.ts";
import type { KnownLeaseHolder, LeaseHolderDirectory } from "./lease-holder-directory.ts";
import {
  keyOfLeaseHolder,
  type Laggard,
  type Lease,
  type LeaseHolder,
  type LeaseTable,
} from "./lease-table.ts";

export interface ExclusiveLeasesOptions {
  readonly directory: LeaseHolderDirectory;
  readonly table: LeaseTable;
  readonly operatorLog: Pick<Log, "warn">;
}

/**
 * Leases of a server that is alone with its log: every grant is in its own table. The name of a new lease holder is on disk
 * before it may say "allow", so that a restarted server knows whom to wait for; renewals write nothing, and go on
 * while the disk is full.
 */
export class ExclusiveLeases implements LeaseBook {
  readonly #options: ExclusiveLeasesOptions;
  /** What the directory holds, by key. */
  readonly #stored: Map<string, KnownLeaseHolder>;
  /** Whose grant is on its way: they must not be forgotten before it comes. */
  readonly #entering = new Set<{ readonly key: string; readonly secretHash: string }>();

  static async open(options: ExclusiveLeasesOptions): Promise<ExclusiveLeases> {
    const stored = new Map<string, KnownLeaseHolder>();
    for (const known of await options.directory.all()) {
      stored.set(keyOfLeaseHolder(known.holder), known);
      options.table.presume(known.holder, countedFor(known.leaseMs), known.secretHash);
    }
    return new ExclusiveLeases(options, stored);
  }

  private constructor(options: ExclusiveLeasesOptions, stored: Map<string, KnownLeaseHolder>) {
    this.#options = options;
    this.#stored = stored;
  }

  held(): Lease[] {
    return this.#options.table.held();
  }

  laggardsOf(seq: number): Laggard[] {
    return this.#options.table.laggardsOf(seq);
  }

  subscribe(...[listener]: Parameters<LeaseTable["subscribe"]>): () => void {
    return this.#options.table.subscribe(listener);
  }

  get count(): number {
    return this.#options.table.count;
  }

  has(key: string): boolean {
    return this.#options.table.has(key);
  }

  namesOf(clientId: string): number {
    return this.#options.table.namesOf(clientId);
  }

  isHeldBy(holder: LeaseHolder, secretHash: string): boolean {
    return this.has(keyOfLeaseHolder(holder)) && !this.#isOfAnother(holder, secretHash);
  }

  /** Nothing is gained by hearing of it before the grant, which comes at once. */
  acknowledge(): void {}

  async enter<T>({ holder, leaseMs, secretHash }: Entering, grant: () => Promise<T>): Promise<T> {
    if (this.#isOfAnother(holder, secretHash)) throw feedError("lease_of_another_process");
    const entering = { key: keyOfLeaseHolder(holder), secretHash };
    this.#entering.add(entering);
    try {
      await this.#store({ holder, leaseMs, secretHash });
      return await grant();
    } finally {
      this.#entering.delete(entering);
    }
  }

  async #store({ holder, leaseMs, secretHash }: KnownLeaseHolder): Promise<void> {
    const key = keyOfLeaseHolder(holder);
    const stored = this.#stored.get(key);
    if (stored !== undefined && stored.leaseMs >= leaseMs && stored.secretHash === secretHash) return;
    await this.#options.directory.enter({ holder, leaseMs, secretHash });
    const longest = Math.max(leaseMs, this.#stored.get(key)?.leaseMs ?? 0);
    this.#stored.set(key, { holder, leaseMs: longest, secretHash });
  }

  /** Of two processes that come at once under a new name, the first has it. */
  #isOfAnother(holder: LeaseHolder, secretHash: string): boolean {
    const key = keyOfLeaseHolder(holder);
    const isTaken = [...this.#entering].some((other) => other.key === key && other.secretHash !== secretHash);
    return isTaken || this.#options.table.isOfAnother(holder, secretHash);
  }

  grant(holder: LeaseHolder, granting: Granting): void {
    this.#options.table.grant(holder, { ...granting, leaseMs: countedFor(granting.leaseMs) });
  }

  async release(holder: LeaseHolder, secretHash: string): Promise<void> {
    if (this.#isOfAnother(holder, secretHash)) throw feedError("lease_of_another_process");
    this.#options.table.release(holder);
    // Not awaited: a name that stays on disk only makes the first receipts after a restart wait.
    if (this.#stored.has(keyOfLeaseHolder(holder))) void this.#forget([keyOfLeaseHolder(holder)]);
  }

  /** Forgets lease holders whose leases ran out. What cannot be stored now is tried again at the next sweep. */
  async sweep(): Promise<void> {
    this.#options.table.dropExpired();
    const gone = [...this.#stored.keys()].filter((key) => !this.#isNeeded(key));
    if (gone.length > 0) await this.#forget(gone);
  }

  #isNeeded(key: string): boolean {
    return this.#options.table.has(key) || [...this.#entering].some((entering) => entering.key === key);
  }

  async #forget(keys: readonly string[]): Promise<void> {
    try {
      await this.#options.directory.leave(() => {
        // One may have come back while this waited for its turn.
        const gone = keys.filter((key) => this.#stored.has(key) && !this.#isNeeded(key));
        const holders = gone.map((key) => this.#stored.get(key)!.holder);
        // Before the commit: a lease holder that comes back from now on stores its name anew.
        for (const key of gone) this.#stored.delete(key);
        return holders;
      });
    } catch (error) {
      this.#options.operatorLog.warn({ event: "replica_names_not_stored", error });
    }
  }
}
