/**
 * A stretch of slots, eight to a group. Each slot has a tag, one byte, and the tags of a group are two words; the
 * tags of a segment lie together in front, so that a lookup that finds nothing reads two of them and no slot.
 *
 *   words  0 .. tagWords-1   tags, four a word; 0 is a free slot, and the free slots of a group are its last ones
 *          tagWords ..       slots, `words` each, the first of which is the order
 *
 * A key goes into the emptier of two groups: its home, which grows with the order, so that copying into a larger
 * segment writes nearly in sequence; and one a little further on, as its tag says. With two to choose from, groups
 * fill evenly, and a miss is over after both at loads where probing in line would go on and on. When both are
 * full, the key goes into the first group behind the second that is not; groups never get emptier, so a lookup
 * need not go further than a group that has a free slot.
 */
export class Segment {
  readonly words: Int32Array;
  /** Groups that are somebody's home; a few more follow for what finds no room. The last one stays free. */
  readonly homes: number;
  readonly tagWords: number;
  /** How far on the second group may be. */
  readonly reach: number;
  /** How many leading bits all orders here have in common. */
  readonly depth: number;
  /** At this many entries the segment grows. */
  readonly limit: number;
  count = 0;

  /** With `words`, those of another thread's segment of that size. */
  constructor(shape: SlotShape, size: SegmentSize, words?: Int32Array) {
    const { homes, spare, depth } = size;
    this.homes = homes;
    this.depth = depth;
    this.reach = Math.min(homes - 1, MAX_REACH);
    this.tagWords = (homes + spare) * GROUP_WORDS;
    this.limit = size.limit ?? Math.floor(homes * GROUP * MAX_LOAD);
    this.words = words ?? allocateWords(this.tagWords * (1 + TAGS_PER_WORD * shape.words), shape.shared);
  }
}

export interface SlotShape {
  /** How many words a slot takes. */
  readonly words: number;
  /** Whether other threads read the slots. */
  readonly shared: boolean;
}

export interface SegmentSize {
  readonly homes: number;
  readonly spare: number;
  readonly depth: number;
  readonly limit?: number;
}

const GROUP = 8;
export const GROUP_WORDS = 2;
const TAGS_PER_WORD = 4;
/** What a segment holds when it grows; after growing, MAX_LOAD / GROWTH: that bounds the bytes an entry. */
const MAX_LOAD = 0.95;
const GROWTH = 1.27;
/** Two groups are always two. */
const MIN_HOMES = 2;
/** Near enough for the tags of both to be on neighbouring cache lines. */
const MAX_REACH = 16;
/** 16,384 slots: copying so many is the longest pause of a growing table. Also the most that homeOf can count. */
const MAX_HOMES = 2048;

const ONES = 0x0101_0101;
const HIGHS = 0x8080_8080 | 0;

/** The only place that takes memory for slots. */
function allocateWords(count: number, shared: boolean): Int32Array {
  return shared ? new Int32Array(new SharedArrayBuffer(count * 4)) : new Int32Array(count);
}

/** Returns the first tag word of the group where an order belongs: the bits below the directory's, scaled to the homes. */
export function homeOf(segment: Segment, order: number): number {
  return (Math.imul((order << segment.depth) >>> 11, segment.homes) >>> 21) * GROUP_WORDS;
}

/** Returns the first tag word of the other group that a key may be in. */
export function secondHomeOf(segment: Segment, home: number, tag: number): number {
  const end = segment.homes * GROUP_WORDS;
  const second = home + GROUP_WORDS + ((tag * segment.reach) >>> 8) * GROUP_WORDS;
  return second < end ? second : second - end;
}

/** Returns bit 7 of every byte that is zero, or lies above one that is. */
export function zeroBytes(word: number): number {
  return (word - ONES) & ~word & HIGHS;
}

/** Returns the offset in bits of the byte that the lowest set bit of `zeroBytes` stands for. */
export function lowestByte(marks: number): number {
  return 24 - Math.clz32(marks & -marks);
}

/** Returns the tag of a key: never 0, which is a free slot. */
export function tagOf(word3: number): number {
  const tag = word3 & 0xff;
  return tag === 0 ? 1 : tag;
}

/** Returns the number of slots in use of a group; the free ones are its last. */
function usedOf(words: Int32Array, group: number): number {
  return GROUP - (Math.clz32(words[group]!) >>> 3) - (Math.clz32(words[group + 1]!) >>> 3);
}

/** Marks a free slot as taken and returns its number; -1 when only the last group is left, which must stay free. */
function claim(segment: Segment, order: number, tag: number): number {
  const { words } = segment;
  const home = homeOf(segment, order);
  const second = secondHomeOf(segment, home, tag);
  const usedAtHome = usedOf(words, home);
  // All ones when the second is the emptier: chosen without a branch, which would be guessed wrong half the time.
  const difference = usedOf(words, second) - usedAtHome;
  const pick = difference >> 31;
  let group = home ^ ((home ^ second) & pick);
  let used = usedAtHome + (difference & pick);
  if (used === GROUP) {
    group = second;
    while (used === GROUP) {
      group += GROUP_WORDS;
      used = usedOf(words, group);
    }
    if (group === segment.tagWords - GROUP_WORDS) return -1;
  }
  const tagWord = group + (used >>> 2);
  words[tagWord] = words[tagWord]! | (tag << ((used & 3) << 3));
  segment.count++;
  return group * TAGS_PER_WORD + used;
}

