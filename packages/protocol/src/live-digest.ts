/**
 * A digest of the set of records that are still live, whatever order they came in: two stores with the same digest
 * hold the same records. It guards against mistakes and not against attackers, who are the chain's business
 * (chain.ts): it must cost next to nothing when ten million records are loaded.
 *
 * A record counts in a stretch of its `expiresAt`; a digest covers all stretches from a given one on, so that two
 * stores can be compared though each forgets what expired in its own time.
 */
import { z } from "zod";
import { RECORD_BYTES } from "./records.ts";

/** Seconds of one stretch. */
export const LIVE_DIGEST_STRETCH_SECONDS = 64;

export const liveDigestSchema = z.object({
  /** Seconds, a multiple of the stretch: records with `expiresAt` of this or later are counted. */
  from: z.int().nonnegative(),
  count: z.int().nonnegative(),
  /** Sixteen hexadecimal digits. */
  sum: z.string().regex(/^[0-9a-f]{16}$/),
});
export type LiveDigest = z.infer<typeof liveDigestSchema>;

interface Stretch {
  readonly id: number;
  count: number;
  low: number;
  high: number;
}

export class LiveDigester {
  readonly #stretches = new Map<number, Stretch>();
  #last: Stretch | undefined;

  /** Adds encoded records (records.ts), each of them once in the life of this object. */
  add(records: Uint8Array): void {
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    for (let at = 0; at < records.length; at += RECORD_BYTES) this.#addOne(view, at);
  }

  /** Returns the digest of what expires at `fromSeconds` or later, rounded down to a stretch. */
  digest(fromSeconds: number): LiveDigest {
    const first = Math.floor(fromSeconds / LIVE_DIGEST_STRETCH_SECONDS);
    let count = 0;
    let low = 0;
    let high = 0;
    for (const [id, stretch] of this.#stretches) {
      if (id < first) continue;
      count += stretch.count;
      low = (low + stretch.low) >>> 0;
      high = (high + stretch.high) >>> 0;
    }
    return { from: first * LIVE_DIGEST_STRETCH_SECONDS, count, sum: hex(high) + hex(low) };
  }

  /** Gives back the memory of stretches that ended before. */
  forgetBefore(seconds: number): void {
    const first = Math.floor(seconds / LIVE_DIGEST_STRETCH_SECONDS);
    for (const id of this.#stretches.keys()) if (id < first) this.#stretches.delete(id);
    this.#last = undefined;
  }

  #addOne(view: DataView, at: number): void {
    let low = 0x9e37_79b9 | 0;
    let high = 0x85eb_ca6b | 0;
    // Each step can be undone, so that one bit of one word always makes a difference at the end.
    for (let word = 0; word < RECORD_BYTES; word += 4) {
      const value = view.getInt32(at + word);
      low = Math.imul(low ^ value, 0xcc9e_2d51);
      low ^= low >>> 15;
      high = Math.imul((high + value) | 0, 0x1b87_3593);
      high = (high << 13) | (high >>> 19);
    }
    const stretch = this.#stretchOf(Math.floor(view.getUint32(at + 16) / LIVE_DIGEST_STRETCH_SECONDS));
    stretch.count++;
    stretch.low = (stretch.low + mixed(low)) | 0;
    stretch.high = (stretch.high + mixed(high)) | 0;
  }

  /** Records that come together mostly expire together. */
  #stretchOf(id: number): Stretch {
    const last = this.#last;
    if (last?.id === id) return last;
    const stretch = this.#stretches.get(id) ?? { id, count: 0, low: 0, high: 0 };
    if (stretch.count === 0) this.#stretches.set(id, stretch);
    this.#last = stretch;
    return stretch;
  }
}

/** Every bit of the result depends on every bit of the value (the finalizer of MurmurHash3, 32 bits). */
function mixed(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35);
  return bits ^ (bits >>> 16);
}

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
