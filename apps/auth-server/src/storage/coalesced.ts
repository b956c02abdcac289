/**
 * Calls that come while `run` runs share the next run, and never the one that has begun: what they get was read after
 * they asked.
 */
export function coalesced<T>(run: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | undefined;
  return () => {
    next ??= running
      .catch(() => undefined)
      .then(() => {
        running = next!;
        next = undefined;
        return run();
      });
    return next;
  };
}
