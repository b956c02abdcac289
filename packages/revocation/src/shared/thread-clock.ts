/** Monotonic milliseconds, the same in all threads of a process: `performance.now()` counts from each thread's start. */
export const threadClockMs = (): number => Number(process.hrtime.bigint()) / 1e6;
