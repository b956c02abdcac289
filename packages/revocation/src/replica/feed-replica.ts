import {
  hasCode,
  type LeaseRequest,
  type LiveDigester,
  RECORD_BYTES,
  type RevocableClaims,
  type SnapshotHeader,
} from "@portcullis/protocol";
import { createKeySpace, type KeySpace, type TokenCoordinates } from "../coordinates.ts";
import { revocationError } from "../errors.ts";
import type { DecodedBatch } from "../feed.ts";
import type { IndexStatistics, RevocationIndex } from "../revocation-index.ts";
import { backoffMs, pause } from "../timers.ts";
import { unlessAborted } from "../unless-aborted.ts";
import type { Verdict } from "../verdict.ts";
import { Announcer, type ReplicaChange, type ReplicaState } from "./announcer.ts";
import { Capacity, entriesOf } from "./capacity.ts";
import { type ChainPoint, checkBatch } from "./check-batch.ts";
import { deferred } from "./deferred.ts";
import { followStream } from "./follow-stream.ts";
import { LeaseKeeper, type Position } from "./lease-keeper.ts";
import { LiveReport } from "./live-report.ts";
import { type LoadedSnapshot, loadSnapshot } from "./load-snapshot.ts";
import { NewestHead } from "./newest-head.ts";
import type { Replica, ResolvedReplicaOptions } from "./replica.ts";

interface Holding {
  readonly incarnation: string;
  readonly index: RevocationIndex;
  readonly keySpace: KeySpace;
  readonly hashKey: Uint8Array;
  /** Of all that the index was given. */
  readonly live: LiveDigester;
}

/** A connection that lived so long was a good one: the next failure is the first. */
const GOOD_CONNECTION_MS = 5000;
/** How long a log that is known to hold more may bring nothing. */
const STUCK_MS = 3000;
const RELEASE_TIMEOUT_MS = 1000;
/** What cannot be read may have been damaged on its way once; twice, and only a snapshot can go around it. */
const UNREADABLE_BEFORE_SNAPSHOT = 2;
/** Until records have expired there is no room, and a snapshot that does not fit is a large one. */
const FULL_PAUSE_MS = 15_000;

export class FeedReplica implements Replica {
  readonly name: string;
  readonly #options: ResolvedReplicaOptions;
  readonly #lease: LeaseKeeper;
  readonly #life = new AbortController();
  readonly #announcer: Announcer;
  readonly #ready = deferred();
  readonly #newestHead = new NewestHead();
  readonly #liveReport: LiveReport;
  readonly #capacity: Capacity;
  #holding: Holding | undefined;
  #applied = 0;
  /** Value of the chain at what was applied. */
  #chain = "";
  #full = false;
  #diverged = false;
  #wasReady = false;
  #started = false;
  #closed = false;
  /** Snapshots asked for since the last good connection: a log that always conflicts is not asked in a hurry. */
  #attempts = 0;
  #connection: AbortController | undefined;
  #progress = { applied: 0, at: 0 };

