import {
  emptySegment,
  grown,
  halves,
  isFullGrown,
  type Segment,
  type SlotShape,
  takeSlot,
  widened,
} from "./segment.ts";

/** Random odd multipliers: nobody outside the process can choose keys that fall together. */
export type Seeds = readonly [number, number, number, number];

export function seedsFrom(random: Uint32Array): Seeds {
  return [odd(random[0]!), odd(random[1]!), odd(random[2]!), odd(random[3]!)];
}

const odd = (value: number): number => value | 1;

/** Past this depth keys do not part any more (they were chosen to fall together), and segments just grow. */
const MAX_DEPTH = 16;
/** What the engine keeps for a segment beside its slots, roughly. */
const SEGMENT_OVERHEAD_BYTES = 320;

/** Steps of the golden ratio spread evenly over [0, 1), however many are taken. */
const GOLDEN_STEP = 0.618_033_988_749_895;

/**
 * Extendible directory of segments: the leading bits of an order choose the segment. A segment grows by a quarter
 * at a time, and parts in two when it is full-grown, so growing never copies more than one segment and the table
 * is never much larger than its content. Nothing is ever deleted.
 */
export class SegmentedTable {
  readonly shape: SlotShape;
  directory: Segment[];
  /** How many leading bits the directory looks at. */
  depth = 0;
  count = 0;
  /** Changes with the directory: what lies in the segments changes in place. */
  revision = 0;
  readonly #seed0: number;
  readonly #seed1: number;
  readonly #seed2: number;
  readonly #seed3: number;
  #segmentCount = 1;
  #bytes: number;
  #phase = 0;

  constructor(shape: SlotShape, seeds: Seeds) {
    this.shape = shape;
    [this.#seed0, this.#seed1, this.#seed2, this.#seed3] = seeds;
    const segment = emptySegment(shape);
    this.directory = [segment];
    this.#bytes = segment.words.byteLength;
  }

  get bytes(): number {
    return this.#bytes + this.#segmentCount * SEGMENT_OVERHEAD_BYTES + this.directory.length * 8;
  }

  /** Bijective in `word0` while the others stand, so that (order, word1, word2, word3) still is the whole key. */
  orderOf(word0: number, word1: number, word2: number, word3: number): number {
    const low = Math.imul(word0, this.#seed0) + Math.imul(word1, this.#seed1);
    const high = Math.imul(word2, this.#seed2) + Math.imul(word3, this.#seed3);
    return (low + high) | 0;
  }

  segmentOf(order: number): Segment {
    return this.directory[(order >>> 1) >>> (31 - this.depth)]!;
  }

  /** Puts the segments of another thread's table in the place of what is here. For reading only from then on. */
  adopt(depth: number, directory: Segment[]): void {
    this.depth = depth;
    this.directory = directory;
  }

  /** Takes a slot. Returns the words it is in, and leaves the place of its first word in `opened`. */
  open(order: number, tag: number): Int32Array {
    for (;;) {
      const segment = this.segmentOf(order);
      this.opened = takeSlot(segment, this.shape, order, tag);
      if (this.opened >= 0) {
        this.count++;
        return segment.words;
      }
      this.extend(segment, order);
    }
  }
  opened = -1;

  /** Other segments, larger together, take the place of this one, which stays as it is for those who still read it. */
  protected extend(segment: Segment, order: number): void {
    if (!isFullGrown(segment)) {
      const larger = grown(segment, this.shape);
      this.#replace(segment, order, [larger, larger]);
    } else if (segment.depth >= MAX_DEPTH) {
      const wider = widened(segment, this.shape);
      this.#replace(segment, order, [wider, wider]);
    } else {
      if (segment.depth === this.depth) this.#doubleDirectory();
      this.#replace(segment, order, halves(segment, this.shape, [this.#nextPhase(), this.#nextPhase()]));
    }
  }

  #nextPhase(): number {
    this.#phase = (this.#phase + GOLDEN_STEP) % 1;
    return this.#phase;
  }

  #doubleDirectory(): void {
    const doubled: Segment[] = [];
    for (const segment of this.directory) doubled.push(segment, segment);
    this.directory = doubled;
    this.depth++;
  }

  #replace(segment: Segment, order: number, [lower, upper]: readonly [Segment, Segment]): void {
    const width = 2 ** (this.depth - segment.depth);
    const index = (order >>> 1) >>> (31 - this.depth);
    const first = index - (index % width);
    for (let offset = 0; offset < width; offset++) {
      this.directory[first + offset] = offset * 2 < width ? lower : upper;
    }
    this.revision++;
    this.#bytes += lower.words.byteLength - segment.words.byteLength;
    if (upper === lower) return;
    this.#bytes += upper.words.byteLength;
    this.#segmentCount++;
  }
}
