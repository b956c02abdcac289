import {
  countedFor,
  type Entering,
  feedError,
  type Granting,
  keyOfLeaseHolder,
  type Laggard,
  type Lease,
  type LeaseBook,
  type LeaseChange,
  type LeaseHolder,
  LONGEST_LEASE_MS,
} from "@portcullis/feed-server";
import type { Clock, Log, SetTimer } from "@portcullis/protocol";
import { type Acknowledged, Acknowledgements } from "./acknowledgements.ts";
import { Announcer } from "./announcer.ts";
import type { Bus } from "./bus.ts";
import { DirectoryView } from "./directory-view.ts";
import { latest, silentAfter } from "./known-rows.ts";
import { ObservedHeads } from "./observed-heads.ts";
import { OwnCalls } from "./own-calls.ts";
import { RowFinder } from "./row-finder.ts";
import { RowWriter } from "./row-writer.ts";
import type { DirectoryRow, RowChange, SharedDirectory } from "./shared-directory.ts";

export interface SharedLeasesOptions {
  readonly directory: SharedDirectory;
  readonly bus: Bus;
  readonly log: {
    readonly incarnation: string;
    head(): number;
    subscribe(listener: () => void): () => void;
    onIncarnation(listener: () => void): () => void;
  };
  /** Never a wall clock: a jump would end leases here that verifiers still hold. */
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly setTimer: SetTimer;
  readonly operatorLog: Log;
}

/**
 * Leases that any of several servers on one database gives. A grant that named head H lets nobody allow what a seq up to
 * H revoked; so one that is dangerous for seq S was asked for before S was committed, and is over when a lease has
 * passed since a time at which this server knew of S. Who may hold such a grant is in the directory before it is
 * given. So whichever server is asked needs no word of the others: it reads the directory after the commit, and counts
 * out who acknowledged, to any of them, and who must have stopped.
 */
export class SharedLeases implements LeaseBook {
  readonly #options: SharedLeasesOptions;
  readonly #heads: ObservedHeads;
  readonly #acknowledged: Acknowledgements;
  readonly #view: DirectoryView;
  readonly #finder: RowFinder;
  readonly #writer: RowWriter;
  readonly #announcer: Announcer;
  readonly #calls = new OwnCalls();
  readonly #listeners = new Set<(change: LeaseChange) => void>();
  readonly #stops: (() => void)[];
  #failing = false;

