import type { RevocableClaims } from "@portcullis/protocol";
import { createKeySpace, type KeySpace, type TokenCoordinates } from "../coordinates.ts";
import { checkSequence } from "../encoded-record.ts";
import { revocationError } from "../errors.ts";
import type { DecodedBatch } from "../feed.ts";
import type { IndexStatistics, RevocationIndex } from "../revocation-index.ts";
import { backoffMs, pause } from "../timers.ts";
import { unlessAborted } from "../unless-aborted.ts";
import type { Verdict } from "../verdict.ts";
import { Announcer, type ReplicaChange, type ReplicaState } from "./announcer.ts";
import { deferred } from "./deferred.ts";
import { followStream } from "./follow-stream.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { type LoadedSnapshot, loadSnapshot } from "./load-snapshot.ts";
import type { Replica, ReplicaOptions } from "./replica.ts";

interface Holding {
  readonly incarnation: string;
  readonly index: RevocationIndex;
  readonly keySpace: KeySpace;
  readonly hashKey: Uint8Array;
}

/** A connection that lived so long was a good one: the next failure is the first. */
const GOOD_CONNECTION_MS = 5000;
/** How long a log that is known to hold more may bring nothing. */
const STUCK_MS = 3000;
const RELEASE_TIMEOUT_MS = 1000;

export class FeedReplica implements Replica {
  readonly name: string;
  readonly #options: Required<ReplicaOptions>;
  readonly #lease: LeaseKeeper;
  readonly #life = new AbortController();
  readonly #announcer: Announcer;
  readonly #ready = deferred();
  #holding: Holding | undefined;
  #applied = 0;
  #diverged = false;
  #wasReady = false;
  #started = false;
  #closed = false;
  /** Snapshots asked for since the last good connection: a log that always conflicts is not asked in a hurry. */
  #attempts = 0;
  #connection: AbortController | undefined;
  #progress = { applied: 0, at: 0 };

