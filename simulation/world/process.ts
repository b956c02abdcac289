import type { NodeClock } from "./node-clock.ts";
import type { Runner, Schedule } from "./schedule.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** Node's timers are early by a fraction of a millisecond and late by what the loop was busy with. */
const EARLY_MS = 0.3;
const LATE_MS = 1;

/** One life of a program on a machine: what it has planned dies with it. */
export class Process implements Runner {
  readonly name: string;
  readonly clock: NodeClock;
  readonly #schedule: Schedule;
  readonly #random: SeededRandom;
  readonly #turns: number;
  readonly #killed = Promise.withResolvers<void>();
  #isDead = false;
  /** True time, ms: until then it is stopped, as by SIGSTOP. */
  pausedUntil = 0;

  constructor(options: {
    readonly name: string;
    readonly clock: NodeClock;
    readonly schedule: Schedule;
    readonly random: SeededRandom;
    readonly turns: number;
  }) {
    this.name = options.name;
    this.clock = options.clock;
    this.#schedule = options.schedule;
    this.#random = options.random;
    this.#turns = options.turns;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  kill(): void {
    this.#isDead = true;
    this.#killed.resolve();
  }

  get isRunning(): boolean {
    return !this.#isDead && this.pausedUntil <= this.#schedule.now;
  }

  /** `delayMs` on this machine's clock. */
  after(delayMs: number, what: string, work: () => void | Promise<void>): void {
    const at = this.#schedule.now + this.clock.trueMs(Math.max(0, delayMs));
    this.#schedule.plan({ at, what, process: this, turns: this.#turns, work });
  }

  readonly setTimer = (work: () => void, delayMs: number): (() => void) => {
    let isSet = true;
    this.after(delayMs + this.#random.between(-EARLY_MS, LATE_MS), "timer", () => {
      if (isSet) work();
    });
    return () => {
      isSet = false;
    };
  };

  every(intervalMs: number, what: string, work: () => void | Promise<void>): void {
    this.after(intervalMs, what, () => {
      void work();
      this.every(intervalMs, what, work);
    });
  }

  /**
   * Something outside of the process takes its time: over when the process dies, so that what waits can end. At the end of a run
   * nothing moves time any more, and each unit of writing in the queue would wait out its real time limit.
   */
  wait(ms: number): Promise<void> {
    const at = this.#schedule.now + ms;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#schedule.plan({ at, what: "wait", turns: this.#turns, work: resolve });
    return Promise.race([promise, this.#killed.promise]);
  }

  /** For ever, when the process dies meanwhile. */
  sleep(ms: number, what: string): Promise<void> {
    return new Promise((resolve) => this.after(ms, what, resolve));
  }
}
