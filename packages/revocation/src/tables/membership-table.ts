import { SCOPE_CODES } from "@portcullis/protocol";
import { homeOf, lowestByte, type Segment, secondHomeOf, tagOf, zeroBytes } from "./segment.ts";
import { type Seeds, SegmentedTable } from "./segmented-table.ts";

/**
 * Set of (scope, key), each with the smallest reason code it was given. A slot is 12 bytes, and its tag one more:
 *
 *   word 0  order: a seeded mix of all 128 bits, one to one in the key's first 32
 *   word 1  key bits 32..63
 *   word 2  key bits 64..87, then 3 bits of scope and 5 of reason
 *   tag     key bits 120..127
 *
 * So 96 of the key's bits decide, with the scope: a key that is not in a set of n matches with a chance of
 * n * 2^-96. Keys are random identifiers or keyed hashes, the mix has seeds of its own in every process, and a
 * false match denies. At ten million entries and a million lookups a second that is one in 250 million years.
 */
const SHAPE = { words: 3, shared: false };
const SHARED_SHAPE = { words: 3, shared: true };
const REASON_BITS = 5;
const REASON_MASK = (1 << REASON_BITS) - 1;
const KEY_MASK = ~0xff;
const EVERY_BYTE = 0x0101_0101;

/** Scopes that deny by membership, in three bits; 0 for those that do not. Indexed by scope code. */
export const MEMBERSHIP_TAGS: readonly number[] = membershipTags();

function membershipTags(): number[] {
  const tags = new Array<number>(16).fill(0);
  for (const [index, scope] of (["token", "session", "grant", "key", "dpop-key"] as const).entries()) {
    tags[SCOPE_CODES[scope]] = index + 1;
  }
  return tags;
}

export class MembershipTable extends SegmentedTable {
  constructor(seeds: Seeds, shared = false) {
    super(shared ? SHARED_SHAPE : SHAPE, seeds);
  }

  /**
   * Returns the reason code, or 0 when the key is not in the set. `places` holds scope code and four words from `place` on.
   */
  reasonAt(places: readonly number[], place: number): number {
    const word1 = places[place + 2]!;
    const word2 = places[place + 3]!;
    const word3 = places[place + 4]!;
    const order = this.orderOf(places[place + 1]!, word1, word2, word3);
    const rest = (word2 & KEY_MASK) | (MEMBERSHIP_TAGS[places[place]!]! << REASON_BITS);
    const segment = this.segmentOf(order);
    const at = locate(segment, order, tagOf(word3), word1, rest);
    return at < 0 ? 0 : segment.words[at]! & REASON_MASK;
  }

  add(entry: MembershipEntry): void {
    const { word1, word2, word3, reason } = entry;
    const order = this.orderOf(entry.word0, word1, word2, word3);
    const rest = (word2 & KEY_MASK) | (MEMBERSHIP_TAGS[entry.scope]! << REASON_BITS);
    const tag = tagOf(word3);
    const segment = this.segmentOf(order);
    const at = locate(segment, order, tag, word1, rest);
    if (at >= 0) {
      if (reason < (segment.words[at]! & REASON_MASK)) segment.words[at] = rest | reason;
      return;
    }
    const opened = this.open(order, tag);
    opened[this.opened] = order;
    opened[this.opened + 1] = word1;
    opened[this.opened + 2] = rest | reason;
  }
}

/**
 * Returns the place of the last word of the slot that holds the key, or -1. Both groups are read before either is judged.
 */
function locate(segment: Segment, order: number, tag: number, word1: number, rest: number): number {
  const { words } = segment;
  const tags = Math.imul(tag, EVERY_BYTE);
  const home = homeOf(segment, order);
  const second = secondHomeOf(segment, home, tag);
  const a = words[home]!;
  const b = words[home + 1]!;
  const c = words[second]!;
  const d = words[second + 1]!;
  if ((zeroBytes(a ^ tags) | zeroBytes(b ^ tags) | zeroBytes(c ^ tags) | zeroBytes(d ^ tags)) !== 0) {
    let found = matchInGroup(segment, home, tags, order, word1, rest);
    if (found < 0) found = matchInGroup(segment, second, tags, order, word1, rest);
    if (found >= 0) return found;
  }
  // One test for both groups, since either alone is full about as often as not, and a wrong guess costs a wait for memory.
  if (Math.imul(b >>> 24, d >>> 24) === 0) return -1;
  return matchBehind(segment, second, tags, order, word1, rest);
}

function matchBehind(
  segment: Segment,
  second: number,
  tags: number,
  order: number,
  word1: number,
  rest: number,
): number {
  for (let group = second + 2; ; group += 2) {
    const found = matchInGroup(segment, group, tags, order, word1, rest);
    if (found >= 0 || segment.words[group + 1]! >>> 24 === 0) return found;
  }
}

function matchInGroup(
  segment: Segment,
  group: number,
  tags: number,
  order: number,
  word1: number,
  rest: number,
): number {
  const { words, tagWords } = segment;
  for (let tagWord = group; tagWord <= group + 1; tagWord++) {
    for (let marks = zeroBytes(words[tagWord]! ^ tags); marks !== 0; marks &= marks - 1) {
      const at = tagWords + (tagWord * 4 + (lowestByte(marks) >>> 3)) * 3;
      const same = words[at] === order && words[at + 1] === word1;
      if (same && (words[at + 2]! & ~REASON_MASK) === rest) return at + 2;
    }
  }
  return -1;
}

/** Codes and words of one record; the same object serves for one record after the other. */
interface MembershipEntry {
  readonly scope: number;
  readonly reason: number;
  readonly word0: number;
  readonly word1: number;
  readonly word2: number;
  readonly word3: number;
}
