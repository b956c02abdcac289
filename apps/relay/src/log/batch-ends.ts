import type { LogPosition } from "@portcullis/feed-server";

/** What came at the end of a batch: the issuer's word on that place, when it was sent with it. */
export interface BatchEnd extends LogPosition {
  readonly signedHead: string | undefined;
}

/**
 * Where batches ended on their way here. A relay has no key: it can pass on the issuer's word only on these places,
 * so a batch that it serves ends at one of them. The oldest is where streaming can begin.
 */
export class BatchEnds {
  #ends: BatchEnd[];

  constructor(first: BatchEnd) {
    this.#ends = [first];
  }

  get first(): BatchEnd {
    return this.#ends[0]!;
  }

  get last(): BatchEnd {
    return this.#ends.at(-1)!;
  }

  add(end: BatchEnd): void {
    this.#ends.push(end);
  }

  /** After records up to `seq` were dropped: one before it is of no use, since what follows on it is gone. */
  forgetBefore(seq: number): void {
    const kept = this.#ends.findIndex((end) => end.seq >= seq);
    if (kept > 0) this.#ends = this.#ends.slice(kept);
  }

  /** The newest at `seq` or before it; undefined when it is older than all. */
  atOrBefore(seq: number): BatchEnd | undefined {
    return this.#ends[this.#indexAfter(seq) - 1];
  }

  /** The newest in (`after`, `upTo`], or the first behind when the batch that came was larger than that. */
  cut(after: number, upTo: number): BatchEnd | undefined {
    const within = this.#ends[this.#indexAfter(upTo) - 1];
    if (within !== undefined && within.seq > after) return within;
    return this.#ends[this.#indexAfter(after)];
  }

  #indexAfter(seq: number): number {
    let [low, high] = [0, this.#ends.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ends[middle]!.seq <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
