/** A clock that stands still until it is told to move: both kinds of time, so that they can disagree. */
export class FrozenClock {
  #seconds: number;
  #monotonicMs = 0;

  constructor(startSeconds = 1_700_000_000) {
    this.#seconds = startSeconds;
  }

  readonly nowSeconds = (): number => this.#seconds;
  readonly monotonicMs = (): number => this.#monotonicMs;

  /** Both clocks, as time passing does. */
  advance(ms: number): void {
    this.#seconds += ms / 1000;
    this.#monotonicMs += ms;
  }

  /** The wall clock alone, as an administrator or NTP does. */
  setSeconds(seconds: number): void {
    this.#seconds = seconds;
  }
}
