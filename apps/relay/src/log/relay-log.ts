import { hash } from "node:crypto";
import type { ChainedRecord, LogPosition, StreamedLog } from "@portcullis/feed-server";
import {
  decodeBase64url,
  decodeRecords,
  extendChain,
  RECORD_BYTES,
  type RevocationRecord,
  type SnapshotHeader,
} from "@portcullis/protocol";
import type { DecodedBatch } from "@portcullis/revocation";
import { relayError } from "../errors.ts";
import { type BatchEnd, BatchEnds } from "./batch-ends.ts";
import { RecordStore } from "./record-store.ts";

type Listener = (records: readonly ChainedRecord[]) => void;

/**
 * What came after a snapshot, in memory: as long as no other snapshot takes its place. The records of the snapshot itself are not in
 * it, since they are only ever passed on as the issuer has signed them (passed-snapshot.ts).
 */
export class RelayLog implements StreamedLog {
  readonly incarnation: string;
  readonly hashKey: Uint8Array;
  readonly tokenLifetimeSeconds: number;
  readonly clockSkewSeconds: number;
  readonly #records: RecordStore;
  readonly #ends: BatchEnds;
  readonly #listeners = new Set<Listener>();

  constructor(header: SnapshotHeader, signedHead: string | undefined) {
    this.incarnation = header.incarnation;
    this.hashKey = bytesOf(header.hashKey);
    this.tokenLifetimeSeconds = header.tokenLifetimeSeconds;
    this.clockSkewSeconds = header.clockSkewSeconds;
    this.#ends = new BatchEnds(endOf(header.head, { chain: header.chain, signedHead }));
    this.#records = new RecordStore();
  }

  get count(): number {
    return this.#records.count;
  }

  /** It follows on the head: the replica has checked that, and the chain. */
  append(batch: DecodedBatch): void {
    const chained = chainedRecords(this.#ends.last.chain, batch.records);
    this.#records.append(batch.records);
    this.#ends.add(endOf(batch.to, batch));
    for (const listener of this.#listeners) listener(chained);
  }

  head(): number {
    return this.#ends.last.seq;
  }

  position(): LogPosition {
    return this.#ends.last;
  }

  /** How old it is, a relay says in its answer to a lease call; waiting would make nobody fresher. */
  async refresh(): Promise<number> {
    return this.head();
  }

  oldestKept(): number {
    return this.#ends.first.seq + 1;
  }

  /** The issuer's word on a place; undefined where it gave none. */
  signedHeadAt(seq: number): string | undefined {
    const end = this.#ends.atOrBefore(seq);
    return end?.seq === seq ? end.signedHead : undefined;
  }

  /** Up to a place that the issuer has signed, which may be more than `limit` when one batch was larger. */
  async read(after: number, limit: number): Promise<ChainedRecord[]> {
    const base = this.#ends.atOrBefore(after);
    const end = this.#ends.cut(after, after + limit);
    if (base === undefined || end === undefined) return [];
    const records = this.#records.between(base.seq, end.seq);
    const known = (after - base.seq) * RECORD_BYTES;
    const chain = extendChain(base.chain, records.subarray(0, known), sha256);
    return chainedRecords(chain, records.subarray(known));
  }

  batchEnd(after: number, upTo: number): number | undefined {
    return this.#ends.cut(after, upTo)?.seq;
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Who is further behind takes the snapshot of that seq, or a later one. */
  forgetUpTo(seq: number): void {
    this.#ends.forgetBefore(this.#records.dropUpTo(seq));
  }
}

const sha256 = (bytes: Uint8Array): Uint8Array => hash("sha256", bytes, "buffer");

function chainedRecords(before: Uint8Array, records: Uint8Array): ChainedRecord[] {
  let chain = before;
  return decodeRecords(records).map((record: RevocationRecord, index) => {
    chain = extendChain(chain, records.subarray(index * RECORD_BYTES, (index + 1) * RECORD_BYTES), sha256);
    return { ...record, chain };
  });
}

function endOf(
  seq: number,
  { chain, signedHead }: { readonly chain?: string | undefined; readonly signedHead?: string | undefined },
): BatchEnd {
  if (chain === undefined) throw relayError("chain_missing", { detail: `at seq ${seq}` });
  return { seq, chain: bytesOf(chain), signedHead };
}

function bytesOf(text: string): Uint8Array {
  const bytes = decodeBase64url(text);
  if (bytes === undefined) throw relayError("chain_missing", { detail: "not base64url" });
  return bytes;
}
