import { type Clock, RECORD_BYTES, wallSecondsOf } from "@portcullis/protocol";

/** 160 KB. Memory is given back a segment at a time. */
const RECORDS_PER_SEGMENT = 4096;

interface Segment {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  count: number;
  /** Seconds on the wall clock, and on the monotonic one, after which none of its records can deny a token. */
  wallEnd: number;
  monotonicEnd: number;
}

/**
 * Encoded records (protocol/records.ts) in the order of their seqs. They leave from the old end, and only when two
 * clocks agree that they expired: the wall clock could jump ahead and back, and a slow one would drop what verifiers
 * still need (as packages/revocation's generations have it).
 */
export class RecordStore {
  readonly #clock: Clock;
  #segments: Segment[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#segments.reduce((sum, { count }) => sum + count, 0);
  }

  append(records: Uint8Array): void {
    for (let at = 0; at < records.length; ) {
      const segment = this.#open();
      const room = (RECORDS_PER_SEGMENT - segment.count) * RECORD_BYTES;
      const part = records.subarray(at, at + room);
      segment.bytes.set(part, segment.count * RECORD_BYTES);
      this.#count(segment, part.length / RECORD_BYTES);
      at += part.length;
    }
  }

  /** Gives the newest seq that was dropped; 0 when there was nothing to drop. */
  dropExpired(): number {
    const [wall, monotonic] = [wallSecondsOf(this.#clock), this.#clock.monotonicMs() / 1000];
    const live = this.#segments.findIndex(
      (segment) => wall <= segment.wallEnd || monotonic <= segment.monotonicEnd,
    );
    const expired = live < 0 ? this.#segments.length : live;
    const last = this.#segments[expired - 1];
    if (last === undefined) return 0;
    this.#segments = this.#segments.slice(expired);
    return seqAt(last, last.count - 1);
  }

  /** Those with seq <= `upTo`, in slices. What is added or dropped meanwhile changes nothing. */
  *upTo(upTo: number): Generator<Uint8Array> {
    for (const segment of this.#segments.slice()) {
      const end = indexAfter(segment, upTo);
      if (end > 0) yield segment.bytes.subarray(0, end * RECORD_BYTES);
      if (end < segment.count) return;
    }
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
    const segment = { bytes, view: new DataView(bytes.buffer), count: 0, wallEnd: 0, monotonicEnd: 0 };
    this.#segments.push(segment);
    return segment;
  }

  #count(segment: Segment, added: number): void {
    const monotonic = this.#clock.monotonicMs() / 1000;
    for (let index = segment.count; index < segment.count + added; index++) {
      const revokedAt = segment.view.getUint32(index * RECORD_BYTES + 12);
      const expiresAt = segment.view.getUint32(index * RECORD_BYTES + 16);
      segment.wallEnd = Math.max(segment.wallEnd, expiresAt);
      segment.monotonicEnd = Math.max(segment.monotonicEnd, monotonic + Math.max(0, expiresAt - revokedAt));
    }
    segment.count += added;
  }
}

function seqAt({ view }: Segment, index: number): number {
  const at = index * RECORD_BYTES;
  return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
}

/** Index of the first record with a greater seq; by halves, since a snapshot's seqs have gaps. */
function indexAfter(segment: Segment, seq: number): number {
  let [low, high] = [0, segment.count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (seqAt(segment, middle) <= seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
