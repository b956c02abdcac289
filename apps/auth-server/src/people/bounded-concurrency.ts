/**
 * Runs at most `running` things at once and lets at most `waiting` wait; beyond that it throws what `full`
 * makes. Password hashing uses all of a core and 19 MiB for each: unbounded, a burst of sign-ins would take the
 * machine away from issuing and revoking.
 */
export function boundedConcurrency(options: { running: number; waiting: number; full: () => Error }) {
  const queue: (() => void)[] = [];
  let running = 0;

  async function turn(): Promise<void> {
    if (running < options.running) {
      running++;
      return;
    }
    if (queue.length >= options.waiting) throw options.full();
    await new Promise<void>((resolve) => queue.push(resolve));
  }

  function done(): void {
    const next = queue.shift();
    // The place passes from hand to hand: a newcomer cannot take it between the two.
    if (next === undefined) running--;
    else next();
  }

  return async function run<T>(work: () => Promise<T>): Promise<T> {
    await turn();
    try {
      return await work();
    } finally {
      done();
    }
  };
}
