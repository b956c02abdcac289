import type { Log } from "@portcullis/protocol";
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
  readonly #entering = new Set<{ readonly key: string }>();

  static async open(options: ExclusiveLeasesOptions): Promise<ExclusiveLeases> {
    const stored = new Map<string, KnownLeaseHolder>();
    for (const known of await options.directory.all()) {
      stored.set(keyOfLeaseHolder(known.holder), known);
      options.table.presume(known.holder, countedFor(known.leaseMs));
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

  /** Nothing is gained by hearing of it before the grant, which comes at once. */
  acknowledge(): void {}

  async enter<T>({ holder, leaseMs }: Entering, grant: () => Promise<T>): Promise<T> {
    const entering = { key: keyOfLeaseHolder(holder) };
    this.#entering.add(entering);
    try {
      await this.#store(holder, leaseMs);
      return await grant();
    } finally {
      this.#entering.delete(entering);
    }
  }

  async #store(holder: LeaseHolder, leaseMs: number): Promise<void> {
    const key = keyOfLeaseHolder(holder);
    if ((this.#stored.get(key)?.leaseMs ?? 0) >= leaseMs) return;
    await this.#options.directory.enter({ holder, leaseMs });
    const longest = Math.max(leaseMs, this.#stored.get(key)?.leaseMs ?? 0);
    this.#stored.set(key, { holder, leaseMs: longest });
  }

  grant(holder: LeaseHolder, granting: Granting): void {
    this.#options.table.grant(holder, { ...granting, leaseMs: countedFor(granting.leaseMs) });
  }

  async release(holder: LeaseHolder): Promise<void> {
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
