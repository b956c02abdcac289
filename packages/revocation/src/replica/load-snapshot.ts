import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  type Clock,
  checkSnapshotDigest,
  decodeBase64url,
  encodeBase64url,
  LiveDigester,
  RECORD_BYTES,
  readSnapshot,
  type SnapshotHeader,
} from "@portcullis/protocol";
import { checkRecords, checkWithin } from "../encoded-record.ts";
import { revocationError } from "../errors.ts";
import { RevocationIndex, type RevocationIndexOptions } from "../revocation-index.ts";
import { chainOf, checkHead, type VerifyHead } from "./check-batch.ts";
import type { SeenHeads } from "./seen-heads.ts";

/** A snapshot that is whole, and that the issuer has signed where that is asked for. */
export interface CheckedSnapshot {
  /** As it came: what may be passed on. */
  readonly bytes: Uint8Array;
  readonly header: SnapshotHeader;
  readonly hashKey: Uint8Array;
  readonly records: Uint8Array;
  readonly signedHead: string | undefined;
}

export interface LoadedSnapshot extends CheckedSnapshot {
  readonly index: RevocationIndex;
  readonly live: LiveDigester;
}

interface CheckOptions {
  readonly signal: AbortSignal;
  readonly verifyHead?: VerifyHead | undefined;
  readonly seen: SeenHeads;
  /** Throws when this snapshot may not take the place of what is held. */
  readonly accept: (header: SnapshotHeader) => void;
}

interface LoadOptions extends CheckOptions {
  readonly clock: Clock;
  readonly createIndex?: ((options: RevocationIndexOptions) => RevocationIndex) | undefined;
}

/** A few milliseconds of work, after which requests get their turn. */
const RECORDS_PER_SLICE = 8192;
const HASHED_BYTES_PER_SLICE = 4 * 1024 * 1024;
const HASH_KEY_BYTES = 32;

/** Throws when anything about it is wrong: `malformed_snapshot`, `malformed_feed`, `malformed_records`, or what the check of the signature throws. */
export async function checkSnapshot(bytes: Uint8Array, options: CheckOptions): Promise<CheckedSnapshot> {
  const { signal } = options;
  const parts = readSnapshot(bytes);
  const { header, records, hashed, digest, signedHead } = parts;
  // Before it is hashed: one that may not be taken is not worth the work.
  options.accept(header);
  checkSnapshotDigest(parts, await digestOf(hashed, signal));
  const hashKey = decodeBase64url(header.hashKey);
  if (hashKey?.length !== HASH_KEY_BYTES) throw malformed("the snapshot's hash key is not 32 bytes");
  const { incarnation, head, count, chain } = header;
  if (count > head) throw malformed(`${count} records in a log that has ${head}`);
  chainOf(chain);
  const signed = await checkHead(signedHead, { incarnation, seq: head, chain }, options);
  // The head alone would leave the records, and the key that texts are hashed with, to whoever carries them.
  if (signed !== undefined && signed.snapshot !== encodeBase64url(digest)) {
    throw malformed("a snapshot that is not the one that was signed");
  }
  await inSlices(records, signal, (slice) => {
    checkRecords(slice);
    checkWithin(slice, header.head);
  });
  return { bytes, header, hashKey, records, signedHead };
}

/** Builds a new index beside the one in use. Throws as `checkSnapshot` does, and nothing is lost then. */
export async function loadSnapshot(bytes: Uint8Array, options: LoadOptions): Promise<LoadedSnapshot> {
  const { signal, clock } = options;
  const checked = await checkSnapshot(bytes, options);
  const { header, records } = checked;
  const { tokenLifetimeSeconds, clockSkewSeconds } = header;
  const { createIndex = (made) => new RevocationIndex(made) } = options;
  const index = createIndex({ tokenLifetimeSeconds, clockSkewSeconds, clock });
  const live = new LiveDigester();
  await inSlices(records, signal, (slice) => {
    index.applyEncoded(slice);
    live.add(slice);
  });
  return { ...checked, index, live };
}

async function digestOf(bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  const hash = createHash("sha256");
  for (let at = 0; at < bytes.length; at += HASHED_BYTES_PER_SLICE) {
    hash.update(bytes.subarray(at, at + HASHED_BYTES_PER_SLICE));
    if (at > 0) await nextTurn();
    signal.throwIfAborted();
  }
  return hash.digest();
}

async function inSlices(
  records: Uint8Array,
  signal: AbortSignal,
  work: (slice: Uint8Array) => void,
): Promise<void> {
  const step = RECORDS_PER_SLICE * RECORD_BYTES;
  for (let at = 0; at < records.length; at += step) {
    if (at > 0) await nextTurn();
    signal.throwIfAborted();
    work(records.subarray(at, at + step));
  }
}

const malformed = (detail: string) => revocationError("malformed_feed", { detail });
