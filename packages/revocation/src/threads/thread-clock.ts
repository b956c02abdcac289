import { type Clock, systemClock } from "@portcullis/protocol";

/** The clock that shows the same in all threads of a process: `performance.now()` counts from each thread's start. */
export const threadClock: Clock = Object.freeze({
  wallMs: systemClock.wallMs,
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
});
