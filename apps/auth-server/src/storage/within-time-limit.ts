import { storageError } from "./errors.ts";

/** Rejects with `unit_timed_out` when `run` takes longer. What it has begun goes on. */
export function withinTimeLimit<T>(limitMs: number, run: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(storageError("unit_timed_out")), limitMs);
    run()
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}
