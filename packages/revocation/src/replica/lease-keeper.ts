import {
  type Clock,
  hasCode,
  type LeaseRequest,
  type LeaseResponse,
  type SetTimer,
  unlessAborted,
} from "@portcullis/protocol";
import { revocationError } from "../errors.ts";
import type { Feed } from "../feed.ts";
import { AcknowledgementPace } from "./acknowledgement-pace.ts";

/** What the replica's index holds: every record up to `applied`. */
export interface Position {
  readonly incarnation: string;
  readonly applied: number;
  /** Value of the chain at `applied`. */
  readonly chain: string;
}

interface LeaseKeeperOptions {
  readonly feed: Feed;
  readonly name: string;
  /** Known to this process alone: who brings it holds the lease. */
  readonly secret: string;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly setTimer: SetTimer;
  readonly random: () => number;
  readonly position: () => Position | undefined;
  /** What else a call carries for the log's keeper to compare; asked in the turn in which the position is. */
  readonly evidence: () => Pick<LeaseRequest, "live" | "signedHead" | "clock">;
  /** Gives the answer with the head that it must be taken for; rejects when the issuer has not vouched for it. */
  readonly proved: (answer: LeaseResponse, signal: AbortSignal) => Promise<LeaseResponse>;
  /** The newest head that is known of the log held, by whatever way. */
  readonly knownHead: () => number;
  /** The log has answered a call, sent at `askedAt`: it has seen the evidence, and knows nothing against it. */
  readonly onAnswer: (answer: LeaseResponse, askedAt: number) => void;
  /** A lease came into force, or an answer said that there is more to apply. */
  readonly onChange: () => void;
  /** The log is not the one that the index was built from. */
  readonly onConflict: (why: string) => void;
  readonly onFailure: (error: unknown) => void;
}

interface Answer {
  /** Monotonic, from before the request was sent, and before the head was named to whoever passes it on. */
  readonly askedAt: number;
  readonly head: number;
  readonly leaseMs: number;
  readonly signedHead: string | undefined;
}

/** Renewals in the life of a lease. */
const RENEWALS_PER_LEASE = 5;
/** A call that is lost without a reset is given up while there is still time for another before the lease ends. */
const CALLS_PER_LEASE = 2;
/** However seldom the log wants acknowledgements: they are told while the lease that they belong to runs. */
const MIN_ACKNOWLEDGEMENTS_PER_LEASE = 4;
const MIN_TIMEOUT_MS = 1000;
const MIN_RENEWAL_MS = 20;
/** Answers that wait for records. Under load the newest may never be reached, so the oldest are kept. */
const MAX_WAITING = 16;

