/** A wall clock that remembers what was read of it last, for a step that compares it without reading it again. */
export class ReadClock {
  readonly #read: () => number;
  /** Seconds; NaN before the first reading. */
  last = Number.NaN;

  constructor(read: () => number) {
    this.#read = read;
  }

  readonly nowSeconds = (): number => {
    this.last = this.#read();
    return this.last;
  };
}
