/**
 * The binary snapshot that a verifier starts from: `GET /revocations/snapshot`.
 *
 *   0   magic "PCSNAP01"        8 bytes
 *   8   header length           u32, big-endian
 *   12  header                  JSON, UTF-8 (SnapshotHeader)
 *       records                 `count` records of 40 bytes (records.ts)
 *       digest                  SHA-256 of everything before it, 32 bytes
 *
 * Hashing is a port (`sha256`), since this package does no I/O and runs in browsers too.
 */
import { z } from "zod";
import { protocolError } from "./errors.ts";
import { RECORD_BYTES } from "./records.ts";

export const SNAPSHOT_MEDIA_TYPE = "application/vnd.portcullis.snapshot";
const MAGIC = new TextEncoder().encode("PCSNAP01");
const DIGEST_BYTES = 32;

const snapshotHeaderSchema = z.object({
  /** Changes when the log's database was restored or failed over: cursors of another incarnation are void. */
  incarnation: z.string().min(1),
  /** Newest seq that the snapshot holds: where the stream goes on. */
  head: z.int().nonnegative(),
  count: z.int().nonnegative(),
  /** Key of the hash that maps subjects, clients and other texts to 16 bytes; base64url of 32 bytes. */
  hashKey: z.string().length(43),
  /** Value of the chain at `head` (chain.ts); base64url of 32 bytes. */
  chain: z.string().length(43),
  /** The issuer's word on `head` (signed-head.ts). */
  signedHead: z.string().max(2000).optional(),
  /** Longest life of an access token, seconds; the replica's tables span it. */
  tokenLifetimeSeconds: z.int().positive(),
  clockSkewSeconds: z.int().nonnegative(),
});
export type SnapshotHeader = z.infer<typeof snapshotHeaderSchema>;

export type Sha256 = (bytes: Uint8Array) => Uint8Array;

export function encodeSnapshot(header: SnapshotHeader, records: Uint8Array, sha256: Sha256): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const recordsAt = MAGIC.length + 4 + json.length;
  const bytes = new Uint8Array(recordsAt + records.length + DIGEST_BYTES);
  bytes.set(MAGIC);
  new DataView(bytes.buffer).setUint32(MAGIC.length, json.length);
  bytes.set(json, MAGIC.length + 4);
  bytes.set(records, recordsAt);
  bytes.set(sha256(bytes.subarray(0, recordsAt + records.length)), recordsAt + records.length);
  return bytes;
}

/** Returns header and records. Throws `malformed_snapshot` when length, digest, header or count do not agree. */
export function decodeSnapshot(
  bytes: Uint8Array,
  sha256: Sha256,
): { header: SnapshotHeader; records: Uint8Array } {
  const digestAt = bytes.length - DIGEST_BYTES;
  if (digestAt < MAGIC.length + 4 || !sameBytes(bytes.subarray(0, MAGIC.length), MAGIC)) {
    throw protocolError("malformed_snapshot", { detail: "not a snapshot, or cut short" });
  }
  if (!sameBytes(sha256(bytes.subarray(0, digestAt)), bytes.subarray(digestAt))) {
    throw protocolError("malformed_snapshot", { detail: "the digest does not match" });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const recordsAt = MAGIC.length + 4 + view.getUint32(MAGIC.length);
  const header = readHeader(bytes.subarray(MAGIC.length + 4, Math.min(recordsAt, digestAt)));
  const records = bytes.subarray(Math.min(recordsAt, digestAt), digestAt);
  if (records.length !== header.count * RECORD_BYTES) {
    throw protocolError("malformed_snapshot", {
      detail: `${header.count} records announced, ${records.length} bytes sent`,
    });
  }
  return { header, records };
}

function readHeader(json: Uint8Array): SnapshotHeader {
  try {
    return snapshotHeaderSchema.parse(JSON.parse(new TextDecoder().decode(json)));
  } catch (cause) {
    throw protocolError("malformed_snapshot", { detail: "the header cannot be read", cause });
  }
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