/**
 * The right to say "allow". Time is taken before the request is sent, and the server reads the head after it has
 * received it: once the index holds everything up to that head, it holds everything that was committed before
 * that time. The server counts the lease from receipt, which is later, so this side's always ends first.
 *
 * A relay names a head that it was told some time ago, and says how long (`ageMs`, from before it asked). Everything
 * then counts from so much earlier: the freshness, since what was committed meanwhile is not covered, and the lease,
 * since the issuer waits for the relay's lease, which counts from when the relay asked. As long as a relay grants no
 * more than it was granted, this side's right ends before the relay's does, however many relays are in between.
 */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  #granted: Answer | undefined;
  #waiting: Answer[] = [];
  #call:
    | { readonly abort: AbortController; readonly applied: number; readonly done: Promise<void> }
    | undefined;
  #again = false;
  readonly #pace: AcknowledgementPace;
  #cancelRenewal = (): void => {};
  #closed = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#pace = new AcknowledgementPace({
      clock: options.clock,
      setTimer: options.setTimer,
      send: () => this.renew(),
    });
  }

  /** Returns the age of the lease; Infinity without one. */
  ageMs(now = this.#options.clock.monotonicMs()): number {
    return this.#granted === undefined ? Number.POSITIVE_INFINITY : now - this.#granted.askedAt;
  }

  get leaseMs(): number {
    return this.#granted?.leaseMs ?? this.#options.leaseMs;
  }

  /** The issuer's word by which it was given. */
  get signedHead(): string | undefined {
    return this.#granted?.signedHead;
  }

  /** The log is known to hold records that the index does not. */
  get isBehind(): boolean {
    return this.#waiting.length > 0;
  }

  /** Renews and acknowledges. One call is under way at a time; what is applied meanwhile makes one more follow. */
  renew(): void {
    const position = this.#options.position();
    if (this.#closed || position === undefined) return;
    if (this.#call !== undefined) {
      this.#again = true;
      return;
    }
    this.#cancelRenewal();
    this.#pace.carried();
    this.#again = false;
    const abort = new AbortController();
    const call = { abort, applied: position.applied, done: Promise.resolve() };
    this.#call = call;
    call.done = this.#ask(position, abort);
  }

  /** After records went into the index: settles the answers that waited for them, and acknowledges. */
  reached(): void {
    this.#settle();
    if (this.#call === undefined) this.#pace.due();
    else this.#again = true;
  }

  /** Ends the lease: the index is of another log than the one that granted, and nothing of what was granted holds. */
  revoke(): void {
    this.#granted = undefined;
    this.#waiting = [];
    this.#stop();
  }

  /** Gives the lease back. No allow is said from here on, whether the server hears of it or not. */
  async close(signal: AbortSignal): Promise<void> {
    const position = this.#options.position();
    const underWay = this.#call?.done;
    this.#closed = true;
    this.revoke();
    // A renewal that the server got to see after this would make it wait for a replica that is gone.
    await underWay;
    if (position === undefined) return;
    const { feed, name, secret } = this.#options;
    const request = { replica: name, secret, ...position, leaseMs: 0 };
    await unlessAborted(feed.lease(request, signal), signal).catch(this.#options.onFailure);
  }

  /** Calls with a place in the log for its keeper to judge. Nothing is granted by the answer. */
  async show(lost: Position & Pick<LeaseRequest, "signedHead">, signal: AbortSignal): Promise<void> {
    const { feed, name, secret, leaseMs } = this.#options;
    const request = { replica: name, secret, ...lost, leaseMs };
    await unlessAborted(feed.lease(request, signal), signal);
  }

  #stop(): void {
    this.#cancelRenewal();
    this.#pace.reset();
    this.#again = false;
    this.#call?.abort.abort(revocationError("replica_closed"));
    this.#call = undefined;
  }

  async #ask(position: Position, abort: AbortController): Promise<void> {
    const { feed, name, secret, leaseMs, clock, setTimer } = this.#options;
    const cancelTimeout = setTimer(
      () => abort.abort(revocationError("feed_unavailable", { detail: "no answer to the lease call" })),
      Math.max(MIN_TIMEOUT_MS, leaseMs / CALLS_PER_LEASE),
    );
    const askedAt = clock.monotonicMs();
    let answered = false;
    try {
      const request = { replica: name, secret, ...position, leaseMs, ...this.#options.evidence() };
      const said = await unlessAborted(feed.lease(request, abort.signal), abort.signal);
      const answer = await this.#options.proved(said, abort.signal);
      answered = this.#isCurrent(abort) && this.#take(answer, askedAt, position);
    } catch (error) {
      if (this.#isCurrent(abort)) this.#refused(error);
    } finally {
      cancelTimeout();
      if (this.#isCurrent(abort)) this.#next(position, answered);
    }
  }

  /** Returns whether the call still counts: false when the replica has gone on to another log, or closed, since. */
  #isCurrent(abort: AbortController): boolean {
    return this.#call?.abort === abort;
  }

  #take(answer: LeaseResponse, askedAt: number, asked: Position): boolean {
    if (answer.incarnation !== asked.incarnation || answer.head < asked.applied) {
      this.#conflict(answer.incarnation === asked.incarnation ? "ahead_of_head" : "other_incarnation");
      return false;
    }
    this.#options.onAnswer(answer, askedAt);
    const leaseMs = Math.min(answer.leaseMs, this.#options.leaseMs);
    this.#pace.intervalMs = Math.min(answer.ackIntervalMs ?? 0, leaseMs / MIN_ACKNOWLEDGEMENTS_PER_LEASE);
    // Never below what is known to be in the log, though this answer may have been on its way for longer.
    const head = Math.max(answer.head, this.#options.knownHead());
    const { signedHead, ageMs = 0 } = answer;
    const waiting = { askedAt: askedAt - ageMs, head, leaseMs, signedHead };
    if (this.#waiting.length === MAX_WAITING) this.#waiting.pop();
    this.#waiting.push(waiting);
    this.#settle();
    this.#options.onChange();
    return true;
  }

  #settle(): void {
    const position = this.#options.position();
    if (position === undefined) return;
    for (const answer of this.#waiting) {
      if (answer.head > position.applied) continue;
      if (this.#granted === undefined || answer.askedAt > this.#granted.askedAt) this.#granted = answer;
    }
    this.#waiting = this.#waiting.filter(({ head }) => head > position.applied);
  }

  #refused(error: unknown): void {
    if (hasCode(error, "feed_conflict")) {
      this.#conflict(error.detail ?? "conflict");
      return;
    }
    if (hasCode(error, "verifier_suspended")) this.#giveUpRight();
    this.#options.onFailure(error);
  }

  /** At once, though the lease would run for some seconds more: it goes on asking, and may be resumed. */
  #giveUpRight(): void {
    this.#granted = undefined;
    this.#waiting = [];
    this.#options.onChange();
  }

  #conflict(why: string): void {
    this.revoke();
    this.#options.onConflict(why);
  }

  #next(asked: Position, answered: boolean): void {
    this.#call = undefined;
    const applied = this.#options.position()?.applied;
    if (answered && this.#again && applied !== undefined && applied > asked.applied) {
      this.#pace.due();
      // Else it waits for its time, and the renewal beside it.
      if (this.#call !== undefined) return;
    }
    const { setTimer, random } = this.#options;
    const delayMs = Math.max(MIN_RENEWAL_MS, this.leaseMs / RENEWALS_PER_LEASE) * (0.9 + 0.1 * random());
    this.#cancelRenewal = setTimer(() => {
      this.#options.onChange();
      this.renew();
    }, delayMs);
  }
}
