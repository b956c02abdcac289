type Work = () => Promise<void>;

/**
 * Returns what runs the works of one key one after the other. Each waits for the one before it alone: if all woke at once,
 * many repeats of one token would hold up the process. A work that fails does not hold up the next.
 */
export function takingTurns(): (key: string, work: Work) => Promise<void> {
  const last = new Map<string, Promise<void>>();
  return async (key, work) => {
    const before = last.get(key) ?? Promise.resolve();
    const turn = before.catch(() => undefined).then(work);
    last.set(key, turn);
    try {
      await turn;
    } finally {
      if (last.get(key) === turn) last.delete(key);
    }
  };
}