  constructor(options: Required<ReplicaOptions>) {
    this.name = options.name;
    this.#options = options;
    this.#announcer = new Announcer(options.name, options.log);
    this.#lease = new LeaseKeeper({
      ...options,
      position: () => this.#position(),
      onChange: () => {
        this.#announce();
        this.#leaveStuckConnection();
      },
      onConflict: (why) => this.#diverge(why),
      onFailure: (error) => this.#announcer.reportError("lease_failed", error),
    });
    // Whoever asks `whenReady` learns of it; nobody has to.
    this.#ready.promise.catch(() => {});
  }

  get applied(): number {
    return this.#applied;
  }

  get incarnation(): string | undefined {
    return this.#holding?.incarnation;
  }

  get leaseMs(): number {
    return this.#lease.leaseMs;
  }

  /** Computed at the call: a process that was stopped and wakes up sees at once that its lease has run out. */
  get state(): ReplicaState {
    if (this.#closed) return "closed";
    if (this.#diverged) return "diverged";
    if (!this.#wasReady) return "bootstrap";
    if (this.#lease.ageMs() > this.#lease.leaseMs) return "stale";
    return this.#lease.isBehind ? "lagging" : "live";
  }

  freshness(): { ready: boolean; ageMs: number } {
    return { ready: this.#holding !== undefined && !this.#closed, ageMs: this.#lease.ageMs() };
  }

  coordinatesOf(claims: RevocableClaims, header: { kid?: string }): TokenCoordinates {
    if (this.#holding === undefined) throw revocationError("replica_not_ready");
    return this.#holding.keySpace.coordinatesOf(claims, header);
  }

  verdict(at: TokenCoordinates): Verdict {
    if (this.#holding === undefined) throw revocationError("replica_not_ready");
    const { index, keySpace } = this.#holding;
    return index.verdict(at.keySpace === keySpace ? at : keySpace.coordinatesOf(at.claims, at.header));
  }

  statistics(): IndexStatistics {
    return this.#holding?.index.statistics() ?? { membership: 0, cutoffs: 0, bytes: 0 };
  }

  start(): void {
    if (this.#started || this.#closed) return;
    this.#started = true;
    void this.#run();
  }

  whenReady(signal?: AbortSignal): Promise<void> {
    return signal === undefined ? this.#ready.promise : unlessAborted(this.#ready.promise, signal);
  }

  subscribe(listener: (change: ReplicaChange) => void): () => void {
    return this.#announcer.subscribe(listener);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#ready.reject(revocationError("replica_closed"));
    this.#life.abort(revocationError("replica_closed"));
    this.#announce();
    const release = new AbortController();
    const cancel = this.#options.setTimer(
      () =>
        release.abort(revocationError("feed_unavailable", { detail: "no answer to the lease given back" })),
      RELEASE_TIMEOUT_MS,
    );
    await this.#lease.close(release.signal);
    cancel();
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      await this.#wait(this.#attempts++);
      if (this.#closed || !(await this.#takeSnapshot())) continue;
      await this.#followUntilSnapshotNeeded();
    }
  }

  /** False when it could not be had, or was no good; then the index in use stays. */
  async #takeSnapshot(): Promise<boolean> {
    const { feed } = this.#options;
    const { signal } = this.#life;
    try {
      const bytes = await unlessAborted(feed.snapshot(signal), signal);
      this.#swapIn(await loadSnapshot(bytes, { ...this.#options, signal }));
      return true;
    } catch (error) {
      if (!this.#closed) this.#announcer.reportError("snapshot_failed", error);
      return false;
    }
  }

  #swapIn({ header, hashKey, index }: LoadedSnapshot): void {
    this.#life.signal.throwIfAborted();
    const { incarnation, head } = header;
    const holding = this.#holding;
    const sameLog = holding?.incarnation === incarnation && !this.#diverged;
    if (sameLog && head < this.#applied) {
      // An old copy from somewhere in between: taking it would forget what came since.
      throw revocationError("malformed_feed", { detail: `snapshot at ${head}, already at ${this.#applied}` });
    }
    if (!sameLog) this.#lease.revoke();
    const sameKey = holding !== undefined && Buffer.compare(holding.hashKey, hashKey) === 0;
    this.#holding = {
      incarnation,
      index,
      hashKey,
      keySpace: sameKey ? holding.keySpace : createKeySpace(hashKey),
    };
    this.#applied = head;
    this.#diverged = false;
    this.#announcer.report("snapshot_applied", { incarnation, head, ...index.statistics() });
    this.#lease.reached();
    this.#announce();
  }

  async #followUntilSnapshotNeeded(): Promise<void> {
    let failures = 0;
    while (!this.#closed && !this.#diverged) {
      await this.#wait(failures);
      const startedAt = this.#options.monotonicMs();
      const reset = await this.#followOnce();
      const good = this.#options.monotonicMs() - startedAt > GOOD_CONNECTION_MS;
      if (good) this.#attempts = 0;
      if (reset) return;
      failures = good ? 1 : failures + 1;
    }
  }

  /** True when the log asks for a new snapshot. */
  async #followOnce(): Promise<boolean> {
    const cursor = this.#cursor();
    if (cursor === undefined || this.#closed || this.#diverged) return true;
    const connection = new AbortController();
    const stop = () => connection.abort(this.#life.signal.reason);
    this.#life.signal.addEventListener("abort", stop, { once: true });
    this.#connection = connection;
    try {
      const { signal } = connection;
      const onBatch = (batch: DecodedBatch) => this.#applyBatch(batch);
      const { reason } = await followStream({
        ...this.#options,
        cursor,
        signal,
        onBatch,
        onHeartbeat: () => this.#announce(),
      });
      if (reason === "too_old") this.#announcer.report("snapshot_needed", { reason });
      else this.#diverge(reason);
      return true;
    } catch (error) {
      if (!this.#closed && !this.#diverged) this.#announcer.reportError("stream_ended", error);
      return this.#diverged;
    } finally {
      this.#life.signal.removeEventListener("abort", stop);
      this.#connection = undefined;
    }
  }

  /** Order of checks: same log, not a repeat, follows on what was applied, whole. Only then is it applied. */
  #applyBatch(batch: DecodedBatch): void {
    const holding = this.#holding;
    if (holding === undefined || this.#closed) throw revocationError("replica_closed");
    if (batch.incarnation !== holding.incarnation) {
      this.#diverge("other_incarnation");
      throw revocationError("feed_conflict", { detail: "a batch of another incarnation" });
    }
    if (batch.to <= this.#applied) return;
    if (batch.prev !== this.#applied || batch.from !== batch.prev + 1) {
      const detail = `a batch that follows on ${batch.prev}, and ${this.#applied} was applied`;
      throw revocationError("malformed_feed", { detail });
    }
    checkSequence(batch.records, batch.from, batch.to);
    holding.index.applyEncoded(batch.records);
    this.#applied = batch.to;
    // The acknowledgement. Before the index holds the records it would make a receipt say what is not yet so.
    this.#lease.reached();
    this.#announce();
  }

  #diverge(why: string): void {
    if (this.#diverged || this.#closed) return;
    this.#announcer.report("diverged", { why, applied: this.#applied });
    this.#diverged = true;
    this.#lease.revoke();
    this.#connection?.abort(revocationError("feed_conflict", { detail: why }));
    this.#announce();
  }

  /** A connection that brings heartbeats but not the records that a lease answer told of is of no use. */
  #leaveStuckConnection(): void {
    const now = this.#options.monotonicMs();
    if (!this.#lease.isBehind || this.#progress.applied !== this.#applied) {
      this.#progress = { applied: this.#applied, at: now };
    } else if (now - this.#progress.at > STUCK_MS) {
      this.#progress.at = now;
      this.#connection?.abort(revocationError("feed_unavailable", { detail: "records are not coming" }));
    }
  }

  /** None while diverged: there is nothing to acknowledge to a log that is another one. */
  #position(): { incarnation: string; applied: number } | undefined {
    if (this.#holding === undefined || this.#diverged) return undefined;
    return { incarnation: this.#holding.incarnation, applied: this.#applied };
  }

  #cursor(): { incarnation: string; seq: number } | undefined {
    const position = this.#position();
    return position && { incarnation: position.incarnation, seq: position.applied };
  }

  async #wait(failures: number): Promise<void> {
    const { setTimer, random } = this.#options;
    const delayMs = backoffMs(failures, random);
    if (delayMs > 0) await pause(setTimer, delayMs, this.#life.signal);
  }

  /** Tells of every change; a lease that runs out is noticed at the next heartbeat or renewal. */
  #announce(): void {
    if (!this.#closed && this.#lease.ageMs() <= this.#lease.leaseMs) {
      this.#wasReady = true;
      this.#ready.resolve();
    }
    this.#announcer.announce({ state: this.state, applied: this.#applied });
  }
}
