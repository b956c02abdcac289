import { SCOPE_CODES } from "@portcullis/protocol";
import { homeOf, lowestByte, tagOf, takeSlot, zeroBytes } from "./segment.ts";
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
const SHAPE = { words: 3 };
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
  constructor(seeds: Seeds) {
    super(SHAPE, seeds);
  }

  /** Reason code, or 0 when the key is not in the set. `places` holds scope code and four words from `place` on. */
  reasonAt(places: readonly number[], place: number): number {
    const word1 = places[place + 2]!;
    const word2 = places[place + 3]!;
    const word3 = places[place + 4]!;
    const order = this.orderOf(places[place + 1]!, word1, word2, word3);
    const segment = this.segmentOf(order);
    const { words } = segment;
    const wanted = (word2 & KEY_MASK) | (MEMBERSHIP_TAGS[places[place]!]! << REASON_BITS);
    const tags = Math.imul(tagOf(word3), EVERY_BYTE);
    for (let group = homeOf(segment, order); ; group++) {
      const found = words[group]!;
      let same = zeroBytes(found ^ tags);
      while (same !== 0) {
        const at = segment.tagWords + (group * 4 + (lowestByte(same) >>> 3)) * 3;
        const rest = words[at + 2]!;
        if (words[at] === order && words[at + 1] === word1 && (rest & ~REASON_MASK) === wanted) {
          return rest & REASON_MASK;
        }
        same &= same - 1;
      }
      if (zeroBytes(found) !== 0) return 0;
    }
  }

  add(entry: MembershipEntry): void {
    const { word1, word2, word3, reason } = entry;
    const order = this.orderOf(entry.word0, word1, word2, word3);
    const wanted = (word2 & KEY_MASK) | (MEMBERSHIP_TAGS[entry.scope]! << REASON_BITS);
    const segment = this.segmentOf(order);
    const { words } = segment;
    const tag = tagOf(word3);
    const tags = Math.imul(tag, EVERY_BYTE);
    for (let group = homeOf(segment, order); ; group++) {
      const found = words[group]!;
      let same = zeroBytes(found ^ tags);
      while (same !== 0) {
        const at = segment.tagWords + (group * 4 + (lowestByte(same) >>> 3)) * 3;
        const rest = words[at + 2]!;
        if (words[at] === order && words[at + 1] === word1 && (rest & ~REASON_MASK) === wanted) {
          if (reason < (rest & REASON_MASK)) words[at + 2] = wanted | reason;
          return;
        }
        same &= same - 1;
      }
      if (zeroBytes(found) !== 0) {
        const at = takeSlot(segment, SHAPE, group, tag);
        if (at < 0) break;
        this.count++;
        fill(words, at, order, word1, wanted | reason);
        return;
      }
    }
    const opened = this.open(order, tag);
    fill(opened, this.opened, order, word1, wanted | reason);
  }
}

function fill(words: Int32Array, at: number, order: number, word1: number, rest: number): void {
  words[at] = order;
  words[at + 1] = word1;
  words[at + 2] = rest;
}

/** Codes and words of one record; the same object serves for one record after the other. */
export interface MembershipEntry {
  readonly scope: number;
  readonly reason: number;
  readonly word0: number;
  readonly word1: number;
  readonly word2: number;
  readonly word3: number;
}
