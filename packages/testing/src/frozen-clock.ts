import type { Clock } from "@portcullis/protocol";

/** A clock that stands still until it is told to move: both kinds of time, which can disagree, and the timers that hang on it. */
export class FrozenClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  readonly #timers = new Set<{ readonly at: number; readonly work: () => void }>();

  constructor(startSeconds = 1_700_000_000) {
    this.#wallMs = startSeconds * 1000;
  }

  readonly wallMs = (): number => this.#wallMs;
  readonly monotonicMs = (): number => this.#monotonicMs;
  /** The wall clock in seconds. */
  get seconds(): number {
    return this.#wallMs / 1000;
  }

  readonly setTimer = (work: () => void, delayMs: number): (() => void) => {
    const timer = { at: this.#monotonicMs + delayMs, work };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  /** How many timers wait. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Moves both clocks, as time passing does, and runs what is due, in order. */
  advance(ms: number): void {
    const end = this.#monotonicMs + ms;
    for (let due = this.#nextDue(end); due !== undefined; due = this.#nextDue(end)) {
      this.#timers.delete(due);
      this.#pass(Math.max(0, due.at - this.#monotonicMs));
      due.work();
    }
    this.#pass(end - this.#monotonicMs);
  }

  /** Moves the wall clock alone, as an administrator or NTP does. */
  setSeconds(seconds: number): void {
    this.#wallMs = seconds * 1000;
  }

  #pass(ms: number): void {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
  }

  #nextDue(end: number) {
    return [...this.#timers].filter(({ at }) => at <= end).sort((left, right) => left.at - right.at)[0];
  }
}
