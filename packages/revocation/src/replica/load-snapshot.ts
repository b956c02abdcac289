import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { decodeBase64url, decodeSnapshot, RECORD_BYTES, type SnapshotHeader } from "@portcullis/protocol";
import { revocationError } from "../errors.ts";
import { RevocationIndex } from "../revocation-index.ts";

export interface LoadedSnapshot {
  readonly header: SnapshotHeader;
  readonly hashKey: Uint8Array;
  readonly index: RevocationIndex;
}

export interface LoadOptions {
  readonly nowSeconds: () => number;
  readonly monotonicMs: () => number;
  readonly signal: AbortSignal;
}

/** A few milliseconds of work, after which requests get their turn. */
const RECORDS_A_SLICE = 8192;
const HASHED_A_SLICE_BYTES = 4 * 1024 * 1024;
const DIGEST_BYTES = 32;
const HASH_KEY_BYTES = 32;

/** Builds a new index beside the one in use. Throws, and nothing is lost, when anything about it is wrong. */
export async function loadSnapshot(bytes: Uint8Array, options: LoadOptions): Promise<LoadedSnapshot> {
  const digest = await digestOf(bytes.subarray(0, Math.max(0, bytes.length - DIGEST_BYTES)), options.signal);
  const { header, records } = decodeSnapshot(bytes, () => digest);
  const hashKey = decodeBase64url(header.hashKey);
  if (hashKey?.length !== HASH_KEY_BYTES) {
    throw revocationError("malformed_feed", { detail: "the snapshot's hash key is not 32 bytes" });
  }
  const index = new RevocationIndex({ ...header, ...options });
  await applyInSlices(index, records, options.signal);
  return { header, hashKey, index };
}

async function digestOf(bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  const hash = createHash("sha256");
  for (let at = 0; at < bytes.length; at += HASHED_A_SLICE_BYTES) {
    hash.update(bytes.subarray(at, at + HASHED_A_SLICE_BYTES));
    if (at > 0) await nextTurn();
    signal.throwIfAborted();
  }
  return hash.digest();
}

async function applyInSlices(
  index: RevocationIndex,
  records: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const step = RECORDS_A_SLICE * RECORD_BYTES;
  for (let at = 0; at < records.length; at += step) {
    if (at > 0) await nextTurn();
    signal.throwIfAborted();
    index.applyEncoded(records.subarray(at, at + step));
  }
}
