/**
 * Where a part reads the time. Both times are in milliseconds, and neither replaces the other: the wall clock can be
 * set, and the monotonic clock means nothing on another machine.
 */
export interface Clock {
  /** Returns milliseconds since 1970, as on the wall: for what tokens, records and people call a time. */
  wallMs(): number;
  /** Returns milliseconds since some moment of this process. It only goes forward: for whatever measures how long. */
  monotonicMs(): number;
}

/** The clock of the machine: what every part reads that is given no other. */
export const systemClock: Clock = Object.freeze({
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
});

/** Returns the wall clock as a NumericDate (RFC 7519 section 2), with its fraction. */
export const wallSecondsOf = (clock: Pick<Clock, "wallMs">): number => clock.wallMs() / 1000;

/** Runs `work` after `delayMs`; returns the function that cancels it. */
export type SetTimer = (work: () => void, delayMs: number) => () => void;

/** The timer of the machine. */
export const systemTimer: SetTimer = (work, delayMs) => {
  const timer = setTimeout(work, delayMs);
  return () => clearTimeout(timer);
};
