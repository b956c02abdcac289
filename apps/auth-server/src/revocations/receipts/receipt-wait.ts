import type { Laggard, Lease, LeaseChange, Leases } from "@portcullis/feed-server";
import type { Clock, Receipt, SetTimer } from "@portcullis/protocol";

export interface ReceiptWaitOptions {
  readonly leases: Leases;
  readonly clock: Clock;
  readonly setTimer: SetTimer;
}

export type Required = "all" | "quorum";

export interface Question {
  readonly seq: number;
  readonly waitMs: number;
  readonly require: Required;
}

/**
 * For the names of verifiers that other servers gave leases to, an answer waits for so long, whatever the caller asked:
 * without them it could name nobody and only say that it is over after the longest lease there is.
 */
const NAMES_MS = 1000;

/** One receipt in the making. */
export class ReceiptWait {
  readonly #options: ReceiptWaitOptions;
  readonly #question: Question;
  readonly #startedAt: number;
  readonly #leased = new Set<string>();
  readonly #acked = new Set<string>();
  /** Whose lease stood at the commit, and the client of each: what more than half means. */
  readonly #stood = new Map<string, string>();
  /**
   * Who may still allow it, and until when. Nobody new comes in by a lease call: an answer from now on names a head
   * that is not before `seq`, and so gives no right until its verifier has applied `seq`.
   */
  #laggards = new Map<string, Laggard>();
  #over: ((receipt: Receipt) => void) | undefined;
  #cancelTimer: () => void = () => undefined;

  constructor(options: ReceiptWaitOptions, question: Question) {
    this.#options = options;
    this.#question = question;
    this.#startedAt = options.clock.monotonicMs();
    this.#lookUp();
  }

  finish(signal: AbortSignal): Promise<Receipt> {
    if (this.#isOver() || signal.aborted) return Promise.resolve(this.#receipt());
    const unsubscribe = this.#options.leases.subscribe((change) => this.#onChange(change));
    const onAbort = () => this.#over?.(this.#receipt());
    return new Promise<Receipt>((resolve) => {
      this.#over = resolve;
      signal.addEventListener("abort", onAbort);
      this.#arm();
    }).finally(() => {
      unsubscribe();
      this.#cancelTimer();
      // The signal may belong to the process: it would keep this, with all names, for ever.
      signal.removeEventListener("abort", onAbort);
    });
  }

  #lookUp(): void {
    const { leases } = this.#options;
    const laggards = leases.laggardsOf(this.#question.seq);
    for (const lease of leases.held()) this.#count(lease);
    for (const { lease } of laggards) {
      this.#leased.add(lease.key);
      this.#note(lease);
    }
    this.#laggards = new Map(laggards.map((laggard) => [laggard.lease.key, laggard]));
  }

  #count(lease: Lease): void {
    this.#leased.add(lease.key);
    this.#note(lease);
    if (lease.applied >= this.#question.seq) this.#acked.add(lease.key);
  }

  #note({ key, since, holder }: Lease): void {
    if (since < this.#question.seq) this.#stood.set(key, holder.clientId);
  }

  #onChange(change: LeaseChange): void {
    if (change.type === "known") {
      this.#lookUp();
      this.#arm();
      return;
    }
    const { type, lease } = change;
    if (type === "granted") this.#count(lease);
    if (type === "granted" && lease.applied < this.#question.seq) return;
    if (this.#laggards.delete(lease.key)) this.#arm();
  }

  /** Answers if it can be answered, and otherwise looks again when the last lease ends or the caller's time is up. */
  #arm(): void {
    this.#cancelTimer();
    if (this.#isOver()) {
      this.#over?.(this.#receipt());
      return;
    }
    const now = this.#options.clock.monotonicMs();
    const next = Math.min(this.#deadline(), this.#lastEnd());
    // Timers may fire early by a fraction of a millisecond: then this runs once more.
    this.#cancelTimer = this.#options.setTimer(() => this.#arm(), Math.max(1, Math.ceil(next - now)));
  }

  #isOver(): boolean {
    return this.#isEnforced() || this.#hasQuorum() || this.#options.clock.monotonicMs() >= this.#deadline();
  }

  #deadline(): number {
    const waitMs = this.#hasStrangers() ? Math.max(this.#question.waitMs, NAMES_MS) : this.#question.waitMs;
    return this.#startedAt + waitMs;
  }

  #isEnforced(): boolean {
    return this.#lastEnd() <= this.#options.clock.monotonicMs();
  }

  /**
   * More than half of each client's verifiers whose leases stood at the commit. Names that came since say nothing of those
   * that may still allow it; and no client's names, however many, speak for another's.
   */
  #hasQuorum(): boolean {
    if (this.#question.require !== "quorum" || this.#hasStrangers()) return false;
    const margins = new Map<string, number>();
    for (const [key, clientId] of this.#stood) {
      margins.set(clientId, (margins.get(clientId) ?? 0) + (this.#acked.has(key) ? 1 : -1));
    }
    return [...margins.values()].every((margin) => margin > 0);
  }

  #hasStrangers(): boolean {
    return this.#strangersUntil() > this.#options.clock.monotonicMs();
  }

  #strangersUntil(): number {
    return this.#options.leases.strangersUntil?.(this.#question.seq) ?? Number.NEGATIVE_INFINITY;
  }

  #lastEnd(): number {
    return Math.max(this.#strangersUntil(), ...[...this.#laggards.values()].map(({ until }) => until));
  }

  #receipt(): Receipt {
    const now = this.#options.clock.monotonicMs();
    const counted = {
      seq: this.#question.seq,
      acked: this.#acked.size,
      leased: this.#leased.size,
      elapsedMs: Math.round((now - this.#startedAt) * 1000) / 1000,
    };
    if (this.#isEnforced()) return { ...counted, state: "enforced" };
    const late = [...this.#laggards.values()].filter(({ until }) => until > now).map(({ lease }) => lease);
    const enforcedBy = new Date(
      Math.ceil(this.#options.clock.wallMs() + this.#lastEnd() - now),
    ).toISOString();
    const state = this.#hasQuorum() ? "quorum" : "pending";
    const unnamed = this.#hasStrangers() && { unnamed: true };
    return { ...counted, state, ...namesOf(late), ...unnamed, enforcedBy };
  }
}

/** By name, and with whose credential and from where: anybody may take a name. */
function namesOf(late: readonly Lease[]): Pick<Receipt, "laggards" | "waitingFor"> {
  const waitingFor = late
    .map(({ holder: { name, clientId }, address }) => ({ name, clientId, ...(address && { address }) }))
    .sort((left, right) => compare(left.name, right.name) || compare(left.clientId, right.clientId));
  return { laggards: waitingFor.map(({ name }) => name), waitingFor };
}

const compare = (left: string, right: string): number => Number(left > right) - Number(left < right);
