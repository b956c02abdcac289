/** Two ways to wait that a signal ends. */
import type { SetTimer } from "./clock.ts";

/** Resolves after the delay, and at once when the signal aborts. */
export function pause(setTimer: SetTimer, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = setTimer(done, delayMs);
    if (signal.aborted) done();
    else signal.addEventListener("abort", done);
  });
}

/**
 * Settles as the work does, and rejects when the signal aborts: work that ignores its signal, or has none, keeps nobody who
 * waits for it from closing or giving up. Without a signal it is the work itself.
 */
export function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
