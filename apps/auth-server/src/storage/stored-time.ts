import { type Clock, wallSecondsOf } from "@portcullis/protocol";

/**
 * The one way to ask how long ago something was stored. It may have been stored by another server, whose clock is ahead
 * or behind, or by this one before its clock was set. So an age is read from two clocks (the wall clock, and the one of
 * this process, which no hand sets), may be negative by the configured skew, and a window that protects somebody is
 * longer by as much: of two honest servers none finds it over before it is.
 *
 * Deadlines need none of this: what is compared with one ends at most a skew too early or too late. Which comparison is
 * of which kind, and how each fails, is the table of docs/decisions/0020-clocks-of-servers.md; a test holds the source
 * to it.
 */
export interface StoredTimes {
  /** Whether it happened less than `windowMs` ago by either clock. Later than now by more than the skew is no. */
  isWithin(atMs: number, windowMs: number): boolean;
  /** Milliseconds, at least 0. */
  ageMs(atMs: number): number;
}

export interface StoredTimesOptions {
  readonly clock: Clock;
  readonly clockSkewSeconds: number;
}

export function createStoredTimes(options: StoredTimesOptions): StoredTimes {
  const { clock, clockSkewSeconds } = options;
  const skewMs = clockSkewSeconds * 1000;
  const startedAt = clock.wallMs() - clock.monotonicMs();
  const clocks = () => [clock.wallMs(), startedAt + clock.monotonicMs()];
  return {
    isWithin: (atMs, windowMs) =>
      clocks().some((now) => now - atMs >= -skewMs && now - atMs < windowMs + skewMs),
    ageMs: (atMs) => Math.max(0, clock.wallMs() - atMs),
  };
}

/** Returns the wall clock's seconds without their fraction: what columns and claims hold. */
export const wholeSeconds = (clock: Pick<Clock, "wallMs">): number => Math.floor(wallSecondsOf(clock));
