import { createHash } from "node:crypto";
import {
  decodeBase64url,
  decodeSnapshot,
  encodeBase64url,
  encodeSnapshot,
  extendChain,
  type LeaseRequest,
  RECORD_BYTES,
} from "@portcullis/protocol";
import type { DecodedBatch, Feed } from "@portcullis/revocation";
import type { Process } from "../world/process.ts";

const HELD_BACK_MS = 700;

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

function withoutChain({ chain: _, ...request }: LeaseRequest): LeaseRequest {
  return request;
}

/** Acknowledges a batch when it comes in, and lets the index have it later. */
export function ackBeforeApply(feed: Feed, process: Process): { feed: Feed } {
  const received = new Map<string, number>();
  return {
    feed: {
      ...feed,
      async *stream(cursor, signal) {
        for await (const event of feed.stream(cursor, signal)) {
          if (event.type === "batch") {
            received.set(event.batch.incarnation, event.batch.to);
            await process.sleep(HELD_BACK_MS, "holds a batch back");
          }
          yield event;
        }
      },
      lease: (request, signal) => {
        const applied = Math.max(request.applied, received.get(request.incarnation) ?? 0);
        return feed.lease({ ...withoutChain(request), applied }, signal);
      },
    },
  };
}

/**
 * Makes every batch look as if it followed on the one before: what was lost between is made up, and so is the chain.
 * A verifier that did not check `prev` would check no chain and report none.
 */
export function skippedPrevCheck(feed: Feed): { feed: Feed } {
  let chain = new Uint8Array();
  return {
    feed: {
      ...feed,
      snapshot: async (signal) => {
        const bytes = await feed.snapshot(signal);
        chain = decodeBase64url(decodeSnapshot(bytes, sha256).header.chain)!.slice();
        return bytes;
      },
      lease: (request, signal) => feed.lease(withoutChain(request), signal),
      async *stream(cursor, signal) {
        let applied = cursor.seq;
        for await (const event of feed.stream(cursor, signal)) {
          if (event.type !== "batch" || event.batch.to <= applied) {
            yield event;
            continue;
          }
          const batch = event.batch.prev > applied ? filled(event.batch, applied) : event.batch;
          const fresh = batch.records.subarray((applied - batch.prev) * RECORD_BYTES);
          chain = extendChain(chain, fresh, sha256).slice();
          applied = batch.to;
          yield { type: "batch", batch: { ...batch, chain: encodeBase64url(chain) } };
        }
      },
    },
  };
}

function filled(batch: DecodedBatch, prev: number): DecodedBatch {
  const missing = batch.prev - prev;
  const records = new Uint8Array(missing * RECORD_BYTES + batch.records.length);
  for (let at = 0; at < missing; at++) {
    records.set(batch.records.subarray(0, RECORD_BYTES), at * RECORD_BYTES);
    new DataView(records.buffer).setBigUint64(at * RECORD_BYTES, BigInt(prev + 1 + at));
  }
  records.set(batch.records, missing * RECORD_BYTES);
  return { ...batch, prev, from: prev + 1, records };
}

/** Its head is read after its records, so that what came between is in neither it nor the stream after it. */
export function snapshotWithoutTail(feed: Feed): { feed: Feed } {
  return {
    feed: {
      ...feed,
      snapshot: async (signal) => {
        const { header, records } = decodeSnapshot(await feed.snapshot(signal), sha256);
        const count = Math.max(0, header.count - 1);
        return encodeSnapshot({ ...header, count }, records.subarray(0, count * RECORD_BYTES), sha256);
      },
    },
  };
}
