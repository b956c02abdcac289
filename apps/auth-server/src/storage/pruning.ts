/**
 * The one way to delete what has ended. Whoever prunes is given the time by which it may, and has no other: it is confirmed
 * by the database's clock before each round, comes on slowly after a start, and what goes is counted. A server whose clock is in
 * doubt deletes nothing, says so, and goes on with everything else. Decision 0069.
 */
import type { Log } from "@portcullis/protocol";
import { noteSeen, type SharedTime } from "./log/retention-clock.ts";
import type { Write } from "./write-transaction.ts";

/** Of the live records, while nobody vouches for the time that seems to have passed. */
const MAX_SHARE_UNEXPLAINED = 0.5;
/** Fewer than that are no share of anything. */
const MIN_COUNTED = 1000;
/** How far the time has come is stored about so often. */
const NOTED_SECONDS = 20;
/** A server that was away for less is no news. */
const WORTH_SAYING_SECONDS = 5 * 60;

/** Rows that went, by their table. */
export type Pruned = Readonly<Record<string, number>>;

/** The time by which a round deletes. Made here alone. */
export class PruneTime {
  /** Seconds. What ended before has ended by every clock. */
  readonly seconds: number;
  /** Milliseconds. What has ended by then has ended for every server, whatever its clock. */
  readonly overForAllMs: number;
  readonly #admits: (removing: number, kept: number) => boolean;

  constructor(options: {
    readonly seconds: number;
    readonly clockSkewSeconds: number;
    readonly admits: (removing: number, kept: number) => boolean;
  }) {
    this.seconds = options.seconds;
    this.overForAllMs = (options.seconds - options.clockSkewSeconds) * 1000;
    this.#admits = options.admits;
  }

  /** Whether so many more records of the log may go, of those that are kept: false for more than can be explained. */
  admits({ removing, kept }: { readonly removing: number; readonly kept: number }): boolean {
    return this.#admits(removing, kept);
  }
}

export interface PruningOptions {
  readonly time: SharedTime;
  readonly clockSkewSeconds: number;
  readonly write: Write;
  readonly operatorLog: Log;
}

export class Pruning {
  readonly #options: PruningOptions;
  readonly #removed = new Map<string, number>();
  #refused = 0;
  /** Kinds of rounds that were refused, and have not gone on since. */
  readonly #inDoubt = new Set<string>();
  #noted = Number.NEGATIVE_INFINITY;
  /** Records of the log that went while some of the time was unexplained, and how many there were before. */
  #unexplained = { removed: 0, kept: 0 };

  constructor(options: PruningOptions) {
    this.#options = options;
    const seconds = options.time.unexplained();
    if (seconds < WORTH_SAYING_SECONDS) return;
    options.operatorLog.warn({ event: "time_passed_unseen", seconds, text: UNSEEN });
  }

  /** Rounds that deleted nothing, since what time it is was in doubt. */
  get refused(): number {
    return this.#refused;
  }

  /** Rows that went, by their table, since the start. */
  get removed(): ReadonlyMap<string, number> {
    return this.#removed;
  }

  /** Gives what went. `kind` of round, for the log: each says once that it is refused, and once that it goes on. */
  async run(kind: string, prune: (time: PruneTime) => Promise<Pruned>): Promise<Pruned> {
    const ahead = await this.#options.time.secondsAhead();
    if (Math.abs(ahead) > this.#options.clockSkewSeconds) {
      this.#refuse(kind, { why: "clocks_differ", ahead: Math.round(ahead) });
      return {};
    }
    let unexplained: object | undefined;
    const time = this.#timeOf((doubt) => {
      unexplained = doubt;
    });
    const pruned = await prune(time);
    this.#count(pruned);
    if (unexplained === undefined) this.#goOn(kind);
    else this.#refuse(kind, { why: "time_unexplained", ...unexplained });
    await this.#note();
    return pruned;
  }

  #goOn(kind: string): void {
    if (this.#inDoubt.delete(kind)) this.#options.operatorLog.info({ event: "prune_goes_on", kind });
  }

  /** Once, until it goes on: a round comes every half minute. */
  #refuse(kind: string, doubt: object): void {
    this.#refused++;
    if (!this.#inDoubt.has(kind)) this.#options.operatorLog.error({ event: "prune_refused", kind, ...doubt });
    this.#inDoubt.add(kind);
  }

  #timeOf(onUnexplained: (doubt: object) => void): PruneTime {
    const { time, clockSkewSeconds } = this.#options;
    return new PruneTime({
      seconds: time.earliest(),
      clockSkewSeconds,
      admits: (removing, kept) => {
        const doubt = this.#doubtOf(removing, kept);
        if (doubt !== undefined) onUnexplained(doubt);
        return doubt === undefined;
      },
    });
  }

  /** A quiet restart finds some of the log expired. Most of it within minutes is rather a clock that is ahead. */
  #doubtOf(removing: number, kept: number): object | undefined {
    const seconds = this.#options.time.unexplained();
    if (seconds <= this.#options.clockSkewSeconds) return undefined;
    this.#unexplained.kept ||= kept;
    const removed = this.#unexplained.removed + removing;
    if (removed >= MIN_COUNTED && removed > this.#unexplained.kept * MAX_SHARE_UNEXPLAINED)
      return { seconds, removing, kept };
    this.#unexplained.removed = removed;
    return undefined;
  }

  #count(pruned: Pruned): void {
    const some = Object.fromEntries(Object.entries(pruned).filter(([, count]) => count > 0));
    for (const [rows, count] of Object.entries(some))
      this.#removed.set(rows, (this.#removed.get(rows) ?? 0) + count);
    if (Object.keys(some).length > 0) this.#options.operatorLog.info({ event: "pruned", removed: some });
  }

  async #note(): Promise<void> {
    const { time, write } = this.#options;
    const seconds = time.earliest();
    if (seconds < this.#noted + NOTED_SECONDS) return;
    await write(({ db }) => noteSeen(db, seconds));
    this.#noted = seconds;
  }
}

const UNSEEN =
  "by this machine's clock, so much time has passed since a server last ran on this database. If that is not so, the clock is ahead: stop, set it, and start again. What has ended meanwhile is deleted slowly, at most twice as fast as time passes";
