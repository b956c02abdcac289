import type { ChainedRecord, LogPosition } from "@portcullis/feed-server";
import { encodeBase64url, encodeRecords } from "@portcullis/protocol";
import type { RedisConnection } from "./connect-redis.ts";
import { DROP, MAX_ENTRIES, PUBLISH, TRIM } from "./feed-scripts.ts";
import { runScript } from "./run-script.ts";

/** What the stream ends with, as it says itself: not yet compared with the log. */
export interface StreamEnd {
  readonly id: string;
  readonly seq: number;
  readonly incarnation: string;
  /** Base64url. */
  readonly chain: string;
}

export interface StreamBatch {
  readonly incarnation: string;
  readonly prev: number;
  /** Base64url; empty when the stream is to begin with this batch. */
  readonly prevChain: string;
  readonly records: readonly ChainedRecord[];
  /** The issuer's word on the last of them; empty when there is none. */
  readonly signedHead: string;
}

export interface FeedStreamOptions {
  readonly redis: RedisConnection;
  readonly keyPrefix: string;
  /** Told when what was there was no stream of ours, and was taken away. */
  readonly onRemoved: (why: string) => void;
}

/** The stream `<prefix>:feed`: entries of one key, with the id `<to>-0`. */
export class FeedStream {
  readonly #redis: RedisConnection;
  readonly #key: string;
  readonly #onRemoved: (why: string) => void;

  constructor({ redis, keyPrefix, onRemoved }: FeedStreamOptions) {
    this.#redis = redis;
    this.#key = `${keyPrefix}:feed`;
    this.#onRemoved = onRemoved;
  }

  /** Gives the end afterwards: that of the batch, unless the stream ended with something else. */
  async publish({
    incarnation,
    prev,
    prevChain,
    records,
    signedHead,
  }: StreamBatch): Promise<StreamEnd | undefined> {
    const { seq: to, chain } = records.at(-1)!;
    const { buffer, byteOffset, byteLength } = encodeRecords(records);
    const values = [
      ...[incarnation, String(prev), prevChain, `${to}-0`, String(records[0]!.seq), String(to)],
      ...[Buffer.from(buffer, byteOffset, byteLength), encodeBase64url(chain), signedHead],
      String(MAX_ENTRIES),
    ];
    return this.#endOf(await runScript(this.#redis, PUBLISH, { key: this.#key, values }));
  }

  /** Gives the end. */
  async trim(oldestKept: number): Promise<StreamEnd | undefined> {
    return this.#endOf(await runScript(this.#redis, TRIM, { key: this.#key, values: [String(oldestKept)] }));
  }

  /** Only if it still ends so: another publisher may have put it right meanwhile. */
  async drop({ id, incarnation, chain }: StreamEnd): Promise<void> {
    this.#endOf(await runScript(this.#redis, DROP, { key: this.#key, values: [id, incarnation, chain] }));
  }

  #endOf(reply: unknown): StreamEnd | undefined {
    if (!Array.isArray(reply)) return undefined;
    const [removed, ...end] = reply.map(String);
    if (removed) this.#onRemoved(removed);
    return endOf(end);
  }
}

function endOf(texts: readonly string[]): StreamEnd | undefined {
  if (texts.length === 0) return undefined;
  const [id, incarnation, chain] = texts as [string, string, string];
  const seq = /^(\d{1,15})-0$/.exec(id)?.[1];
  return { id, incarnation, chain, seq: seq === undefined ? Number.NaN : Number(seq) };
}

export const isAt = (end: StreamEnd, incarnation: string, { seq, chain }: LogPosition): boolean =>
  end.incarnation === incarnation && end.seq === seq && end.chain === encodeBase64url(chain);
