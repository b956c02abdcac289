import type { LeaseChange, LeaseTable } from "@portcullis/feed-server";
import type { Clock, SetTimer } from "@portcullis/protocol";

interface EnforcedBelowOptions {
  readonly table: LeaseTable;
  /** Newest seq in our own index. */
  readonly head: () => number;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly setTimer: SetTimer;
  /** More is enforced than was last said: somebody may be waiting for it. */
  readonly onRise: () => void;
}

/** Acknowledgements that come within this share one call upwards. */
const GATHER_MS = 1;

interface Blocker {
  readonly key: string;
  readonly until: number;
}

/**
 * Up to which seq nobody below may allow any more. It looks at one lease holder that stands in the way, and at the rest again
 * only when that one has acknowledged, given its lease back or lost it: of 10,000 acknowledgements a few cost a look.
 */
export class EnforcedBelow {
  readonly #options: EnforcedBelowOptions;
  #said = 0;
  #blocker: Blocker | undefined;
  #cancelLook: () => void = () => undefined;
  #isLooking = false;
  readonly #unsubscribe: () => void;

  constructor(options: EnforcedBelowOptions) {
    this.#options = options;
    this.#unsubscribe = options.table.subscribe((change) => this.#onChange(change));
  }

  /** What was said last. */
  get said(): number {
    return this.#said;
  }

  /** For an acknowledgement that goes out now; `applied` is what our own index holds. */
  say(applied: number): number {
    this.#said = this.#upTo(applied);
    return this.#said;
  }

  close(): void {
    this.#unsubscribe();
    this.#cancelLook();
  }

  /** What a laggard said it has applied is never more than what it enforces. */
  #upTo(applied: number): number {
    let enforced = applied;
    let blocker: Blocker | undefined;
    for (const { lease, until } of this.#options.table.laggardsOf(applied)) {
      if (lease.applied >= enforced) continue;
      enforced = lease.applied;
      blocker = { key: lease.key, until };
    }
    this.#blocker = blocker;
    this.#awaitEndOf(blocker);
    return enforced;
  }

  #onChange(change: LeaseChange): void {
    if (change.type === "known" || change.lease.key === this.#blocker?.key) this.#lookSoon();
  }

  #lookSoon(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#cancelLook();
    this.#cancelLook = this.#options.setTimer(() => this.#look(), GATHER_MS);
  }

  #look(): void {
    this.#isLooking = false;
    if (this.#upTo(this.#options.head()) > this.#said) this.#options.onRise();
  }

  #awaitEndOf(blocker: Blocker | undefined): void {
    if (this.#isLooking) return;
    this.#cancelLook();
    if (blocker === undefined) return;
    const leftMs = Math.max(GATHER_MS, Math.ceil(blocker.until - this.#options.clock.monotonicMs()));
    this.#cancelLook = this.#options.setTimer(() => this.#look(), leftMs);
  }
}
