/**
 * The binary snapshot that a verifier starts from: `GET /revocations/snapshot`.
 *
 *   0   magic "PCSNAP02"        8 bytes
 *   8   header length           u32, big-endian
 *   12  header                  JSON, UTF-8 (SnapshotHeader)
 *       records                 `count` records of 40 bytes (records.ts)
 *       digest                  SHA-256 of everything before it, 32 bytes
 *       signed head             to the end: a JWS whose `snapshot` is the digest (signed-head.ts); ASCII
 *
 * So the issuer signs all of it, and whoever carries it can only hand it on as it is. Hashing is a port (`sha256`), since this
 * package does no I/O and runs in browsers too.
 */
import { z } from "zod";
import { protocolError } from "./errors.ts";
import { RECORD_BYTES } from "./records.ts";

export const SNAPSHOT_MEDIA_TYPE = "application/vnd.portcullis.snapshot";
const MAGIC = new TextEncoder().encode("PCSNAP02");
const DIGEST_BYTES = 32;
const HEADER_AT = MAGIC.length + 4;
const MAX_HEADER_BYTES = 4096;
const MAX_SIGNED_HEAD_BYTES = 2000;

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
  /** Longest life of an access token, seconds; the replica's tables span it. */
  tokenLifetimeSeconds: z.int().positive(),
  clockSkewSeconds: z.int().nonnegative(),
});
export type SnapshotHeader = z.infer<typeof snapshotHeaderSchema>;

export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** What a snapshot is made of, as views into its bytes. Nothing of it is checked but that it is whole. */
export interface SnapshotParts {
  readonly header: SnapshotHeader;
  readonly records: Uint8Array;
  /** What the digest is of. */
  readonly hashed: Uint8Array;
  /** 32 bytes. */
  readonly digest: Uint8Array;
  /** Undefined when nobody has signed it. */
  readonly signedHead: string | undefined;
}

export function encodeSnapshot(header: SnapshotHeader, records: Uint8Array, sha256: Sha256): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const recordsAt = HEADER_AT + json.length;
  const bytes = new Uint8Array(recordsAt + records.length + DIGEST_BYTES);
  bytes.set(MAGIC);
  new DataView(bytes.buffer).setUint32(MAGIC.length, json.length);
  bytes.set(json, HEADER_AT);
  bytes.set(records, recordsAt);
  bytes.set(sha256(bytes.subarray(0, recordsAt + records.length)), recordsAt + records.length);
  return bytes;
}

/** Returns a snapshot that `encodeSnapshot` made, with the issuer's word on its digest behind it. */
export function signSnapshot(bytes: Uint8Array, signedHead: string): Uint8Array {
  const signature = new TextEncoder().encode(signedHead);
  const signed = new Uint8Array(bytes.length + signature.length);
  signed.set(bytes);
  signed.set(signature, bytes.length);
  return signed;
}

/** Returns the parts. Throws `malformed_snapshot` when it is none, or not whole. The digest is still to be compared. */
export function readSnapshot(bytes: Uint8Array): SnapshotParts {
  if (bytes.length < HEADER_AT || !sameBytes(bytes.subarray(0, MAGIC.length), MAGIC)) {
    throw protocolError("malformed_snapshot", { detail: "not a snapshot, or of another version" });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const recordsAt = HEADER_AT + view.getUint32(MAGIC.length);
  if (recordsAt > Math.min(bytes.length, HEADER_AT + MAX_HEADER_BYTES)) {
    throw protocolError("malformed_snapshot", { detail: "the header is too long, or cut short" });
  }
  const header = readHeader(bytes.subarray(HEADER_AT, recordsAt));
  const digestAt = recordsAt + header.count * RECORD_BYTES;
  const signedHead = bytes.subarray(digestAt + DIGEST_BYTES);
  if (digestAt + DIGEST_BYTES > bytes.length || signedHead.length > MAX_SIGNED_HEAD_BYTES) {
    throw protocolError("malformed_snapshot", {
      detail: `${header.count} records announced, ${bytes.length - recordsAt} bytes sent`,
    });
  }
  return {
    header,
    records: bytes.subarray(recordsAt, digestAt),
    hashed: bytes.subarray(0, digestAt),
    digest: bytes.subarray(digestAt, digestAt + DIGEST_BYTES),
    signedHead: signedHead.length === 0 ? undefined : new TextDecoder().decode(signedHead),
  };
}

/** Returns the parts. Throws `malformed_snapshot` also when the digest does not match. */
export function decodeSnapshot(bytes: Uint8Array, sha256: Sha256): SnapshotParts {
  const parts = readSnapshot(bytes);
  checkSnapshotDigest(parts, sha256(parts.hashed));
  return parts;
}

/** Throws `malformed_snapshot` unless this is the digest of the snapshot. */
export function checkSnapshotDigest({ digest }: SnapshotParts, computed: Uint8Array): void {
  if (sameBytes(computed, digest)) return;
  throw protocolError("malformed_snapshot", { detail: "the digest does not match" });
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
