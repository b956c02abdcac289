import type { Clock } from "@portcullis/protocol";
import { START_SECONDS } from "./memory-log.ts";

/** Time that moves only when told to. Timers run in order, and promises settle in between. */
export class FakeTime implements Clock {
  nowMs = 1000;
  readonly #timers = new Set<{ at: number; work: () => void }>();

  readonly #waiting: (() => void)[] = [];

  readonly wallMs = (): number => START_SECONDS * 1000 + this.nowMs;
  readonly monotonicMs = (): number => this.nowMs;

  readonly setTimer = (work: () => void, delayMs: number): (() => void) => {
    const timer = { at: this.nowMs + delayMs, work };
    this.#timers.add(timer);
    for (const wake of this.#waiting.splice(0)) wake();
    return () => this.#timers.delete(timer);
  };

  /** Resolves when the next timer is set. */
  timerSet(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  get pending(): number {
    return this.#timers.size;
  }

  async advance(ms: number): Promise<void> {
    const end = this.nowMs + ms;
    await settled();
    for (;;) {
      const due = [...this.#timers]
        .filter(({ at }) => at <= end)
        .sort((left, right) => left.at - right.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.nowMs = Math.max(this.nowMs, due.at);
      due.work();
      await settled();
    }
    this.nowMs = end;
  }

  /** The process was stopped: time has passed, and no timer has run yet. */
  sleep(ms: number): void {
    this.nowMs += ms;
  }
}

/** Everything that can go on without time has gone on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
}
