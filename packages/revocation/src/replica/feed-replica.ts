import {
  type ClockReport,
  hasCode,
  type IssuerTime,
  PortcullisError,
  pause,
  type RefusedFeed,
  type RevocableClaims,
  unlessAborted,
  wallSecondsOf,
} from "@portcullis/protocol";
import type { TokenCoordinates } from "../coordinates.ts";
import { revocationError } from "../errors.ts";
import type { DecodedBatch } from "../feed.ts";
import type { IndexStatistics } from "../revocation-index.ts";
import type { Verdict } from "../verdict.ts";
import type { ViewFreshness } from "../view.ts";
import { Announcer, type ReplicaChange, type ReplicaState } from "./announcer.ts";
import { backoffMs } from "./backoff.ts";
import type { VerifyHead } from "./check-batch.ts";
import { deferred } from "./deferred.ts";
import { followStream } from "./follow-stream.ts";
import { HeldLog, type Holding, isUnreadable } from "./held-log.ts";
import { type ClockBounds, IssuerClock, isWithin, NO_BOUNDS } from "./issuer-clock.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import type { CheckedSnapshot } from "./load-snapshot.ts";
import type { Replica, ResolvedReplicaOptions } from "./replica.ts";

/** A connection that lived so long was a good one: the next failure is the first. */
const GOOD_CONNECTION_MS = 5000;
/** How long a log that is known to hold more may bring nothing. */
const STUCK_MS = 3000;
const RELEASE_TIMEOUT_MS = 1000;
/** What cannot be read may have been damaged on its way once; twice, and only a snapshot can go around it. */
const UNREADABLE_BEFORE_SNAPSHOT = 2;
/** Until records have expired there is no room, and a snapshot that does not fit is a large one. */
const FULL_PAUSE_MS = 15_000;
/** Until somebody updates this verifier, or the record has expired: neither is soon, and a snapshot may be a large one. */
const OUTDATED_PAUSE_MS = 30_000;

const UNAVAILABLE = 503;
const FAILURES = { snapshot: "snapshot_failed", stream: "stream_ended", lease: "lease_failed" } as const;

export class FeedReplica implements Replica {
  readonly name: string;
  readonly #options: ResolvedReplicaOptions;
  readonly #lease: LeaseKeeper;
  readonly #life = new AbortController();
  readonly #announcer: Announcer;
  readonly #ready = deferred();
  readonly #held: HeldLog;
  readonly #issuerClock: IssuerClock;
  /** Made when evidence comes, and only compared at a verdict. */
  #bounds = NO_BOUNDS;
  #wasClockOff = false;
  #full = false;
  /** The log holds a record that this version does not know: it has no lease, and asks for none. */
  #outdated = false;
  #wasReady = false;
  #started = false;
  #closed = false;
  /** Snapshots asked for since the last good connection: a log that always conflicts is not asked in a hurry. */
  #attempts = 0;
  #connection: AbortController | undefined;
  #progress = { applied: 0, at: 0 };

