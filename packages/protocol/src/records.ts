/**
 * A revocation as verifiers know it, and its binary form. Pseudonymous: the key is a random
 * identifier or a keyed hash. The layout is fixed, big-endian, 40 bytes a record:
 *
 *   0  seq             u64 (at most 2^53 - 1)
 *   8  scope           u8
 *   9  mode            u8
 *  10  reason          u8
 *  11  reserved        u8, zero
 *  12  revokedAt       u32, seconds since the epoch
 *  16  expiresAt       u32, seconds since the epoch
 *  20  tokenExpiresAt  u32, seconds since the epoch; 0 when not known or not of scope `token`
 *  24  key             16 bytes
 */
import { protocolError } from "./errors.ts";
import { REASON_CODES, type Reason } from "./reasons.ts";
import { MODE_CODES, type Mode, SCOPE_CODES, type Scope } from "./scopes.ts";
import { modeOfCode, reasonOfCode, scopeOfCode } from "./wire-codes.ts";

export interface RevocationRecord {
  /** Place in the log: gap-free, in commit order, from 1. */
  readonly seq: number;
  readonly scope: Scope;
  readonly mode: Mode;
  readonly reason: Reason;
  /** 16 bytes: the identifier itself, or the keyed hash of the text (see `revocation`'s coordinates). */
  readonly key: Uint8Array;
  /** Seconds. For tokens without a horizon, a cutoff denies `iat <= revokedAt + skew`. */
  readonly revokedAt: number;
  /** Seconds. No token that this record covers can still verify after it, skew included. */
  readonly expiresAt: number;
  /** Seconds, scope `token` only: the token's own `exp`, which says in which bucket it is looked up. */
  readonly tokenExpiresAt?: number;
}

export const RECORD_BYTES = 40;

export function encodeRecords(records: readonly RevocationRecord[]): Uint8Array {
  const bytes = new Uint8Array(records.length * RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, record] of records.entries()) writeRecord(bytes, view, index * RECORD_BYTES, record);
  return bytes;
}

function writeRecord(bytes: Uint8Array, view: DataView, at: number, record: RevocationRecord): void {
  view.setBigUint64(at, BigInt(record.seq));
  view.setUint8(at + 8, SCOPE_CODES[record.scope]);
  view.setUint8(at + 9, MODE_CODES[record.mode]);
  view.setUint8(at + 10, REASON_CODES[record.reason]);
  view.setUint32(at + 12, record.revokedAt);
  view.setUint32(at + 16, record.expiresAt);
  view.setUint32(at + 20, record.tokenExpiresAt ?? 0);
  bytes.set(record.key, at + 24);
}

/** Returns the records, or throws `malformed_records`: half a batch must never be applied. */
export function decodeRecords(bytes: Uint8Array): RevocationRecord[] {
  if (bytes.length % RECORD_BYTES !== 0) {
    throw protocolError("malformed_records", {
      detail: `${bytes.length} bytes is not a multiple of ${RECORD_BYTES}`,
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: RevocationRecord[] = [];
  for (let at = 0; at < bytes.length; at += RECORD_BYTES) records.push(readRecord(bytes, view, at));
  return records;
}

function readRecord(bytes: Uint8Array, view: DataView, at: number): RevocationRecord {
  const scope = scopeOfCode(view.getUint8(at + 8));
  const mode = modeOfCode(view.getUint8(at + 9));
  const seq = Number(view.getBigUint64(at));
  if (scope === undefined || mode === undefined || !Number.isSafeInteger(seq)) {
    // A scope that a newer server knows cannot be skipped: skipping would be an allow. The replica stays
    // behind, says so, and its routes degrade by policy.
    throw protocolError("malformed_records", {
      detail: `record at byte ${at}: scope code ${view.getUint8(at + 8)}, mode code ${view.getUint8(at + 9)}`,
    });
  }
  const tokenExpiresAt = view.getUint32(at + 20);
  return {
    seq,
    scope,
    mode,
    reason: reasonOfCode(view.getUint8(at + 10)),
    key: bytes.slice(at + 24, at + RECORD_BYTES),
    revokedAt: view.getUint32(at + 12),
    expiresAt: view.getUint32(at + 16),
    ...(tokenExpiresAt === 0 ? {} : { tokenExpiresAt }),
  };
}