  constructor(options: ResolvedReplicaOptions) {
    this.name = options.name;
    this.#options = options;
    this.#announcer = new Announcer(options.name, options.log);
    this.#liveReport = new LiveReport(options);
    this.#capacity = new Capacity({
      mostEntries: options.mostEntries ?? Number.POSITIVE_INFINITY,
      report: (event, detail) => this.#announcer.report(event, detail),
    });
    this.#lease = new LeaseKeeper({
      ...options,
      position: () => this.#position(),
      evidence: () => this.#evidence(),
      onAnswer: () => this.#newestHead.judged(),
      onChange: () => {
        this.#announce();
        this.#options.onFreshness?.();
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
    return this.#lease.isBehind || this.#full ? "lagging" : "live";
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

  renew(): void {
    this.#lease.renew();
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
      if (this.#full) await pause(this.#options.setTimer, FULL_PAUSE_MS, this.#life.signal);
      else await this.#wait(this.#attempts++);
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
      const accept = (header: SnapshotHeader) => this.#checkMayReplace(header);
      const loaded = await loadSnapshot(bytes, { ...this.#options, signal, accept });
      await this.#untilVisible(signal);
      this.#swapIn(loaded);
      return true;
    } catch (error) {
      if (this.#closed) return false;
      this.#noteFull(error);
      this.#announcer.reportError("snapshot_failed", error);
      return false;
    }
  }

  #checkMayReplace({ incarnation, head, count }: SnapshotHeader): void {
    if (this.#holds(incarnation) && head < this.#applied) {
      // An old copy from somewhere in between: taking it would forget what came since.
      throw revocationError("malformed_feed", { detail: `snapshot at ${head}, already at ${this.#applied}` });
    }
    this.#capacity.check(count);
  }

  #holds(incarnation: string): boolean {
    return this.#holding?.incarnation === incarnation && !this.#diverged;
  }

  #swapIn({ header, records, hashKey, index, live }: LoadedSnapshot): void {
    this.#life.signal.throwIfAborted();
    this.#checkMayReplace(header);
    const { incarnation, head } = header;
    const holding = this.#holding;
    this.#options.onApplied?.({ type: "snapshot", header, records });
    if (!this.#holds(incarnation)) this.#lease.revoke();
    const sameKey = holding !== undefined && Buffer.compare(holding.hashKey, hashKey) === 0;
    const keySpace = sameKey ? holding.keySpace : createKeySpace(hashKey);
    this.#holding = { incarnation, index, hashKey, keySpace, live };
    this.#diverged = false;
    this.#announcer.report("snapshot_applied", { incarnation, head, ...index.statistics() });
    this.#acknowledge({ incarnation, seq: head, chain: header.chain, signedHead: header.signedHead });
  }

  /** Before the index holds the records, this would make a receipt say what is not yet so. */
  #acknowledge({
    incarnation,
    seq,
    chain,
    signedHead,
  }: ChainPoint & { signedHead: string | undefined }): void {
    this.#applied = seq;
    this.#chain = chain;
    this.#full = false;
    this.#newestHead.saw(incarnation, seq, signedHead);
    this.#lease.reached();
    this.#announce();
  }

  async #followUntilSnapshotNeeded(): Promise<void> {
    let failures = 0;
    let unreadable = 0;
    while (!this.#closed && !this.#diverged) {
      await this.#wait(failures);
      const startedAt = this.#options.monotonicMs();
      const before = this.#applied;
      const end = await this.#followOnce();
      const good = this.#options.monotonicMs() - startedAt > GOOD_CONNECTION_MS;
      if (good) this.#attempts = 0;
      if (this.#applied > before) unreadable = 0;
      if (end === "unreadable") unreadable++;
      if (end === "reset" || unreadable === UNREADABLE_BEFORE_SNAPSHOT) return;
      failures = good ? 1 : failures + 1;
    }
  }

  /** After `reset` only a snapshot helps; after the others the stream may go on where it was. */
  async #followOnce(): Promise<"reset" | "unreadable" | "ended"> {
    const cursor = this.#cursor();
    if (cursor === undefined || this.#closed || this.#diverged) return "reset";
    const connection = new AbortController();
    const stop = () => connection.abort(this.#life.signal.reason);
    this.#life.signal.addEventListener("abort", stop, { once: true });
    this.#connection = connection;
    try {
      const { signal } = connection;
      const { reason } = await followStream({
        ...this.#options,
        cursor,
        signal,
        onBatch: (batch, signal) => this.#applyBatch(batch, signal),
        onHeartbeat: () => this.#announce(),
      });
      if (reason === "too_old") this.#announcer.report("snapshot_needed", { reason });
      else this.#diverge(reason);
      return "reset";
    } catch (error) {
      if (this.#closed || this.#diverged) return "reset";
      this.#announcer.reportError("stream_ended", error);
      if (this.#noteFull(error)) return "reset";
      return hasCode(error, "malformed_feed") || hasCode(error, "malformed_records") ? "unreadable" : "ended";
    } finally {
      this.#life.signal.removeEventListener("abort", stop);
      this.#connection = undefined;
    }
  }

  /** All or nothing. Only one is under way at a time, and none goes on once its connection was left. */
  async #applyBatch(batch: DecodedBatch, signal: AbortSignal): Promise<void> {
    const holding = this.#holding;
    if (holding === undefined || this.#closed) throw revocationError("replica_closed");
    const { incarnation } = holding;
    if (batch.incarnation === incarnation && batch.to <= this.#applied) return;
    const fresh = await this.#checked(batch, incarnation, signal);
    signal.throwIfAborted();
    this.#capacity.check(entriesOf(holding.index.statistics()) + fresh.records.length / RECORD_BYTES);
    holding.index.applyEncoded(fresh.records);
    // Left here, they are in the index and not acknowledged: they come again, and change nothing.
    await this.#untilVisible(signal);
    signal.throwIfAborted();
    this.#options.onApplied?.({ type: "batch", batch: fresh });
    holding.live.add(fresh.records);
    this.#acknowledge({ incarnation, seq: fresh.to, chain: fresh.chain, signedHead: fresh.signedHead });
  }

  async #checked(batch: DecodedBatch, incarnation: string, signal: AbortSignal): Promise<DecodedBatch> {
    try {
      if (batch.incarnation !== incarnation) {
        throw revocationError("feed_conflict", { detail: "other_incarnation" });
      }
      const at = { incarnation, seq: this.#applied, chain: this.#chain };
      return await checkBatch(batch, at, { verifyHead: this.#options.verifyHead, signal });
    } catch (error) {
      if (hasCode(error, "feed_conflict")) this.#diverge(error.detail ?? "conflict");
      throw error;
    }
  }

  async #untilVisible(signal: AbortSignal): Promise<void> {
    const { visible } = this.#options;
    if (visible !== undefined) await unlessAborted(visible(), signal);
  }

  #noteFull(error: unknown): boolean {
    if (!hasCode(error, "capacity_reached")) return false;
    this.#full = true;
    this.#announcer.report("capacity_reached", { applied: this.#applied, detail: error.detail });
    this.#announce();
    return true;
  }

  #diverge(why: string): void {
    if (this.#diverged || this.#closed) return;
    this.#announcer.report("diverged", { why, applied: this.#applied });
    this.#diverged = true;
    this.#newestHead.contradicted();
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
  #position(): Position | undefined {
    if (this.#holding === undefined || this.#diverged) return undefined;
    return { incarnation: this.#holding.incarnation, applied: this.#applied, chain: this.#chain };
  }

  #evidence(): Pick<LeaseRequest, "live" | "signedHead"> {
    const live = this.#liveReport.due(this.#holding!.live);
    const signedHead = this.#newestHead.jws;
    return { ...(live && { live }), ...(signedHead !== undefined && { signedHead }) };
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
