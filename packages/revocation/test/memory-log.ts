import { createHash } from "node:crypto";
import {
  CHAIN_START,
  encodeBase64url,
  encodeRecords,
  encodeSnapshot,
  extendChain,
  type LeaseRequest,
  type LeaseResponse,
  RECORD_BYTES,
  type Reset,
  type RevocationRecord,
  type SignedHeadClaims,
  signSnapshot,
} from "@portcullis/protocol";
import { createKeySpace, type Feed, type FeedCursor, type FeedEvent } from "@portcullis/revocation";
import { revocationError } from "../src/errors.ts";

export const LIFETIME_SECONDS = 600;
export const SKEW_SECONDS = 30;
const DIGEST_BYTES = 32;
export const START_SECONDS = 1_900_000_000;

/** A log in memory with a feed whose faults a test chooses. */
export class MemoryLog {
  incarnation = "first";
  epoch = 1;
  records: RevocationRecord[] = [];
  hashKey = new Uint8Array(32).fill(7);
  readonly leaseCalls: LeaseRequest[] = [];
  readonly cursors: FeedCursor[] = [];
  snapshots = 0;
  /** The first so many are in no snapshot any more. */
  expired = 0;
  /** Whether heads go out with the issuer's word on them, and when it was given. */
  signs = false;
  signedAt = START_SECONDS;
  /** When answers to lease calls are signed. */
  nowSeconds = (): number => START_SECONDS;
  readonly #signed = new Map<string, SignedHeadClaims>();
  /** Called for every lease request; what it gives replaces the answer, and it may throw or wait. */
  onLease: (answer: LeaseResponse, request: LeaseRequest) => LeaseResponse | Promise<LeaseResponse> = (
    answer,
  ) => answer;
  onSnapshot: (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array> = (bytes) => bytes;
  /** Changes what a new connection is served at first. */
  onConnect: (events: FeedEvent[]) => FeedEvent[] = (events) => events;
  /** Seqs of records whose scope only a newer server knows. */
  readonly newer = new Set<number>();
  readonly #connections = new Set<Connection>();

  get head(): number {
    return this.records.length;
  }

  get connections(): number {
    return this.#connections.size;
  }

  get keySpace() {
    return createKeySpace(this.hashKey);
  }

  /** Another log from here on, whatever records it has. */
  beginIncarnation(incarnation: string): void {
    this.incarnation = incarnation;
    this.epoch++;
  }

  /** Commits without publishing. */
  commit(draft: Partial<RevocationRecord> & { key: Uint8Array }): RevocationRecord {
    const record: RevocationRecord = {
      scope: "session",
      mode: "kill",
      reason: "logged_out",
      revokedAt: START_SECONDS,
      expiresAt: START_SECONDS + LIFETIME_SECONDS + SKEW_SECONDS,
      ...draft,
      seq: this.head + 1,
    };
    this.records.push(record);
    return record;
  }

  revoke(draft: Partial<RevocationRecord> & { key: Uint8Array }): RevocationRecord {
    const record = this.commit(draft);
    this.publish(this.batch(record.seq - 1, record.seq));
    return record;
  }

  batch(prev: number, to: number, incarnation = this.incarnation): FeedEvent {
    const records = this.#encoded(this.records.slice(prev, to));
    const proof = { chain: this.chainAt(to), ...(this.signs && { signedHead: this.signedHead(to) }) };
    return { type: "batch", batch: { incarnation, prev, from: prev + 1, to, records, ...proof } };
  }

  /** Other records than those of the log, after `prev`, and the chain that they would have. */
  forged(prev: number, to: number): { records: Uint8Array; chain: string } {
    const honest = this.records.slice(prev, to);
    const records = encodeRecords(
      honest.map((record) => ({ ...record, key: new Uint8Array(16).fill(0xee) })),
    );
    const before = extendChain(CHAIN_START, this.#encoded(this.records.slice(0, prev)), sha256);
    return { records, chain: encodeBase64url(extendChain(before, records, sha256)) };
  }

  #encoded(records: readonly RevocationRecord[]): Uint8Array {
    const bytes = encodeRecords(records);
    for (const [at, { seq }] of records.entries()) if (this.newer.has(seq)) bytes[at * RECORD_BYTES + 8] = 99;
    return bytes;
  }

  /** What only this log can make: a text that `verifyHead` knows. */
  signedHead(seq: number, more: Partial<SignedHeadClaims> = {}): string {
    const { incarnation, epoch, signedAt: iat } = this;
    const claims = { iss: "i", incarnation, epoch, seq, chain: this.chainAt(seq), iat, ...more };
    const jws = JSON.stringify(claims);
    this.#signed.set(jws, claims);
    return jws;
  }

  readonly verifyHead = async (jws: string): Promise<SignedHeadClaims> => {
    const claims = this.#signed.get(jws);
    if (claims === undefined) throw revocationError("malformed_feed", { detail: "bad signature" });
    return claims;
  };

  /** Value of the chain at a seq. */
  chainAt(seq: number): string {
    return encodeBase64url(extendChain(CHAIN_START, this.#encoded(this.records.slice(0, seq)), sha256));
  }

  publish(event: FeedEvent): void {
    for (const connection of this.#connections) connection.push(event);
  }

  heartbeat(): void {
    this.publish({ type: "heartbeat" });
  }

  cut(): void {
    for (const connection of this.#connections) connection.end();
  }

  snapshotBytes(): Uint8Array {
    const header = {
      incarnation: this.incarnation,
      head: this.head,
      count: this.records.length - this.expired,
      hashKey: encodeBase64url(this.hashKey),
      chain: this.chainAt(this.head),
      tokenLifetimeSeconds: LIFETIME_SECONDS,
      clockSkewSeconds: SKEW_SECONDS,
    };
    const bytes = encodeSnapshot(header, this.#encoded(this.records.slice(this.expired)), sha256);
    return this.signs ? this.signedSnapshot(bytes) : bytes;
  }

  /** With the word of whoever has the key: whatever it is that is signed. */
  signedSnapshot(bytes: Uint8Array, more: Partial<SignedHeadClaims> = {}): Uint8Array {
    const snapshot = encodeBase64url(bytes.subarray(-DIGEST_BYTES));
    return signSnapshot(bytes, this.signedHead(this.head, { snapshot, ...more }));
  }

  readonly feed: Feed = {
    snapshot: async () => {
      this.snapshots++;
      return this.onSnapshot(this.snapshotBytes());
    },
    stream: (cursor, signal) => this.#connect(cursor, signal),
    lease: async (request) => {
      this.leaseCalls.push(request);
      if (request.leaseMs > 0 && request.incarnation !== this.incarnation)
        throw conflict("other_incarnation");
      if (request.leaseMs > 0 && request.applied > this.head) throw conflict("ahead_of_head");
      return this.onLease(
        {
          incarnation: this.incarnation,
          head: this.head,
          leaseMs: request.leaseMs,
          ...(this.signs && { signedHead: this.signedHead(this.head, { iat: this.nowSeconds() }) }),
        },
        request,
      );
    },
  };

  async *#connect(cursor: FeedCursor, signal: AbortSignal): AsyncGenerator<FeedEvent> {
    this.cursors.push(cursor);
    const connection = new Connection();
    for (const event of this.onConnect(this.#firstEvents(cursor))) connection.push(event);
    const close = () => connection.end();
    signal.addEventListener("abort", close);
    this.#connections.add(connection);
    try {
      yield* connection;
    } finally {
      this.#connections.delete(connection);
    }
  }

  #firstEvents({ incarnation, seq }: FeedCursor): FeedEvent[] {
    const reset = (reason: Reset["reason"]): FeedEvent[] => [
      { type: "reset", reset: { incarnation: this.incarnation, reason } },
    ];
    if (incarnation !== this.incarnation) return reset("other_incarnation");
    if (seq > this.head) return reset("ahead_of_head");
    return seq === this.head ? [] : [this.batch(seq, this.head)];
  }
}

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

const conflict = (detail: string) => revocationError("feed_conflict", { detail });

class Connection {
  readonly #events: FeedEvent[] = [];
  #wake = (): void => {};
  #ended = false;

  push(event: FeedEvent): void {
    this.#events.push(event);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FeedEvent> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) yield event;
      else if (this.#ended) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
