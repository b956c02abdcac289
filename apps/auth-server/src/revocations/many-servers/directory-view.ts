import type { Clock, SetTimer } from "@portcullis/protocol";
import { KnownRows } from "./known-rows.ts";
import type { DirectoryRow, SharedDirectory } from "./shared-directory.ts";

/** While somebody waits, the directory is read so often: what the bus should have brought comes no later than that. */
const LOOK_AGAIN_MS = 250;

export interface DirectoryViewOptions {
  readonly directory: Pick<SharedDirectory, "all">;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly setTimer: SetTimer;
  /** Larger each time: tells what a reading has seen apart from what came after it began. */
  readonly mark: () => number;
  readonly onRead: (rows: readonly DirectoryRow[], startedAt: number) => void;
  readonly onFailure: (error: unknown) => void;
}

/** Reads the directory, again and again while it is watched. */
export class DirectoryView {
  readonly rows = new KnownRows();
  readonly #options: DirectoryViewOptions;
  #readSince = 0;
  #reading: Promise<void> | undefined;
  #following: Promise<void> | undefined;
  #watchers = 0;
  #cancelTimer = (): void => undefined;

  constructor(options: DirectoryViewOptions) {
    this.#options = options;
  }

  /** A mark: what was committed before it is in `rows`. */
  get readSince(): number {
    return this.#readSince;
  }

  /** Reads, beginning after this call. Never rejects. */
  look(): Promise<void> {
    if (this.#reading === undefined) return this.#start();
    this.#following ??= this.#reading.then(() => {
      this.#following = undefined;
      return this.#start();
    });
    return this.#following;
  }

  /** Looks at once, and regularly until the function that it gives is called. */
  watch(): () => void {
    void this.look();
    if (this.#watchers++ === 0) this.#lookLater();
    return () => {
      if (--this.#watchers === 0) this.#cancelTimer();
    };
  }

  #lookLater(): void {
    this.#cancelTimer = this.#options.setTimer(() => {
      // While the store does not answer there is one question under way and one that waits, not more and more.
      void this.look();
      this.#lookLater();
    }, LOOK_AGAIN_MS);
  }

  #start(): Promise<void> {
    const reading = this.#read().finally(() => {
      if (this.#reading === reading) this.#reading = undefined;
    });
    this.#reading = reading;
    return reading;
  }

  async #read(): Promise<void> {
    const { directory, clock, mark, onRead, onFailure } = this.#options;
    const startedAt = clock.monotonicMs();
    const since = mark();
    try {
      const rows = await directory.all();
      // What an earlier question brought late is older than what is known.
      if (since < this.#readSince) return;
      this.rows.take(rows, clock.monotonicMs());
      this.#readSince = since;
      onRead(rows, startedAt);
    } catch (error) {
      onFailure(error);
    }
  }
}
