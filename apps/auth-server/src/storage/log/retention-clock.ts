import { type Clock, wallSecondsOf } from "@portcullis/protocol";

/**
 * The time by which revocations are kept, between two clocks. The wall clock alone will not do: set forward for a
 * minute, it would make live revocations look expired and have them deleted; set back, it would give a new one an
 * end that is past once it is corrected. Only a clock that was wrong already when the process started is believed.
 */
export interface RetentionClock {
  /** Seconds. What ended before has ended by either clock. */
  earliest(): number;
  /** Seconds. What is to be kept for a time is kept so long from here. */
  latest(): number;
}

export function createRetentionClock(clock: Clock): RetentionClock {
  const startedAt = wallSecondsOf(clock) - clock.monotonicMs() / 1000;
  const steadySeconds = () => startedAt + clock.monotonicMs() / 1000;
  return {
    earliest: () => Math.floor(Math.min(wallSecondsOf(clock), steadySeconds())),
    latest: () => Math.floor(Math.max(wallSecondsOf(clock), steadySeconds())),
  };
}

/**
 * How long after its `exp`, by our clock, a token may still be taken for good: verifiers accept it for the skew longer than
 * its `exp`, by a clock that may itself be behind ours by the skew. One that is further behind allows nothing.
 */
export const leewaySeconds = (clockSkewSeconds: number): number => 2 * clockSkewSeconds;
