import { homeOf, lowestByte, secondHomeOf, tagOf, zeroBytes } from "./segment.ts";
import { type Seeds, SegmentedTable } from "./segmented-table.ts";

/**
 * For every (scope, mode, key), the greatest seq with its reason, and the latest time of revocation. These are two
 * registers and not one record: a log whose clock went back must not turn a denial by time into an allow.
 * All 128 bits of the key are compared. A slot is 28 bytes:
 *
 *   word 0     order: a seeded mix of all 128 bits, one to one in the key's first 32
 *   word 1..3  key bits 32..127
 *   word 4     scope (4 bits), mode (1), reason (6), seq bits 32..52 (21)
 *   word 5     seq bits 0..31
 *   word 6     revokedAt, seconds
 */
const SHAPE = { words: 7, shared: false };
const SHARED_SHAPE = { words: 7, shared: true };
const EVERY_BYTE = 0x0101_0101;
const TAG_SHIFT = 27;
const REASON_SHIFT = 21;
const REASON_MASK = 0x3f;
const SEQ_HIGH_MASK = 0x1f_ffff;
const WORD = 0x1_0000_0000;

/** What a cutoff says, merged from wherever it was found. One object serves for one lookup after the other. */
export class CutoffMatch {
  seq = 0;
  reason = 0;
  revokedAt = 0;

  clear(): void {
    this.seq = 0;
    this.reason = 0;
    this.revokedAt = 0;
  }

  /** Raises the register of the key: of two the greater seq names the reason, and of one seq the smaller reason code. */
  merge(seq: number, reason: number, revokedAt: number): void {
    if (seq > this.seq || (seq === this.seq && reason < this.reason)) {
      this.seq = seq;
      this.reason = reason;
    }
    if (revokedAt > this.revokedAt) this.revokedAt = revokedAt;
  }
}

/** Returns scope and mode in the five bits that a slot keeps for them. `stale` is 0 or 1. */
const tagFor = (scope: number, stale: number): number => (scope << 1) | stale;

interface CutoffEntry {
  readonly scope: number;
  readonly stale: number;
  readonly reason: number;
  readonly seq: number;
  readonly revokedAt: number;
  readonly word0: number;
  readonly word1: number;
  readonly word2: number;
  readonly word3: number;
}

export class CutoffTable extends SegmentedTable {
  readonly #merged = new CutoffMatch();

  constructor(seeds: Seeds, shared = false) {
    super(shared ? SHARED_SHAPE : SHAPE, seeds);
  }

  /** Merges what is known of the key into `match`; leaves it alone when nothing is. */
  find(stale: number, places: readonly number[], place: number, match: CutoffMatch): void {
    const word1 = places[place + 2]!;
    const word2 = places[place + 3]!;
    const word3 = places[place + 4]!;
    const order = this.orderOf(places[place + 1]!, word1, word2, word3);
    const words = this.segmentOf(order).words;
    const at = this.#locate(tagFor(places[place]!, stale), order, word1, word2, word3);
    if (at >= 0) mergeSlot(words, at, match);
  }

  add(entry: CutoffEntry): void {
    const { word1, word2, word3 } = entry;
    const tag = tagFor(entry.scope, entry.stale);
    const order = this.orderOf(entry.word0, word1, word2, word3);
    let at = this.#locate(tag, order, word1, word2, word3);
    if (at >= 0 && this.shape.shared && carries(this.segmentOf(order).words[at + 4]!, entry.seq)) {
      this.extend(this.segmentOf(order), order);
      at = this.#locate(tag, order, word1, word2, word3);
    }
    let { words } = this.segmentOf(order);
    const merged = this.#merged;
    merged.clear();
    if (at >= 0) {
      mergeSlot(words, at, merged);
    } else {
      words = this.open(order, tagOf(word3));
      at = this.opened;
      words[at] = order;
      words[at + 1] = word1;
      words[at + 2] = word2;
      words[at + 3] = word3;
    }
    merged.merge(entry.seq, entry.reason, entry.revokedAt);
    words[at + 4] =
      (tag << TAG_SHIFT) | (merged.reason << REASON_SHIFT) | (Math.floor(merged.seq / WORD) & SEQ_HIGH_MASK);
    words[at + 5] = merged.seq | 0;
    words[at + 6] = merged.revokedAt | 0;
  }

  #locate(tag: number, order: number, word1: number, word2: number, word3: number): number {
    const segment = this.segmentOf(order);
    const { words } = segment;
    const hint = tagOf(word3);
    const tags = Math.imul(hint, EVERY_BYTE);
    const home = homeOf(segment, order);
    const second = secondHomeOf(segment, home, hint);
    for (let step = 0; ; step++) {
      const tagWord = step < 2 ? home + step : second + step - 2;
      const found = words[tagWord]!;
      for (let same = zeroBytes(found ^ tags); same !== 0; same &= same - 1) {
        const at = segment.tagWords + (tagWord * 4 + (lowestByte(same) >>> 3)) * 7;
        const sameKey =
          words[at] === order &&
          words[at + 1] === word1 &&
          words[at + 2] === word2 &&
          words[at + 3] === word3;
        if (sameKey && words[at + 4]! >>> TAG_SHIFT === tag) return at;
      }
      // The end of the second group, or of one behind it, that has a free slot: nobody had to go further.
      if (step >= 3 && step % 2 === 1 && found >>> 24 === 0) return -1;
    }
  }
}

/**
 * A seq whose upper word changes cannot be written in place while another thread reads: between the two writes it
 * would see a seq that never was. That happens to a key once in 2^32 revocations, and is done in a new segment.
 */
function carries(packed: number, seq: number): boolean {
  return Math.floor(seq / WORD) > (packed & SEQ_HIGH_MASK);
}

/** The lower word is read first and written last: whoever sees a new seq sees its reason with it. */
function mergeSlot(words: Int32Array, at: number, match: CutoffMatch): void {
  const low = words[at + 5]! >>> 0;
  const packed = words[at + 4]!;
  const seq = (packed & SEQ_HIGH_MASK) * WORD + low;
  match.merge(seq, (packed >>> REASON_SHIFT) & REASON_MASK, words[at + 6]! >>> 0);
}
