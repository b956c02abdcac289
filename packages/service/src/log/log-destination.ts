/** Writes text somewhere and calls back when it is out, or with the error that kept it. One call is under way at a time. */
export type WriteText = (text: string, done: (error?: Error | null) => void) => void;

export interface LogDestinationOptions {
  readonly writeText: WriteText;
  /** What a burst may need at most while the reader is busy. */
  readonly maxHeldCharacters?: number;
}

const MAX_HELD_CHARACTERS = 512 * 1024;

/**
 * Takes lines without ever waiting for whoever reads them. Full, it takes none until all that it holds is out: a reader that
 * is a little too slow loses stretches, and can see where, instead of every second line.
 */
export class LogDestination {
  readonly #writeText: WriteText;
  readonly #maxHeldCharacters: number;
  #queue: string[] = [];
  #held = 0;
  #isWriting = false;
  #isFull = false;
  #dropped = 0;
  #unreported = 0;
  #onFlowing: ((dropped: number) => void) | undefined;
  #drained = Promise.withResolvers<void>();

  constructor({ writeText, maxHeldCharacters = MAX_HELD_CHARACTERS }: LogDestinationOptions) {
    this.#writeText = writeText;
    this.#maxHeldCharacters = maxHeldCharacters;
  }

  /** Lines that were lost since the process started. */
  get dropped(): number {
    return this.#dropped;
  }

  /** `report` is called with the number of lines lost as soon as there is room again. It may write a line. */
  whenFlowingAgain(report: (dropped: number) => void): void {
    this.#onFlowing = report;
  }

  /** A whole line, with its end. Never throws and never waits. */
  write(line: string): void {
    if (this.#isFull || this.#held + line.length > this.#maxHeldCharacters) {
      this.#isFull = true;
      this.#drop(1);
      return;
    }
    this.#held += line.length;
    this.#queue.push(line);
    if (!this.#isWriting) this.#writeQueued();
  }

  /** Resolves when everything is out, or after `withinMs`: a reader that has stalled does not hold up the end. */
  async flush(withinMs: number): Promise<void> {
    if (this.#held === 0) return;
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, withinMs);
    await Promise.race([this.#drained.promise, late.promise]);
    clearTimeout(timer);
  }

  /** Takes out what was not handed on yet: for the very end, when nothing more can be waited for. */
  takeQueued(): string {
    const text = this.#queue.join("");
    this.#queue = [];
    this.#held -= text.length;
    return text;
  }

  #writeQueued(): void {
    const lines = this.#queue.length;
    const text = this.#queue.join("");
    this.#queue = [];
    this.#isWriting = true;
    this.#writeText(text, (error) => {
      this.#isWriting = false;
      this.#held -= text.length;
      if (error) this.#drop(lines);
      this.#goOn(!error);
    });
  }

  #goOn(hasFlowed: boolean): void {
    if (this.#queue.length > 0) {
      this.#writeQueued();
      return;
    }
    this.#isFull = false;
    this.#drained.resolve();
    this.#drained = Promise.withResolvers();
    // Not after an error: the line that tells of it would be the next to be lost, and so on for ever.
    if (hasFlowed) this.#tellOfDropped();
  }

  #drop(lines: number): void {
    this.#dropped += lines;
    this.#unreported += lines;
  }

  #tellOfDropped(): void {
    const dropped = this.#unreported;
    if (dropped === 0) return;
    this.#unreported = 0;
    this.#onFlowing?.(dropped);
  }
}
