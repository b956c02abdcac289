import type { Clock } from "@portcullis/protocol";

/** A wall clock that remembers what was read of it last, for a step that compares it without reading it again. */
export class ReadClock {
  readonly #clock: Pick<Clock, "wallMs">;
  /** Milliseconds; NaN before the first reading. */
  lastMs = Number.NaN;

  constructor(clock: Pick<Clock, "wallMs">) {
    this.#clock = clock;
  }

  wallMs(): number {
    this.lastMs = this.#clock.wallMs();
    return this.lastMs;
  }
}
