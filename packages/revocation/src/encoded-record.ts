import {
  MODE_CODES,
  modeOfCode,
  REASON_CODES,
  RECORD_BYTES,
  reasonOfCode,
  scopeOfCode,
} from "@portcullis/protocol";
import { revocationError } from "./errors.ts";

const GREATEST_SEQ_HIGH = 0x1f_ffff;

/**
 * Reads records where they lie (layout: protocol/records.ts), one at a time, without an object for each: a batch
 * of millions would otherwise be a batch of garbage.
 */
export class EncodedRecord {
  readonly #view: DataView;
  scope = 0;
  stale = 0;
  reason = 0;
  seq = 0;
  revokedAt = 0;
  expiresAt = 0;
  tokenExpiresAt = 0;
  word0 = 0;
  word1 = 0;
  word2 = 0;
  word3 = 0;

  constructor(records: Uint8Array) {
    this.#view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  }

  read(at: number): void {
    const view = this.#view;
    this.seq = view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
    this.scope = view.getUint8(at + 8);
    this.stale = view.getUint8(at + 9) === MODE_CODES.stale ? 1 : 0;
    this.reason = KNOWN_REASONS[view.getUint8(at + 10)]!;
    this.revokedAt = view.getUint32(at + 12);
    this.expiresAt = view.getUint32(at + 16);
    this.tokenExpiresAt = view.getUint32(at + 20);
    this.word0 = view.getInt32(at + 24);
    this.word1 = view.getInt32(at + 28);
    this.word2 = view.getInt32(at + 32);
    this.word3 = view.getInt32(at + 36);
  }
}

/** A reason that a newer server knows and we do not still denies: it reads as `revoked`. */
const KNOWN_REASONS = Uint8Array.from({ length: 256 }, (_, code) => REASON_CODES[reasonOfCode(code)]);

/** Throws `malformed_records` or `unknown_record` before any of them is used: half a batch must never be applied. */
export function checkRecords(records: Uint8Array): void {
  checkAllKnown(records, firstUnknown(records));
}

/**
 * Throws `unknown_record` if there is one. A scope or mode that only a newer server knows cannot be skipped, since skipping is
 * an allow: the replica stops to allow, and says why.
 */
export function checkAllKnown(records: Uint8Array, unknownAt: number): void {
  if (unknownAt < 0) return;
  const [scope, mode] = records.subarray(unknownAt + 8, unknownAt + 10);
  throw revocationError("unknown_record", { detail: `scope code ${scope}, mode code ${mode}` });
}

/** Returns where the first record lies that only a newer server knows, or -1. Throws `malformed_records` for what no log writes. */
export function firstUnknown(records: Uint8Array): number {
  if (records.length % RECORD_BYTES !== 0) {
    throw malformed(`${records.length} bytes is not a multiple of ${RECORD_BYTES}`);
  }
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  let unknownAt = -1;
  for (let at = 0; at < records.length; at += RECORD_BYTES) {
    const kind = SCOPE_KINDS[view.getUint8(at + 8)]! & MODE_KINDS[view.getUint8(at + 9)]!;
    const high = view.getUint32(at);
    if (kind === NEVER || high > GREATEST_SEQ_HIGH || (high === 0 && view.getUint32(at + 4) === 0)) {
      throw malformed(`record at byte ${at}: scope ${view.getUint8(at + 8)}, mode ${view.getUint8(at + 9)}`);
    }
    if (kind === NEWER && unknownAt < 0) unknownAt = at;
  }
  return unknownAt;
}

/** Throws unless the records are exactly the seqs `from`..`to`, in order: a hole would be a silent gap. */
export function checkSequence(records: Uint8Array, from: number, to: number): void {
  if (records.length !== (to - from + 1) * RECORD_BYTES) {
    throw malformed(`seqs ${from} to ${to} announced, ${records.length} bytes sent`);
  }
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  for (let seq = from, at = 0; seq <= to; seq++, at += RECORD_BYTES) {
    const found = view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
    if (found !== seq) throw malformed(`seq ${found} where ${seq} was due`);
  }
}

/** Throws when a record is newer than the head that it came with: the stream would then bring it a second time. */
export function checkWithin(records: Uint8Array, head: number): void {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  for (let at = 0; at < records.length; at += RECORD_BYTES) {
    const seq = view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
    if (seq > head) throw malformed(`seq ${seq} in a snapshot at head ${head}`);
  }
}

/** What a code is. A record is what the lesser of its two codes is: the bits that both have. */
const NEVER = 0b00;
const NEWER = 0b01;
const KNOWN = 0b11;

const kindsOf = (isKnown: (code: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, code) => (code === 0 ? NEVER : isKnown(code) ? KNOWN : NEWER));

const SCOPE_KINDS = kindsOf((code) => scopeOfCode(code) !== undefined);
const MODE_KINDS = kindsOf((code) => modeOfCode(code) !== undefined);

const malformed = (detail: string) => revocationError("malformed_records", { detail });