  constructor(options: SharedLeasesOptions) {
    const { clock, setTimer, directory, log, bus } = options;
    this.#options = options;
    this.#heads = new ObservedHeads({ clock, rememberMs: countedFor(LONGEST_LEASE_MS) });
    this.#acknowledged = new Acknowledgements(clock);
    this.#announcer = new Announcer({ bus, setTimer });
    this.#finder = new RowFinder(directory);
    this.#writer = new RowWriter({
      directory,
      clock,
      onStored: ({ holder }, at) => this.#calls.written(holder, at),
      onGone: (key) => this.#calls.forget(key),
    });
    this.#view = new DirectoryView({
      directory,
      clock,
      setTimer,
      mark: () => this.#heads.mark(),
      onRead: (rows, startedAt) => this.#onRead(rows, startedAt),
      onFailure: (error) => this.#onFailure(error),
    });
    // What was committed before this process looked was committed before now.
    const see = () => this.#heads.see(log.incarnation, log.head());
    see();
    this.#stops = [
      log.onIncarnation(see),
      log.subscribe(see),
      bus.subscribe((message) => {
        if (message.type !== "applied") return;
        for (const { applied, ...holder } of message.replicas)
          this.#hear(holder, message.incarnation, applied);
      }),
      bus.onResume(() => void this.#view.look()),
    ];
  }

  held(): Lease[] {
    const now = this.#options.clock.monotonicMs();
    const rows = [...this.#view.rows.values()].filter((row) => silentAfter(row) > now);
    const here = this.#calls
      .inForce(now)
      .filter(({ holder }) => !this.#view.rows.has(keyOfLeaseHolder(holder)));
    return [...rows, ...here].map(({ holder }) => this.#leaseOf(holder));
  }

  laggardsOf(seq: number): Laggard[] {
    const { clock, log } = this.#options;
    const now = clock.monotonicMs();
    const committedBefore = this.#committedBefore(seq, now);
    const laggards: Laggard[] = [];
    for (const row of this.#view.rows.values()) {
      if (this.#acknowledged.appliedOf(keyOfLeaseHolder(row.holder), log.incarnation) >= seq) continue;
      const until = Math.min(committedBefore + countedFor(row.leaseMs), silentAfter(row));
      if (until > now) laggards.push({ lease: this.#leaseOf(row.holder), until });
    }
    return laggards;
  }

  strangersUntil(seq: number): number {
    if (this.#view.readSince > this.#heads.markOf(seq)) return Number.NEGATIVE_INFINITY;
    const now = this.#options.clock.monotonicMs();
    return this.#committedBefore(seq, now) + countedFor(LONGEST_LEASE_MS);
  }

  /** Whoever asks about a place knows that it is taken: one that was not seen here was committed before now. */
  #committedBefore(seq: number, now: number): number {
    return Math.min(this.#heads.at(seq), now);
  }

  /** While somebody listens, the directory is looked at often. */
  subscribe(listener: (change: LeaseChange) => void): () => void {
    this.#listeners.add(listener);
    const stop = this.#view.watch();
    return () => {
      if (this.#listeners.delete(listener)) stop();
    };
  }

  /** Of all servers: an acknowledgement to one is announced to the others. */
  get count(): number {
    return this.#view.rows.size;
  }

  has(key: string): boolean {
    return this.#view.rows.has(key) || this.#calls.has(key);
  }

  namesOf(clientId: string): number {
    const rows = [...this.#view.rows.values()].filter(({ holder }) => holder.clientId === clientId);
    const here = this.#calls.holders().filter((holder) => holder.clientId === clientId);
    return new Set([...rows.map(({ holder }) => holder), ...here].map(keyOfLeaseHolder)).size;
  }

  isHeldBy(holder: LeaseHolder, secretHash: string): boolean {
    return this.#secretHashOf(keyOfLeaseHolder(holder)) === secretHash;
  }

  acknowledge(holder: LeaseHolder, { incarnation, applied }: Acknowledged): void {
    if (this.#hear(holder, incarnation, applied)) this.#announcer.announce(holder, incarnation, applied);
  }

  async enter<T>(entering: Entering, grant: () => Promise<T>): Promise<T> {
    if (!(await this.#isStored(entering))) await this.#writer.enter(this.#changeOf(entering));
    return grant();
  }

  grant(holder: LeaseHolder, granting: Granting): void {
    const { secretHash, address, applied, chain, live, clock, leaseMs, receivedAt } = granting;
    const since = this.#sinceOf(holder, secretHash) ?? granting.head;
    const key = keyOfLeaseHolder(holder);
    const { incarnation } = this.#options.log;
    const newest = live === undefined ? this.#calls.get(key)?.report.live : { applied, digest: live };
    const report = { incarnation, applied, chain, live: newest };
    this.#calls.note({ holder, secretHash, address, since, leaseMs, receivedAt, report, clock });
  }

  async release(holder: LeaseHolder, secretHash: string): Promise<void> {
    if (!(await this.#mayRelease(holder, secretHash))) throw feedError("lease_of_another_process");
    const lease = this.#leaseOf(holder);
    this.#calls.forget(lease.key);
    this.#view.rows.delete(holder);
    this.#emit({ type: "released", lease });
    await this.#writer.leave({ holder, secretHash }).catch((error: unknown) => this.#onFailure(error));
  }

  async sweep(): Promise<void> {
    await this.#writeCalls().catch((error: unknown) => this.#onFailure(error));
    await this.#view.look();
    this.#calls.forgetSilent(this.#options.clock.monotonicMs());
    const gone = this.#view.rows.useless(this.#options.clock.monotonicMs());
    await Promise.all(gone.map(({ holder, renewal }) => this.#writer.leave({ holder, renewal }))).catch(
      (error: unknown) => this.#onFailure(error),
    );
  }

  /** Reads the directory for the first time; rejects never, since who asks for a receipt is told what is not known. */
  open(): Promise<void> {
    return this.#view.look();
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#announcer.close();
  }

  /**
   * Memory alone would not do: the row may have been given back at another server, and this is the next process of that
   * name. Nor would the look alone: the row may be about to be deleted for its age.
   */
  async #isStored({ holder, leaseMs, secretHash }: Entering): Promise<boolean> {
    if (!this.#calls.isWritten(holder, this.#options.clock.monotonicMs())) return false;
    const stored = await this.#finder.rowOf(holder);
    // Asked again: the process may have been paused meanwhile.
    const isWritten = this.#calls.isWritten(holder, this.#options.clock.monotonicMs());
    return isWritten && stored !== undefined && stored.leaseMs >= leaseMs && stored.secretHash === secretHash;
  }

  /** What is remembered here may be of a former process; what the directory says is not. Without it nothing is proved. */
  async #mayRelease(holder: LeaseHolder, secretHash: string): Promise<boolean> {
    try {
      const row = await this.#finder.rowOf(holder);
      return row?.secretHash === undefined || row.secretHash === secretHash;
    } catch (error) {
      this.#onFailure(error);
      return this.isHeldBy(holder, secretHash);
    }
  }

  #changeOf({ holder, secretHash, address, leaseMs, head }: Entering): RowChange {
    const { applied, chain, live } = this.#leaseOf(holder);
    const report = { incarnation: this.#options.log.incarnation, applied, chain, live };
    const since = this.#sinceOf(holder, secretHash) ?? head;
    return { holder, secretHash, address, over: this.#renewalOfSilent(holder), since, leaseMs, report };
  }

  /** As of the last call to this server, or as the row was read last. */
  #secretHashOf(key: string): string | undefined {
    return this.#calls.get(key)?.secretHash ?? this.#view.rows.get(key)?.secretHash;
  }

  /** The head when the process came, if it is known here. */
  #sinceOf(holder: LeaseHolder, secretHash: string): number | undefined {
    const key = keyOfLeaseHolder(holder);
    const call = this.#calls.get(key);
    if (call?.secretHash === secretHash) return call.since;
    const row = this.#view.rows.get(key);
    return row?.secretHash === secretHash ? row.since : undefined;
  }

  /** The row as it was read last, if it speaks of no lease in force any more. */
  #renewalOfSilent(holder: LeaseHolder): number | undefined {
    const row = this.#view.rows.get(keyOfLeaseHolder(holder));
    return row !== undefined && silentAfter(row) <= this.#options.clock.monotonicMs()
      ? row.renewal
      : undefined;
  }

  async #writeCalls(): Promise<void> {
    const calls = this.#calls.takeUnwritten();
    try {
      await this.#writer.renew(calls);
    } catch (error) {
      this.#calls.putBack(calls);
      throw error;
    }
  }

  #hear(holder: LeaseHolder, incarnation: string, applied: number): boolean {
    const isNews = this.#acknowledged.hear(holder, { incarnation, applied });
    if (isNews && incarnation === this.#options.log.incarnation) {
      this.#emit({ type: "granted", lease: this.#leaseOf(holder) });
    }
    return isNews;
  }

  #onRead(rows: readonly DirectoryRow[], startedAt: number): void {
    this.#failing = false;
    for (const { holder, report } of rows) {
      if (report !== undefined) this.#acknowledged.hear(holder, report);
    }
    this.#acknowledged.keepOnly(this, startedAt);
    this.#emit({ type: "known" });
  }

  /** Once an outage: what hangs on it says so itself. */
  #onFailure(error: unknown): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#options.operatorLog.error({ event: "replica_directory_unavailable", error });
  }

  #leaseOf(holder: LeaseHolder): Lease {
    const key = keyOfLeaseHolder(holder);
    const { incarnation } = this.#options.log;
    const row = this.#view.rows.get(key);
    const call = this.#calls.get(key);
    const applied = this.#acknowledged.appliedOf(key, incarnation);
    const reports = [call?.report, row?.report].filter((report) => report?.incarnation === incarnation);
    return {
      key,
      holder,
      secretHash: call?.secretHash ?? row?.secretHash,
      address: call?.address ?? row?.address,
      // A name that is known only by what was said of it did not stand at anything.
      since: row?.since ?? call?.since ?? Number.POSITIVE_INFINITY,
      applied,
      leaseMs: Math.max(row?.leaseMs ?? 0, call?.leaseMs ?? 0),
      calledAt: latest(call?.receivedAt, row),
      chain: reports.find((report) => report?.applied === applied && report.chain !== undefined)?.chain,
      live: reports.find((report) => report?.live !== undefined)?.live,
      clock: call?.clock,
    };
  }

  #emit(change: LeaseChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}
