import type { Clock } from "@portcullis/protocol";
import type { Schedule } from "./schedule.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** What the world's wall clocks should show at true time 0. */
export const START_MS = 1_900_000_000_000;
/** Either way, of each clock: what a cheap quartz does. */
const MAX_DRIFT = 100e-6;
/** How far a wall clock is off while nobody tampers with it; less than the skew that tokens are checked with. */
const MAX_OFFSET_MS = 1000;

/** The clocks of one machine: wrong by a little all the time, the wall clock by a lot once somebody sets it. */
export class NodeClock implements Clock {
  readonly #schedule: Schedule;
  /** Local milliseconds a true millisecond. */
  readonly rate: number;
  readonly #monotonicStart: number;
  readonly #offsetMs: number;
  #setForwardMs = 0;
  /** True time, ms: since then it is as it is. */
  setAt = 0;

  constructor(schedule: Schedule, random: SeededRandom) {
    this.#schedule = schedule;
    this.rate = 1 + random.between(-MAX_DRIFT, MAX_DRIFT);
    this.#monotonicStart = random.between(0, 1e6);
    this.#offsetMs = random.between(-MAX_OFFSET_MS, MAX_OFFSET_MS);
  }

  readonly monotonicMs = (): number => this.#monotonicStart + this.#schedule.now * this.rate;
  readonly wallMs = (): number =>
    START_MS + this.#schedule.now * this.rate + this.#offsetMs + this.#setForwardMs;
  /** What the wall clock would show if nobody had set it. */
  readonly untouchedMs = (): number => this.wallMs() - this.#setForwardMs;

  /** Somebody sets the clock; 0 sets it right. */
  setForward(ms: number): void {
    if (ms !== this.#setForwardMs) this.setAt = this.#schedule.now;
    this.#setForwardMs = ms;
  }

  get isSetWrong(): boolean {
    return this.#setForwardMs !== 0;
  }

  /** True milliseconds that a stretch on this machine's monotonic clock takes. */
  trueMs(localMs: number): number {
    return localMs / this.rate;
  }
}
