/** Which of two goes on at each point where both could: every choice comes out of a seed, so that a seed is one order of their steps. */
import type { SeededRandom } from "../../simulation/world/seeded-random.ts";

/** The request that is raced, and the act that ends something. */
export type Racer = "request" | "act";

/** Longer than any step takes: whoever has the turn waits for something that the other has begun. */
const BLOCKED_MS = 10_000;

export class Turns {
  readonly #random: SeededRandom;
  /** How often the turn changes hands: seldom, so that one gets far ahead, or often. */
  readonly #chance: number;
  readonly #waiting: Record<Racer, (() => void)[]> = { request: [], act: [] };
  readonly #over = new Set<Racer>();
  #turn: Racer;
  #watch: NodeJS.Timeout | undefined;
  /** `request:read oidc_sessions`, in the order in which they went on. */
  readonly trace: string[] = [];
  /** How often the turn was taken from somebody who waited for the other. */
  blocked = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#turn = random.pick(["request", "act"] as const);
    this.#chance = random.pick([0.1, 0.25, 0.5]);
  }

  /** Resolves when it is this one's turn to go on. */
  async point(racer: Racer, name: string): Promise<void> {
    if (this.#over.has(racer)) return;
    if (racer === this.#turn && this.#random.chance(this.#chance)) this.#give(other(racer));
    while (racer !== this.#turn && !this.#over.has(other(racer))) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting[racer].push(resolve);
      await promise;
    }
    this.trace.push(`${racer}:${name}`);
    this.#watchAnew();
  }

  /** It needs no more turns: what it still does, it does beside the other. */
  end(racer: Racer): void {
    this.#over.add(racer);
    this.#give(other(racer));
    if (this.#over.size === 2) clearTimeout(this.#watch);
  }

  #give(racer: Racer): void {
    if (this.#over.has(racer)) return;
    this.#turn = racer;
    for (const goOn of this.#waiting[racer].splice(0)) goOn();
    this.#watchAnew();
  }

  #watchAnew(): void {
    clearTimeout(this.#watch);
    if (this.#over.size > 0) return;
    this.#watch = setTimeout(() => {
      this.blocked++;
      this.#give(other(this.#turn));
    }, BLOCKED_MS);
  }
}

const other = (racer: Racer): Racer => (racer === "act" ? "request" : "act");
