import type { Lease, LeaseChange, Leases, SetTimer } from "@portcullis/feed-server";
import type { Receipt } from "@portcullis/protocol";

export interface Receipts {
  /**
   * Which verifiers enforce the log up to `seq`. Answers as soon as all do, or must, and at the latest after
   * `waitMs` or when the signal aborts, with `pending` then. A verifier is counted out only by its
   * acknowledgement, by giving its lease back, or by the end of its lease: never by silence.
   */
  wait(seq: number, waitMs: number, signal?: AbortSignal): Promise<Receipt>;
}

export interface ReceiptsOptions {
  readonly leases: Leases;
  readonly head: () => number;
  readonly monotonicMs: () => number;
  /** Milliseconds since the epoch: only for `enforcedBy`, which people read. */
  readonly wallClockMs: () => number;
  readonly setTimer: SetTimer;
}

/** Receipts that wait; `close` answers all of them at once with what is known. */
export interface ClosableReceipts extends Receipts {
  close(): void;
}

export function createReceipts(options: ReceiptsOptions): ClosableReceipts {
  const closing = new AbortController();
  return {
    wait(seq, waitMs, signal) {
      if (seq > options.head()) {
        throw new RangeError(`seq ${seq} is not committed: the head is ${options.head()}`);
      }
      const until = AbortSignal.any(signal === undefined ? [closing.signal] : [closing.signal, signal]);
      return new ReceiptWait(options, seq).finish(waitMs, until);
    },
    close: () => closing.abort(),
  };
}

class ReceiptWait {
  readonly #options: ReceiptsOptions;
  readonly #seq: number;
  readonly #startedAt: number;
  readonly #leased = new Set<string>();
  readonly #acked = new Set<string>();
  /**
   * Who may still allow it, and until when. Only shrinks: a lease answer from now on names a head that is not
   * before `seq`, and so gives no right until its verifier has applied `seq`.
   */
  readonly #laggards = new Map<string, { readonly name: string; readonly until: number }>();
  #over: ((receipt: Receipt) => void) | undefined;
  #cancelTimer: () => void = () => undefined;

  constructor(options: ReceiptsOptions, seq: number) {
    this.#options = options;
    this.#seq = seq;
    this.#startedAt = options.monotonicMs();
    for (const lease of options.leases.held()) this.#count(lease);
    for (const { lease, until } of options.leases.laggardsOf(seq)) {
      this.#laggards.set(lease.key, { name: lease.holder.name, until });
    }
  }

  finish(waitMs: number, signal: AbortSignal): Promise<Receipt> {
    const deadline = this.#startedAt + waitMs;
    if (this.#isEnforced() || waitMs <= 0 || signal.aborted) return Promise.resolve(this.#receipt());
    const unsubscribe = this.#options.leases.subscribe((change) => this.#onChange(change, deadline));
    return new Promise<Receipt>((resolve) => {
      this.#over = resolve;
      signal.addEventListener("abort", () => resolve(this.#receipt()), { once: true });
      this.#arm(deadline);
    }).finally(() => {
      unsubscribe();
      this.#cancelTimer();
    });
  }

  #count(lease: Lease): void {
    this.#leased.add(lease.key);
    if (lease.applied >= this.#seq) this.#acked.add(lease.key);
  }

  #onChange({ type, lease }: LeaseChange, deadline: number): void {
    if (type === "granted") this.#count(lease);
    if (type === "granted" && lease.applied < this.#seq) return;
    if (this.#laggards.delete(lease.key)) this.#arm(deadline);
  }

  /** Answers if it can be answered, and otherwise looks again when the last lease ends or the caller's time is up. */
  #arm(deadline: number): void {
    this.#cancelTimer();
    const now = this.#options.monotonicMs();
    if (this.#isEnforced() || now >= deadline) {
      this.#over?.(this.#receipt());
      return;
    }
    // Timers may fire early by a fraction of a millisecond: then this runs once more.
    const next = Math.min(deadline, this.#lastEnd());
    this.#cancelTimer = this.#options.setTimer(() => this.#arm(deadline), Math.max(1, Math.ceil(next - now)));
  }

  #isEnforced(): boolean {
    const now = this.#options.monotonicMs();
    for (const { until } of this.#laggards.values()) if (until > now) return false;
    return true;
  }

  #lastEnd(): number {
    return Math.max(...[...this.#laggards.values()].map(({ until }) => until));
  }

  #receipt(): Receipt {
    const now = this.#options.monotonicMs();
    const counted = {
      seq: this.#seq,
      acked: this.#acked.size,
      leased: this.#leased.size,
      elapsedMs: Math.round((now - this.#startedAt) * 1000) / 1000,
    };
    if (this.#isEnforced()) return { ...counted, state: "enforced" };
    const laggards = [...this.#laggards.values()].filter(({ until }) => until > now).map(({ name }) => name);
    const enforcedBy = new Date(Math.ceil(this.#options.wallClockMs() + this.#lastEnd() - now)).toISOString();
    return { ...counted, state: "pending", laggards: laggards.sort(), enforcedBy };
  }
}
