import { HeadSigner, type SignHead, Snapshots } from "@portcullis/feed-server";
import {
  encodeBase64url,
  encodeRecords,
  type LeaseResponse,
  silentLog,
  systemClock,
} from "@portcullis/protocol";
import type { Feed, FeedCursor, FeedEvent } from "@portcullis/revocation";
import type { MemoryLog } from "./memory-log.ts";

/** What a verifier gets over HTTP, without HTTP, from a log in memory. */
export class MemoryFeed implements Feed {
  readonly #log: MemoryLog;
  readonly #signHead: SignHead | undefined;
  readonly #snapshots: Snapshots;
  readonly #signer: HeadSigner;
  /** Streams that were opened. */
  opened = 0;
  isDown = false;

  constructor(log: MemoryLog, signHead?: SignHead) {
    this.#log = log;
    this.#signHead = signHead;
    this.#signer = new HeadSigner({ signHead, clock: systemClock, operatorLog: silentLog });
    this.#snapshots = new Snapshots({ log, clock: systemClock, signer: this.#signer });
  }

  snapshot(): Promise<Uint8Array> {
    return this.#snapshots.get();
  }

  async lease(): Promise<LeaseResponse> {
    const { incarnation } = this.#log;
    const head = this.#log.head();
    const signedHead = await this.#signer.signRecently(incarnation, this.#log.position());
    return { incarnation, head, leaseMs: 5000, ...(signedHead && { signedHead }) };
  }

  async *stream(cursor: FeedCursor, signal: AbortSignal): AsyncGenerator<FeedEvent> {
    if (this.isDown) throw new Error("HTTP is down");
    this.opened++;
    let at = cursor.seq;
    let wake = (): void => {};
    const unsubscribe = this.#log.subscribe(() => wake());
    signal.addEventListener("abort", () => wake());
    try {
      yield { type: "heartbeat" };
      for (;;) {
        signal.throwIfAborted();
        const records = await this.#log.read(at, 1000);
        if (records.length > 0) {
          const last = records.at(-1)!;
          const bytes = encodeRecords(records);
          const signedHead = await this.#signHead?.(last);
          const chain = encodeBase64url(last.chain);
          const { incarnation } = this.#log;
          const batch = { incarnation, prev: at, from: at + 1, to: last.seq, records: bytes, chain };
          at = last.seq;
          yield { type: "batch", batch: { ...batch, signedHead } };
          continue;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      unsubscribe();
    }
  }
}
