import { RECORD_BYTES } from "@portcullis/protocol";

/** 160 KB. Memory is given back a segment at a time. */
const RECORDS_PER_SEGMENT = 4096;

interface Segment {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  count: number;
}

/** Encoded records (protocol/records.ts) in the order of their seqs, without gaps. They leave from the old end. */
export class RecordStore {
  #segments: Segment[] = [];

  get count(): number {
    return this.#segments.reduce((sum, { count }) => sum + count, 0);
  }

  append(records: Uint8Array): void {
    for (let at = 0; at < records.length; ) {
      const segment = this.#open();
      const room = (RECORDS_PER_SEGMENT - segment.count) * RECORD_BYTES;
      const part = records.subarray(at, at + room);
      segment.bytes.set(part, segment.count * RECORD_BYTES);
      segment.count += part.length / RECORD_BYTES;
      at += part.length;
    }
  }

  /** Drops what it can of those up to `seq`. Gives the newest seq that was dropped; 0 when there was nothing to drop. */
  dropUpTo(seq: number): number {
    const kept = this.#segments.findIndex((segment) => seqAt(segment, segment.count - 1) > seq);
    const dropped = kept < 0 ? this.#segments.length : kept;
    const last = this.#segments[dropped - 1];
    if (last === undefined) return 0;
    this.#segments = this.#segments.slice(dropped);
    return seqAt(last, last.count - 1);
  }

  /** Those with `after` < seq <= `upTo`, in one piece. */
  between(after: number, upTo: number): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let at = this.#segments.length - 1; at >= 0; at--) {
      const segment = this.#segments[at]!;
      const from = indexAfter(segment, after);
      const part = segment.bytes.subarray(from * RECORD_BYTES, indexAfter(segment, upTo) * RECORD_BYTES);
      if (part.length > 0) parts.unshift(part);
      if (from > 0) break;
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  #open(): Segment {
    const last = this.#segments.at(-1);
    if (last !== undefined && last.count < RECORDS_PER_SEGMENT) return last;
    const bytes = new Uint8Array(RECORDS_PER_SEGMENT * RECORD_BYTES);
    const segment = { bytes, view: new DataView(bytes.buffer), count: 0 };
    this.#segments.push(segment);
    return segment;
  }
}

function seqAt({ view }: Segment, index: number): number {
  const at = index * RECORD_BYTES;
  return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
}

/** Index of the first record with a greater seq; by halves. */
function indexAfter(segment: Segment, seq: number): number {
  let [low, high] = [0, segment.count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (seqAt(segment, middle) <= seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
