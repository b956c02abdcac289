import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  type Clock,
  decodeBase64url,
  decodeSnapshot,
  LiveDigester,
  RECORD_BYTES,
  type SnapshotHeader,
} from "@portcullis/protocol";
import { checkRecords, checkWithin } from "../encoded-record.ts";
import { revocationError } from "../errors.ts";
import { RevocationIndex, type RevocationIndexOptions } from "../revocation-index.ts";
import { chainOf, checkHead, type VerifyHead } from "./check-batch.ts";

export interface LoadedSnapshot {
  readonly header: SnapshotHeader;
  readonly hashKey: Uint8Array;
  readonly records: Uint8Array;
  readonly index: RevocationIndex;
  readonly live: LiveDigester;
}

interface LoadOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly verifyHead?: VerifyHead | undefined;
  readonly createIndex?: ((options: RevocationIndexOptions) => RevocationIndex) | undefined;
  /** Throws when this snapshot may not take the place of what is held. */
  readonly accept: (header: SnapshotHeader) => void;
}

/** A few milliseconds of work, after which requests get their turn. */
const RECORDS_PER_SLICE = 8192;
const HASHED_BYTES_PER_SLICE = 4 * 1024 * 1024;
const DIGEST_BYTES = 32;
const HASH_KEY_BYTES = 32;

/** Builds a new index beside the one in use. Throws, and nothing is lost, when anything about it is wrong. */
export async function loadSnapshot(bytes: Uint8Array, options: LoadOptions): Promise<LoadedSnapshot> {
  const { signal, clock } = options;
  const digest = await digestOf(bytes.subarray(0, Math.max(0, bytes.length - DIGEST_BYTES)), signal);
  const { header, records } = decodeSnapshot(bytes, () => digest);
  const hashKey = decodeBase64url(header.hashKey);
  if (hashKey?.length !== HASH_KEY_BYTES) throw malformed("the snapshot's hash key is not 32 bytes");
  options.accept(header);
  await checkHeader(header, options);
  await inSlices(records, signal, (slice) => {
    checkRecords(slice);
    checkWithin(slice, header.head);
  });
  const { tokenLifetimeSeconds, clockSkewSeconds } = header;
  const { createIndex = (made) => new RevocationIndex(made) } = options;
  const index = createIndex({ tokenLifetimeSeconds, clockSkewSeconds, clock });
  const live = new LiveDigester();
  await inSlices(records, signal, (slice) => {
    index.applyEncoded(slice);
    live.add(slice);
  });
  return { header, hashKey, records, index, live };
}

async function checkHeader(header: SnapshotHeader, options: LoadOptions): Promise<void> {
  const { incarnation, head, count, chain, signedHead } = header;
  if (count > head) throw malformed(`${count} records in a log that has ${head}`);
  chainOf(chain);
  await checkHead(signedHead, { incarnation, seq: head, chain }, options);
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
