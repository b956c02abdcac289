import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  type Clock,
  encodeBase64url,
  encodeSnapshot,
  RECORD_BYTES,
  signSnapshot,
} from "@portcullis/protocol";
import type { HeadSigner } from "./head-signer.ts";
import type { ServedLog } from "./served-log.ts";

const DIGEST_BYTES = 32;
const MIN_REUSE_MS = 2000;
const HASHED_BYTES_PER_TURN = 4 * 1024 * 1024;

interface SnapshotsOptions {
  readonly log: ServedLog;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** A snapshot is given out again for so long at least, and for as long as it took to make. */
  readonly reuseMs?: number | undefined;
  /** Default: it goes out unsigned. */
  readonly signer?: HeadSigner | undefined;
}

/**
 * Snapshots for verifiers that start. Many that start at once share one, and one that is a little old does no
 * harm: its verifier goes on from its head by the stream, and may not allow anything before it has the head.
 */
export class Snapshots {
  readonly #options: SnapshotsOptions;
  readonly counters = { built: 0, served: 0 };
  #latest:
    | {
        readonly incarnation: string;
        readonly head: number;
        readonly bytes: Promise<Uint8Array>;
        usableUntil: number;
      }
    | undefined;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  get(): Promise<Uint8Array> {
    this.counters.served++;
    const { log, clock } = this.#options;
    const latest = this.#latest;
    if (latest === undefined || latest.incarnation !== log.incarnation) return this.#build();
    // The stream does not go on from there any more: its verifier would only come back for another.
    if (latest.head + 1 < log.oldestKept()) return this.#build();
    return clock.monotonicMs() < latest.usableUntil ? latest.bytes : this.#build();
  }

  /** Frees the memory of a snapshot that would not be given out again. */
  forgetOld(): void {
    const usableUntil = this.#latest?.usableUntil ?? Number.POSITIVE_INFINITY;
    if (this.#options.clock.monotonicMs() >= usableUntil) this.#latest = undefined;
  }

  /** The next is made anew: the head of this one is signed with a key that may be dead by now. */
  forget(): void {
    this.#latest = undefined;
  }

  #build(): Promise<Uint8Array> {
    this.counters.built++;
    const { clock, reuseMs = MIN_REUSE_MS } = this.#options;
    const startedAt = clock.monotonicMs();
    // While it is being built it is the one that all wait for, however long it takes.
    const latest = {
      incarnation: this.#options.log.incarnation,
      head: this.#options.log.head(),
      bytes: buildSnapshot(this.#options),
      usableUntil: Number.POSITIVE_INFINITY,
    };
    this.#latest = latest;
    latest.bytes.then(
      () => {
        const now = clock.monotonicMs();
        // One that took half a minute would be made again and again for verifiers that come one after the other.
        latest.usableUntil = now + Math.max(reuseMs, now - startedAt);
      },
      () => {
        if (this.#latest === latest) this.#latest = undefined;
      },
    );
    return latest.bytes;
  }
}

async function buildSnapshot(options: SnapshotsOptions): Promise<Uint8Array> {
  const { log, signer } = options;
  const { incarnation } = log;
  const { seq: head, chain } = log.position();
  const records = await collect(log, head);
  const header = {
    incarnation,
    head,
    count: records.length / RECORD_BYTES,
    hashKey: encodeBase64url(log.hashKey),
    chain: encodeBase64url(chain),
    tokenLifetimeSeconds: log.tokenLifetimeSeconds,
    clockSkewSeconds: log.clockSkewSeconds,
  };
  const bytes = encodeSnapshot(header, records, () => new Uint8Array(DIGEST_BYTES));
  const digest = await sha256InTurns(bytes.subarray(0, -DIGEST_BYTES));
  bytes.set(digest, bytes.length - DIGEST_BYTES);
  // What is signed is signed for the incarnation of this moment, and this was taken from one that is over.
  if (log.incarnation !== incarnation) return buildSnapshot(options);
  const signedHead = await signer?.signSnapshot({ seq: head, chain }, digest);
  return signedHead === undefined ? bytes : signSnapshot(bytes, signedHead);
}

async function collect(log: ServedLog, head: number): Promise<Uint8Array> {
  let records = new Uint8Array(Math.max(0, head - log.oldestKept() + 1) * RECORD_BYTES);
  let length = 0;
  for await (const slice of log.liveRecords(head)) {
    records = withRoomFor(length + slice.length, records);
    records.set(slice, length);
    length += slice.length;
  }
  return records.subarray(0, length);
}

/** A relay keeps more than it can stream: of what its snapshot held, the seqs in between have expired. */
function withRoomFor(length: number, records: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (length <= records.length) return records;
  const larger = new Uint8Array(Math.max(length, records.length * 2));
  larger.set(records);
  return larger;
}

/** Hashing hundreds of megabytes in one go would hold up leases until they end. */
async function sha256InTurns(bytes: Uint8Array): Promise<Uint8Array> {
  const hash = createHash("sha256");
  for (let at = 0; at < bytes.length; at += HASHED_BYTES_PER_TURN) {
    hash.update(bytes.subarray(at, at + HASHED_BYTES_PER_TURN));
    await nextTurn();
  }
  return hash.digest();
}
