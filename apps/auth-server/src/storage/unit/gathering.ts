/** Longer than a commit takes. What waits at the counter for longer waits for another server that hangs. */
const LIMIT_MS = 100;

/**
 * While a group appends, others do not begin: theirs would only queue for the log's counter behind it, each with a wait
 * for the disk of its own, where what arrives meanwhile can share one.
 */
export class Gathering {
  #over: Promise<void> | undefined;

  get isOn(): boolean {
    return this.#over !== undefined;
  }

  async end(): Promise<void> {
    await this.#over;
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    this.#over = over;
    const end = (): void => {
      if (this.#over === over) this.#over = undefined;
      resolve();
    };
    const timer = setTimeout(end, LIMIT_MS);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
      end();
    }
  }
}
