import { createHash } from "node:crypto";
import { CHAIN_START, encodeBase64url, encodeRecords, extendChain } from "@portcullis/protocol";
import { createSharedReplica, type SharedReplica } from "@portcullis/revocation/threads";
import { threadClock } from "../../src/threads/thread-clock.ts";
import { MemoryLog, START_SECONDS } from "../memory-log.ts";
import { ACKNOWLEDGED, SIGNALS } from "./questions.ts";
import { ReadingThread } from "./reading-thread.ts";
import { identifierOf } from "./tokens.ts";

/** A replica in this thread, its log, and threads that read. Time is real, and nothing depends on it. */
export class SharedWorld implements AsyncDisposable {
  readonly log = new MemoryLog();
  readonly signals = new Int32Array(new SharedArrayBuffer(SIGNALS * 4));
  readonly replica: SharedReplica;
  readonly #threads: ReadingThread[] = [];
  readonly #waiting = new Map<number, () => void>();
  #chain = CHAIN_START;

  constructor() {
    this.replica = createSharedReplica({
      feed: this.log.feed,
      name: "gateway-1",
      leaseMs: 60_000,
      clock: { wallMs: () => START_SECONDS * 1000, monotonicMs: threadClock.monotonicMs },
    });
    this.log.onLease = (answer, { applied }) => {
      Atomics.store(this.signals, ACKNOWLEDGED, applied);
      for (const [seq, resolve] of this.#waiting) if (seq <= applied) resolve();
      return answer;
    };
  }

  async started(): Promise<this> {
    this.replica.start();
    await this.replica.whenReady();
    return this;
  }

  async thread(): Promise<ReadingThread> {
    const thread = new ReadingThread(this.replica.attach(), this.signals);
    this.#threads.push(thread);
    await thread.ask({ type: "ready" });
    return thread;
  }

  /** Sessions from `first` on, in one batch. Resolves when they are acknowledged. */
  async revoke(first: number, count: number): Promise<void> {
    const prev = this.log.head;
    for (let value = first; value < first + count; value++) this.log.commit({ key: identifierOf(value) });
    const records = encodeRecords(this.log.records.slice(prev));
    this.#chain = extendChain(this.#chain, records, sha256);
    const acknowledged = this.acknowledged(prev + count);
    const { incarnation } = this.log;
    const chain = encodeBase64url(this.#chain);
    this.log.publish({
      type: "batch",
      batch: { incarnation, prev, from: prev + 1, to: prev + count, records, chain },
    });
    await acknowledged;
  }

  acknowledged(seq: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(seq, resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end()));
    await this.replica.close();
  }
}

const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};