/** Takes a slot; returns its first word's place, or -1 when the segment has to grow first. */
export function takeSlot(segment: Segment, shape: SlotShape, order: number, tag: number): number {
  if (segment.count >= segment.limit) return -1;
  const slot = claim(segment, order, tag);
  return slot < 0 ? -1 : segment.tagWords + slot * shape.words;
}

export function emptySegment(shape: SlotShape): Segment {
  return new Segment(shape, { homes: MIN_HOMES, spare: spareFor(MIN_HOMES), depth: 0 });
}

export function isFullGrown(segment: Segment): boolean {
  return grownHomes(segment.homes) > MAX_HOMES;
}

export function grown(segment: Segment, shape: SlotShape): Segment {
  const homes = grownHomes(segment.homes);
  return filled(
    shape,
    { homes, spare: spareFor(homes), depth: segment.depth },
    { segment, mask: 0, bits: 0 },
  );
}

/** For keys that were chosen to fall together and that no further bit parts: as many groups behind as they need. */
export function widened(segment: Segment, shape: SlotShape): Segment {
  const { homes, depth, tagWords } = segment;
  const size = { homes, spare: tagWords / GROUP_WORDS, depth, limit: Number.POSITIVE_INFINITY };
  return filled(shape, size, { segment, mask: 0, bits: 0 });
}

/**
 * Two segments that part a full one by its next bit. `phases`, in [0, 1), say how soon each will grow again: were
 * they all in step, all would have just grown at once, and a table would be an eighth larger than its average.
 */
export function halves(
  segment: Segment,
  shape: SlotShape,
  phases: readonly [number, number],
): [Segment, Segment] {
  const mask = 0x8000_0000 >>> segment.depth;
  const upper = countUpper(segment, shape, mask);
  const half = (count: number, phase: number, bits: number): Segment => {
    const fitting = Math.floor((count * GROWTH ** phase) / (GROUP * MAX_LOAD)) + 1;
    const homes = Math.min(Math.max(MIN_HOMES, fitting), MAX_HOMES);
    const size = { homes, spare: spareFor(homes), depth: segment.depth + 1 };
    return filled(shape, size, { segment, mask, bits });
  };
  return [half(segment.count - upper, phases[0], 0), half(upper, phases[1], mask)];
}

const usedTags = (tags: number): number => TAGS_PER_WORD - (Math.clz32(tags) >>> 3);

function countUpper(segment: Segment, shape: SlotShape, mask: number): number {
  const { words, tagWords } = segment;
  let count = 0;
  for (let tagWord = 0; tagWord < tagWords; tagWord++) {
    let at = tagWords + tagWord * TAGS_PER_WORD * shape.words;
    for (let left = usedTags(words[tagWord]!); left > 0; left--, at += shape.words) {
      if ((words[at]! & mask) !== 0) count++;
    }
  }
  return count;
}

const grownHomes = (homes: number): number => Math.max(homes + 1, Math.floor(homes * GROWTH));
const spareFor = (homes: number): number => 2 + (homes >>> 8);

interface Source {
  readonly segment: Segment;
  /** Only what has these bits under the mask is copied. */
  readonly mask: number;
  readonly bits: number;
}

/** Returns a copy in a new segment. Runs that reach its end are rare, and then it is done again with more groups there. */
function filled(shape: SlotShape, size: SegmentSize, source: Source): Segment {
  const segment = new Segment(shape, size);
  if (copyInto(segment, shape, source)) return segment;
  return filled(shape, { ...size, spare: size.spare * 2 }, source);
}

/** Returns whether all went in: false when the target is too short behind its homes. */
function copyInto(target: Segment, shape: SlotShape, source: Source): boolean {
  const { tagWords } = source.segment;
  for (let tagWord = 0; tagWord < tagWords; tagWord++) {
    if (!copyTagWord(target, shape.words, source, tagWord)) return false;
  }
  return true;
}

/**
 * Copies up to four slots. A function of its own and not an inner loop, which the engine would compile anew, in
 * mid-run, for every segment that is copied.
 */
function copyTagWord(target: Segment, stride: number, source: Source, tagWord: number): boolean {
  const { mask, bits } = source;
  const { words: from, tagWords } = source.segment;
  const to = target.words;
  let at = tagWords + tagWord * TAGS_PER_WORD * stride;
  for (let tags = from[tagWord]!; tags !== 0; tags >>>= 8, at += stride) {
    const order = from[at]!;
    if (((order ^ bits) & mask) !== 0) continue;
    const slot = claim(target, order, tags & 0xff);
    if (slot < 0) return false;
    const out = target.tagWords + slot * stride;
    to[out] = order;
    to[out + 1] = from[at + 1]!;
    to[out + 2] = from[at + 2]!;
    for (let word = 3; word < stride; word++) to[out + word] = from[at + word]!;
  }
  return true;
}
