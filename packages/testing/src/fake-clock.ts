/** A monotonic clock that moves when told to, and the timers that hang on it. */
export class FakeClock {
  now = 0;
  readonly #timers = new Set<{ readonly at: number; readonly work: () => void }>();

  readonly monotonicMs = (): number => this.now;
  readonly wallClockMs = (): number => Date.UTC(2030, 0, 1) + this.now;

  readonly setTimer = (work: () => void, delayMs: number): (() => void) => {
    const timer = { at: this.now + delayMs, work };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  get timers(): number {
    return this.#timers.size;
  }

  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const due = [...this.#timers]
        .filter(({ at }) => at <= end)
        .sort((left, right) => left.at - right.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.now = Math.max(this.now, due.at);
      due.work();
    }
    this.now = end;
  }
}
