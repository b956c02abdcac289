/** Time, the network and the database of a world in which servers and verifiers live. Everything comes from one seed. */

interface Due {
  readonly at: number;
  readonly order: number;
  readonly work: () => void;
}

export class World {
  now = 0;
  #order = 0;
  #due: Due[] = [];
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  /** 0 to 1. */
  random(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) / 2 ** 32;
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  oneOf<T>(things: readonly T[]): T {
    return things[Math.floor(this.random() * things.length)]!;
  }

  /** Mostly short, sometimes long. */
  delay(): number {
    return this.chance(0.1) ? this.random() * 400 : this.random() * 4;
  }

  after(delayMs: number, work: () => void): () => void {
    const due = { at: this.now + delayMs, order: this.#order++, work };
    this.#due.push(due);
    return () => {
      this.#due = this.#due.filter((other) => other !== due);
    };
  }

  /** Runs all that is due up to `end`, and `check` after each. */
  async run(end: number, check: () => void): Promise<void> {
    for (;;) {
      const next = this.#due.reduce<Due | undefined>(
        (first, due) => (first === undefined || before(due, first) ? due : first),
        undefined,
      );
      if (next === undefined || next.at > end) break;
      this.#due = this.#due.filter((due) => due !== next);
      // The last moment before it changes something is one to look at, too.
      this.now = next.at;
      check();
      next.work();
      await new Promise((resolve) => setImmediate(resolve));
      check();
    }
    this.now = end;
  }
}

const before = (left: Due, right: Due): boolean =>
  left.at < right.at || (left.at === right.at && left.order < right.order);
