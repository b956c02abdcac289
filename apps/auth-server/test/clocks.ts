import { type Clock, systemClock } from "@portcullis/protocol";

/** A wall clock that the test sets, beside the machine's monotonic clock: what is reckoned from both is not the same each time. */
export const wallClock = (seconds: () => number): Clock => ({
  wallMs: () => seconds() * 1000,
  monotonicMs: systemClock.monotonicMs,
});

/** Both sides of a clock that the test moves, in seconds. */
export const clockAt = (seconds: () => number): Clock => ({
  wallMs: () => seconds() * 1000,
  monotonicMs: () => seconds() * 1000,
});
