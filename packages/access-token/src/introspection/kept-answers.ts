/**
 * What is kept by the hash of a token, each for a time of its own and all within a number: the one that was used the longest time ago makes way.
 * Good and bad answers are kept apart, since anybody can fill the second with tokens that were never issued.
 */
import { createHash } from "node:crypto";

/** Returns what a token is kept under. The text itself is kept nowhere: whoever reads this memory finds no token in it. */
export const tokenHashOf = (token: string): string => createHash("sha256").update(token).digest("base64");

interface Kept<Value> {
  readonly value: Value;
  readonly untilMs: number;
}

export class KeptAnswers<Value> {
  readonly #maxEntries: number;
  readonly #kept = new Map<string, Kept<Value>>();

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#kept.size;
  }

  get(hash: string, nowMs: number): Value | undefined {
    const found = this.#kept.get(hash);
    if (found === undefined) return undefined;
    this.#kept.delete(hash);
    if (!(nowMs < found.untilMs)) return undefined;
    // At the end again: a Map goes through its entries in the order in which they were put in.
    this.#kept.set(hash, found);
    return found.value;
  }

  set(hash: string, value: Value, untilMs: number): void {
    this.#kept.delete(hash);
    if (this.#kept.size >= this.#maxEntries) this.#dropOldest();
    if (this.#maxEntries > 0) this.#kept.set(hash, { value, untilMs });
  }

  delete(hash: string): void {
    this.#kept.delete(hash);
  }

  #dropOldest(): void {
    for (const hash of this.#kept.keys()) {
      this.#kept.delete(hash);
      return;
    }
  }
}
