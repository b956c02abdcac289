import { cliError } from "../errors.ts";

/** Aborts when nothing was heard for a time: a line can be dead without anybody saying so. */
export class WhenSilent {
  readonly #ms: number;
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number) {
    this.#ms = ms;
    this.heard();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  heard(): void {
    clearTimeout(this.#timer);
    const silent = () =>
      this.#abort.abort(cliError("timed_out", { text: `nothing was heard for ${this.#ms / 1000} s` }));
    this.#timer = setTimeout(silent, this.#ms);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