  constructor(options: ResolvedReplicaOptions) {
    const { name, clock, log, verifyHead } = options;
    this.name = name;
    this.#options = options;
    this.#issuerClock = new IssuerClock(clock);
    this.#announcer = new Announcer(name, log);
    this.#held = new HeldLog({
      clock,
      verifyHead: verifyHead && this.#timed(verifyHead),
      createIndex: options.createIndex,
      visible: options.visible,
      onApplied: options.onApplied,
      maxEntries: options.maxEntries,
      report: (event, detail) => this.#announcer.report(event, detail),
      onVerdicts: () => this.#announcer.verdictsChanged(),
    });
    this.#lease = new LeaseKeeper({
      feed: options.feed,
      name,
      secret: options.secret,
      leaseMs: options.leaseMs,
      clock,
      setTimer: options.setTimer,
      random: options.random,
      position: () => this.#held.position(),
      evidence: () => this.#evidence(),
      proved: (answer, signal) => this.#held.proved(answer, { leaseMs: options.leaseMs, signal }),
      knownHead: () => this.#held.knownHead,
      onAnswer: ({ issuerTime }, askedAt) => {
        this.#held.evidenceWasJudged();
        if (issuerTime !== undefined) this.#issuerClock.heard(issuerTime, askedAt);
        this.#judgeClock();
      },
      onChange: () => {
        this.#announce();
        this.#options.onFreshness?.();
        this.#leaveStuckConnection();
      },
      onConflict: (why) => this.#diverge(why),
      onFailure: (error) => this.#failed("lease", error),
    });
    // Whoever asks `whenReady` learns of it; nobody has to.
    this.#ready.promise.catch(() => {});
  }

  get applied(): number {
    return this.#held.applied;
  }

  get incarnation(): string | undefined {
    return this.#held.holding?.incarnation;
  }

  get leaseMs(): number {
    return this.#lease.leaseMs;
  }

  get signedHead(): string | undefined {
    return this.#lease.signedHead;
  }

  /** Returns the state at the call: a process that was stopped and wakes up sees at once that its lease has run out. */
  get state(): ReplicaState {
    if (this.#closed) return "closed";
    if (this.#outdated) return "outdated";
    if (this.#held.isVoid) return "diverged";
    if (this.#isClockOff()) return "clock_off";
    if (!this.#wasReady) return "bootstrap";
    if (this.#lease.ageMs() > this.#lease.leaseMs) return "stale";
    return this.#lease.isBehind || this.#full ? "lagging" : "live";
  }

  /**
   * Returns the freshness, and reads one clock for it. The wall clock is compared with it at every call: one that was set
   * is noticed by the next allow.
   */
  freshness(wallSeconds?: number): ViewFreshness {
    const now = this.#options.clock.monotonicMs();
    return {
      ready: this.#held.holding !== undefined && !this.#closed,
      ageMs: this.#lease.ageMs(now),
      isClockOff: wallSeconds !== undefined && !isWithin(wallSeconds * 1000 - now, this.#bounds),
    };
  }

  clockOffsetMs(wallSeconds: number): number | undefined {
    const latestMs = this.#issuerClock.now()?.latestMs;
    return latestMs === undefined ? undefined : Math.round(wallSeconds * 1000 - latestMs);
  }

  clock(): ClockReport | undefined {
    const offsetMs = this.clockOffsetMs(wallSecondsOf(this.#options.clock));
    return offsetMs === undefined ? undefined : { offsetMs, isOff: this.#isClockOff() };
  }

  issuerTime(): IssuerTime | undefined {
    return this.#issuerClock.now();
  }

  clockBounds(): ClockBounds {
    return this.#bounds;
  }

  coordinatesOf(claims: RevocableClaims, header: { kid?: string }): TokenCoordinates {
    return this.#holding().keySpace.coordinatesOf(claims, header);
  }

  verdict(at: TokenCoordinates): Verdict {
    const { index, keySpace } = this.#holding();
    return index.verdict(at.keySpace === keySpace ? at : keySpace.coordinatesOf(at.claims, at.header));
  }

  statistics(): IndexStatistics {
    return this.#held.holding?.index.statistics() ?? { membership: 0, cutoffs: 0, bytes: 0 };
  }

  #isClockOff(): boolean {
    return this.freshness(wallSecondsOf(this.#options.clock)).isClockOff === true;
  }

  #evidence(): ReturnType<HeldLog["evidence"]> & { readonly clock?: ClockReport } {
    const clock = this.clock();
    return { ...this.#held.evidence(), ...(clock && { clock }) };
  }

  /**
   * Returns `verifyHead`, which also notes the time: the issuer's word on a head says what time it was at least, also in
   * what came through others.
   */
  #timed(verifyHead: VerifyHead): VerifyHead {
    return async (jws) => {
      const claims = await verifyHead(jws);
      this.#issuerClock.signed(claims.iat);
      this.#judgeClock();
      return claims;
    };
  }

  #judgeClock(): void {
    const { holding } = this.#held;
    if (holding !== undefined) this.#bounds = this.#issuerClock.bounds(holding.clockSkewSeconds * 1000);
  }

  #holding(): Holding {
    const { holding } = this.#held;
    if (holding === undefined) throw revocationError("replica_not_ready");
    return holding;
  }

  start(): void {
    if (this.#started || this.#closed) return;
    this.#started = true;
    void this.#run();
  }

  async fetchSnapshot(signal: AbortSignal): Promise<CheckedSnapshot> {
    const limited = AbortSignal.any([signal, this.#life.signal]);
    return this.#held.check(await unlessAborted(this.#options.feed.snapshot(limited), limited), limited);
  }

  whenReady(signal?: AbortSignal): Promise<void> {
    return signal === undefined ? this.#ready.promise : unlessAborted(this.#ready.promise, signal);
  }

  renew(): void {
    if (!this.#outdated) this.#lease.renew();
  }

  subscribe(listener: (change: ReplicaChange) => void): () => void {
    return this.#announcer.subscribe(listener);
  }

  onVerdicts(listener: () => void): () => void {
    return this.#announcer.onVerdicts(listener);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#announcer.verdictsChanged();
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

  /** Returns whether a snapshot was taken: false when it could not be had, or was no good; then the index in use stays. */
  async #takeSnapshot(): Promise<boolean> {
    const { feed } = this.#options;
    const { signal } = this.#life;
    try {
      const bytes = await unlessAborted(feed.snapshot(signal), signal);
      const loaded = await this.#held.load(bytes, signal);
      if (!this.#held.swapIn(loaded)) this.#loseLease();
      this.#judgeClock();
      this.#acknowledge();
      return true;
    } catch (error) {
      if (this.#closed) return false;
      this.#noteFull(error);
      this.#failed("snapshot", error);
      this.#noteOutdated(error);
      await this.#showLoss();
      return false;
    }
  }

  /**
   * A log that has less than it had is not taken back, so there is no lease call that would show what it had. Nothing is allowed by
   * the answer: if it was lost, the log becomes another one, and its snapshot can be taken.
   */
  async #showLoss(): Promise<void> {
    const lost = this.#held.lostPosition();
    if (lost === undefined) return;
    await this.#lease.show(lost, this.#life.signal).catch(() => {});
  }

  /** Acknowledges. Before the index holds the records, this would make a receipt say what is not yet so. */
  #acknowledge(): void {
    this.#full = false;
    this.#outdated = false;
    this.#lease.reached();
    this.#announce();
  }

  async #followUntilSnapshotNeeded(): Promise<void> {
    let failures = 0;
    let unreadable = 0;
    while (!this.#closed && !this.#held.isVoid) {
      await this.#wait(failures);
      const startedAt = this.#options.clock.monotonicMs();
      const before = this.applied;
      const end = await this.#followOnce();
      const good = this.#options.clock.monotonicMs() - startedAt > GOOD_CONNECTION_MS;
      if (good) this.#attempts = 0;
      if (this.applied > before) unreadable = 0;
      if (end === "unreadable") unreadable++;
      if (end === "reset" || unreadable === UNREADABLE_BEFORE_SNAPSHOT) return;
      failures = good ? 1 : failures + 1;
    }
  }

  /**
   * Returns how a connection ended. After `reset` only a snapshot helps; after the others the stream may go on where it
   * was.
   */
  async #followOnce(): Promise<"reset" | "unreadable" | "ended"> {
    const position = this.#held.position();
    if (position === undefined || this.#closed) return "reset";
    const connection = new AbortController();
    const stop = () => connection.abort(this.#life.signal.reason);
    this.#life.signal.addEventListener("abort", stop, { once: true });
    this.#connection = connection;
    try {
      const { signal } = connection;
      const { feed, clock, setTimer } = this.#options;
      const { reason } = await followStream({
        feed,
        clock,
        setTimer,
        cursor: { incarnation: position.incarnation, seq: position.applied },
        signal,
        onBatch: (batch, signal) => this.#applyBatch(batch, signal),
        onHeartbeat: () => this.#announce(),
      });
      if (reason === "too_old") this.#announcer.report("snapshot_needed", { reason });
      else this.#diverge(reason);
      return "reset";
    } catch (error) {
      if (this.#closed || this.#held.isVoid) return "reset";
      this.#failed("stream", error);
      this.#noteOutdated(error);
      if (this.#noteFull(error)) return "reset";
      return isUnreadable(error) ? "unreadable" : "ended";
    } finally {
      this.#life.signal.removeEventListener("abort", stop);
      this.#connection = undefined;
    }
  }

  async #applyBatch(batch: DecodedBatch, signal: AbortSignal): Promise<void> {
    try {
      if (await this.#held.extend(batch, signal)) this.#acknowledge();
    } catch (error) {
      if (hasCode(error, "feed_conflict") && !signal.aborted) this.#diverge(error.detail ?? "conflict");
      throw error;
    }
  }

  /** Whoever carries the feed is told, too, of what was wrong with it, and not only late or missing. */
  #failed(what: RefusedFeed["what"], error: unknown): void {
    this.#announcer.reportError(FAILURES[what], error);
    if (!(error instanceof PortcullisError) || error.status === UNAVAILABLE) return;
    const { code, detail = error.message } = error;
    this.#options.feed.refused?.({ what, code, detail });
  }

  #noteFull(error: unknown): boolean {
    if (!hasCode(error, "capacity_reached")) return false;
    this.#full = true;
    this.#announcer.report("capacity_reached", { applied: this.applied, detail: error.detail });
    this.#announce();
    return true;
  }

  /** Ends the lease at once: an allow would pass over what nobody here can read. Denials hold, and the stream is tried again. */
  #noteOutdated(error: unknown): void {
    if (!hasCode(error, "unknown_record")) return;
    this.#outdated = true;
    this.#announcer.reportError("outdated", error);
    this.#loseLease();
    this.#announce();
  }

  #diverge(why: string): void {
    if (this.#held.isVoid || this.#closed) return;
    this.#announcer.report("diverged", { why, applied: this.applied });
    this.#held.contradict();
    this.#loseLease();
    this.#connection?.abort(revocationError("feed_conflict", { detail: why }));
    this.#announce();
  }

  /** Ends the lease: nothing of what it allowed is allowed any more, where freshness is asked for. */
  #loseLease(): void {
    this.#lease.revoke();
    this.#announcer.verdictsChanged();
  }

  /** Leaves a connection that brings heartbeats but not the records that a lease answer told of: it is of no use. */
  #leaveStuckConnection(): void {
    const now = this.#options.clock.monotonicMs();
    if (!this.#lease.isBehind || this.#progress.applied !== this.applied) {
      this.#progress = { applied: this.applied, at: now };
    } else if (now - this.#progress.at > STUCK_MS) {
      this.#progress.at = now;
      this.#connection?.abort(revocationError("feed_unavailable", { detail: "records are not coming" }));
    }
  }

  async #wait(failures: number): Promise<void> {
    const { setTimer, random } = this.#options;
    const leastMs = this.#outdated ? OUTDATED_PAUSE_MS : this.#full ? FULL_PAUSE_MS : 0;
    const delayMs = Math.max(leastMs, backoffMs(failures, random));
    if (delayMs > 0) await pause(setTimer, delayMs, this.#life.signal);
  }

  #tellOfClock(isOff: boolean): void {
    if (isOff === this.#wasClockOff) return;
    this.#wasClockOff = isOff;
    const allowedMs = (this.#held.holding?.clockSkewSeconds ?? 0) * 1000;
    this.#announcer.report(isOff ? "clock_off" : "clock_right", { ...this.clock(), allowedMs });
    // On open routes nothing else would have what is under way looked at.
    if (isOff) this.#announcer.verdictsChanged();
  }

  /** Tells of every change; a lease that runs out is noticed at the next heartbeat or renewal. */
  #announce(): void {
    const isClockOff = this.#isClockOff();
    this.#tellOfClock(isClockOff);
    if (!this.#closed && !isClockOff && this.#lease.ageMs() <= this.#lease.leaseMs) {
      this.#wasReady = true;
      this.#ready.resolve();
    }
    this.#announcer.announce({ state: this.state, applied: this.applied });
  }
}
