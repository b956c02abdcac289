import type { Clock } from "@portcullis/protocol";

/** Heads seen in so short a time are remembered as one, by the later time: a receipt then waits so much longer. */
const JOINED_MS = 5;

interface Sighting {
  readonly seq: number;
  /** Its place among sightings and other events of this process, which the clock may not tell apart. */
  readonly mark: number;
  /** Monotonic. */
  readonly at: number;
  readonly since: number;
}

export interface ObservedHeadsOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  /** What was seen longer ago is only remembered as long ago. */
  readonly rememberMs: number;
}

/**
 * When this process saw that a seq was committed: never before its commit, so what was granted before the commit was
 * granted before that time.
 */
export class ObservedHeads {
  readonly #options: ObservedHeadsOptions;
  #incarnation = "";
  /** In order, of seqs and times. */
  #sightings: Sighting[] = [];
  /** All up to this was seen longer ago than is remembered. */
  #old = 0;
  #marks = 0;

  constructor(options: ObservedHeadsOptions) {
    this.#options = options;
  }

  see(incarnation: string, seq: number): void {
    const at = this.#options.clock.monotonicMs();
    const mark = this.mark();
    // Seqs of another log say nothing about this one's.
    if (incarnation !== this.#incarnation || seq < (this.#sightings.at(-1)?.seq ?? 0))
      this.#restart(incarnation);
    const last = this.#sightings.at(-1);
    if (last !== undefined && at - last.since < JOINED_MS) {
      this.#sightings[this.#sightings.length - 1] = { seq, mark, at, since: last.since };
    } else {
      this.#sightings.push({ seq, mark, at, since: at });
    }
    this.#forgetOld(at);
  }

  /** Minus infinity: longer ago than is remembered. Infinity: not seen yet. */
  at(seq: number): number {
    if (seq <= this.#old) return Number.NEGATIVE_INFINITY;
    return this.#sightings[this.#indexOf(seq)]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Larger each time. */
  mark(): number {
    return ++this.#marks;
  }

  /** What was asked of the database at a later mark was asked after the commit. */
  markOf(seq: number): number {
    if (seq <= this.#old) return 0;
    return this.#sightings[this.#indexOf(seq)]?.mark ?? Number.POSITIVE_INFINITY;
  }

  /** The first sighting that is not before the seq. */
  #indexOf(seq: number): number {
    let low = 0;
    let high = this.#sightings.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sightings[middle]!.seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #restart(incarnation: string): void {
    this.#incarnation = incarnation;
    this.#sightings = [];
    this.#old = 0;
  }

  #forgetOld(now: number): void {
    const kept = this.#sightings.findIndex(({ at }) => now - at <= this.#options.rememberMs);
    // The newest is kept always: it is what tells the next one apart from that of another log.
    const gone = Math.min(kept === -1 ? this.#sightings.length : kept, this.#sightings.length - 1);
    if (gone > 0) this.#old = this.#sightings.splice(0, gone).at(-1)!.seq;
  }
}
