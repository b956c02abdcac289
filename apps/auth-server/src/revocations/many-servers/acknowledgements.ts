import { keyOfLeaseHolder, type LeaseHolder } from "@portcullis/feed-server";
import type { Clock } from "@portcullis/protocol";

export interface Acknowledged {
  readonly incarnation: string;
  readonly applied: number;
}

interface Heard extends Acknowledged {
  /** Monotonic. */
  readonly at: number;
}

/**
 * The newest acknowledgement of each lease holder that this server has heard of: in a lease call, from another server, or out
 * of SQL. The largest counts, whatever order they come in: a process that started anew under its name and is behind its
 * former self asked after the former was gone, so the head that its answer named is not before what the former had.
 */
export class Acknowledgements {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #heard = new Map<string, Heard>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** False when it was known. */
  hear(holder: LeaseHolder, { incarnation, applied }: Acknowledged): boolean {
    const key = keyOfLeaseHolder(holder);
    const before = this.#heard.get(key);
    if (before !== undefined && before.incarnation === incarnation && before.applied >= applied) return false;
    this.#heard.set(key, { incarnation, applied, at: this.#clock.monotonicMs() });
    return true;
  }

  /** 0 when nothing was acknowledged of this log. */
  appliedOf(key: string, incarnation: string): number {
    const heard = this.#heard.get(key);
    return heard?.incarnation === incarnation ? heard.applied : 0;
  }

  /** Forgets those that are not in the directory, as it was read after `readAt`. */
  keepOnly(keys: { has(key: string): boolean }, readAt: number): void {
    for (const [key, { at }] of this.#heard) if (!keys.has(key) && at < readAt) this.#heard.delete(key);
  }
}
