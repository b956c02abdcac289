import type { Clock, SetTimer } from "@portcullis/protocol";

interface AcknowledgementPaceOptions {
  readonly clock: Clock;
  readonly setTimer: SetTimer;
  readonly send: () => void;
}

/**
 * How often the log wants to hear of nothing but progress. After a quiet time it hears at once, since a receipt may be
 * waiting for just that; what follows within the interval is told together at its end.
 */
export class AcknowledgementPace {
  readonly #options: AcknowledgementPaceOptions;
  #intervalMs = 0;
  #sentAt = Number.NEGATIVE_INFINITY;
  #cancelWait: (() => void) | undefined;

  constructor(options: AcknowledgementPaceOptions) {
    this.#options = options;
  }

  set intervalMs(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** Sends, or waits for its time: there is something to acknowledge, and no call is under way. */
  due(): void {
    if (this.#cancelWait !== undefined) return;
    const { clock, setTimer } = this.#options;
    const leftMs = Math.ceil(this.#sentAt + this.#intervalMs - clock.monotonicMs());
    if (leftMs > 0) this.#cancelWait = setTimer(() => this.#send(), leftMs);
    else this.#send();
  }

  /** Forgets what waits: a call goes out for whatever reason, and what was to be said is in it. */
  carried(): void {
    this.#cancelWait?.();
    this.#cancelWait = undefined;
  }

  /** Begins anew: nothing was said yet to the log that is followed from now on. */
  reset(): void {
    this.carried();
    this.#sentAt = Number.NEGATIVE_INFINITY;
  }

  #send(): void {
    this.#cancelWait = undefined;
    this.#sentAt = this.#options.clock.monotonicMs();
    this.#options.send();
  }
}
