import { storageError } from "./errors.ts";

/** Rejects with `unit_timed_out` when `run` takes longer, from its last call of `restart`. What it has begun goes on. */
export function withinTimeLimit<T>(limitMs: number, run: (restart: () => void) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(storageError("unit_timed_out")), limitMs);
    run(() => timer.refresh())
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}
