import type { SetTimer } from "@portcullis/protocol";
import { revocationError } from "../errors.ts";

/** Aborts work that takes too long, or, when restarted by what comes in, work that stands still. */
export class TimeLimit {
  readonly #setTimer: SetTimer;
  readonly #ms: number;
  readonly #abort = new AbortController();
  readonly #detail: string;
  #cancel = (): void => {};

  constructor(setTimer: SetTimer, ms: number, detail: string) {
    this.#setTimer = setTimer;
    this.#ms = ms;
    this.#detail = detail;
  }

  restart(): void {
    this.#cancel();
    const stop = () => this.#abort.abort(revocationError("feed_unavailable", { detail: this.#detail }));
    this.#cancel = this.#setTimer(stop, this.#ms);
  }

  async hold<Value>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
    this.restart();
    try {
      return await work(AbortSignal.any([signal, this.#abort.signal]));
    } finally {
      this.#cancel();
    }
  }
}
