import {
  type Clock,
  type LeaseRequest,
  type LeaseResponse,
  pause,
  type RefusedFeed,
  type SetTimer,
  systemClock,
  systemTimer,
} from "@portcullis/protocol";
import { revocationError } from "../errors.ts";
import type { Feed, FeedCursor, FeedEvent } from "../feed.ts";
import { readEntry } from "./read-entry.ts";
import { type RedisStreamClient, StreamConnection } from "./stream-client.ts";

export interface RedisFeedOptions {
  /** Snapshot and lease always go this way, and the stream whenever Redis is not well. */
  readonly http: Feed;
  /** Made and configured by the caller, who need not connect it: copies of it are used. */
  readonly client: RedisStreamClient;
  /** As the authorization server has it. */
  readonly keyPrefix: string;
  /** Told whenever the stream is read from somewhere else. */
  readonly onSource?: ((change: SourceChange) => void) | undefined;
  readonly setTimer?: SetTimer | undefined;
  readonly clock?: Clock | undefined;
}

export interface SourceChange {
  readonly source: "redis" | "http";
  readonly why: string;
}

/** Redis answers within so many milliseconds that nothing came. */
const BLOCK_MS = 1000;
const OPEN_MS = 1500;
const ANSWER_MS = 1000;
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;
/** Redis that was good for so long is good: the next failure is the first. */
const GOOD_MS = 60_000;

/**
 * Reads the stream out of Redis while Redis is well, and over HTTP while it is not. It always begins with HTTP and goes
 * over once Redis is seen to hold the log up to where the replica is; any doubt leads back to HTTP, from the same place.
 * So Redis cannot make a verifier wait longer than HTTP alone would. What Redis says is checked by the replica: this
 * only notices that it is of no use.
 */
export function redisFeed(options: RedisFeedOptions): Feed {
  return new RedisFeed(options);
}

class RedisFeed implements Feed {
  readonly #http: Feed;
  readonly #client: RedisStreamClient;
  readonly #key: string;
  readonly #onSource: (change: SourceChange) => void;
  readonly #setTimer: SetTimer;
  readonly #clock: Clock;
  #failures = 0;
  #retryAt = Number.NEGATIVE_INFINITY;
  /** Since when Redis carries the stream; still set when a stream was left by the replica. */
  #carriedSince: number | undefined;
  #untold: RefusedFeed | undefined;
  /** What the issuer itself last said is the head. */
  #told: FeedCursor = { incarnation: "", seq: 0 };

  constructor(options: RedisFeedOptions) {
    this.#http = options.http;
    this.#client = options.client;
    this.#key = `${options.keyPrefix}:feed`;
    this.#onSource = options.onSource ?? (() => {});
    this.#setTimer = options.setTimer ?? systemTimer;
    this.#clock = options.clock ?? systemClock;
  }

  snapshot(signal: AbortSignal): Promise<Uint8Array> {
    return this.#http.snapshot(signal);
  }

  async lease(request: LeaseRequest, signal: AbortSignal): Promise<LeaseResponse> {
    const refused = this.#untold;
    const told = refused === undefined || request.leaseMs === 0 ? request : { ...request, refused };
    const answer = await this.#http.lease(told, signal);
    if (this.#untold === refused) this.#untold = undefined;
    this.#told = { incarnation: answer.incarnation, seq: answer.head };
    return answer;
  }

  /** What came by way of Redis is left at the next stream; the issuer is told of it with the next lease call. */
  refused(refusal: Omit<RefusedFeed, "carrier">): void {
    if (refusal.what === "stream" && this.#carriedSince !== undefined)
      this.#untold = { ...refusal, carrier: "redis" };
    else this.#http.refused?.(refusal);
  }

  async *stream(cursor: FeedCursor, signal: AbortSignal): AsyncGenerator<FeedEvent> {
    // The replica left what Redis brought: it was forged, or records that it knows of were not among it.
    if (this.#carriedSince !== undefined) this.#failed("what came was refused");
    let at = cursor;
    for (;;) {
      const life = new AbortController();
      const stop = () => life.abort(signal.reason);
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
      try {
        const left = yield* this.#followHttp(at, life.signal);
        if (left === undefined) return;
        at = yield* this.#followRedis(left.connection, left.at, life.signal);
      } finally {
        signal.removeEventListener("abort", stop);
        life.abort(revocationError("feed_unavailable", { detail: "the connection was left" }));
      }
    }
  }

  /** Returns a connection to Redis to go on with, and from where; nothing when the log asked for a new snapshot. */
  async *#followHttp(
    cursor: FeedCursor,
    signal: AbortSignal,
  ): AsyncGenerator<FeedEvent, { connection: StreamConnection; at: FeedCursor } | undefined> {
    let at = cursor;
    const { incarnation } = cursor;
    const reading = new AbortController();
    const events = this.#http.stream(at, AbortSignal.any([signal, reading.signal]))[Symbol.asyncIterator]();
    const search = this.#findRedis(() => at, signal);
    const found = search.then((connection) => ({ connection }));
    found.catch(() => {});
    let handedOver = false;
    try {
      for (;;) {
        const next = events.next();
        next.catch(() => {});
        const got = await Promise.race([found, next.catch((error: unknown) => this.#orRedis(found, error))]);
        if ("connection" in got) {
          handedOver = true;
          return { connection: got.connection, at };
        }
        if (got.done) throw revocationError("feed_unavailable", { detail: "the stream ended" });
        const event = got.value;
        yield event;
        if (event.type === "reset") return undefined;
        if (event.type === "batch") at = { incarnation, seq: event.batch.to };
      }
    } finally {
      reading.abort(revocationError("feed_unavailable", { detail: "the connection was left" }));
      events.return?.().catch(() => {});
      // Found too late.
      if (!handedOver) found.then(({ connection }) => connection.close()).catch(() => {});
    }
  }

  /** Returns what was found when HTTP is gone: records from Redis are better than none, if it is there. */
  async #orRedis<Found>(found: Promise<Found>, error: unknown): Promise<Found> {
    if (this.#failures > 0) throw error;
    return within(found, { ms: OPEN_MS, setTimer: this.#setTimer, onTime: () => error });
  }

  async #findRedis(position: () => FeedCursor, signal: AbortSignal): Promise<StreamConnection> {
    for (;;) {
      await pause(this.#setTimer, Math.max(0, this.#retryAt - this.#clock.monotonicMs()), signal);
      signal.throwIfAborted();
      try {
        return await this.#openRedis(position, signal);
      } catch (error) {
        signal.throwIfAborted();
        this.#failed(textOf(error), "search");
      }
    }
  }

  async #openRedis(position: () => FeedCursor, signal: AbortSignal): Promise<StreamConnection> {
    const giveUp = new AbortController();
    const both = AbortSignal.any([signal, giveUp.signal]);
    const opening = StreamConnection.open(this.#client, { key: this.#key, signal: both });
    try {
      const connection = await this.#answer(opening, OPEN_MS);
      await this.#checkEnd(connection, position);
      return connection;
    } catch (error) {
      giveUp.abort(error);
      opening.then(
        (connection) => connection.close(),
        () => {},
      );
      throw error;
    }
  }

  /** Returns the place up to which it was good. */
  async *#followRedis(
    connection: StreamConnection,
    cursor: FeedCursor,
    signal: AbortSignal,
  ): AsyncGenerator<FeedEvent, FeedCursor> {
    let at = cursor;
    this.#carriedSince = this.#clock.monotonicMs();
    this.#onSource({ source: "redis", why: "it holds the log" });
    try {
      for (;;) {
        const told = this.#told;
        const entries = await this.#answer(connection.after(at.seq, BLOCK_MS), BLOCK_MS + ANSWER_MS);
        for (const entry of entries) {
          const batch = readEntry(entry);
          if (batch.incarnation !== at.incarnation) throw unwell("an entry of another log");
          if (batch.prev > at.seq) throw unwell(`a gap: after ${at.seq} comes what follows on ${batch.prev}`);
          yield { type: "batch", batch };
          at = { incarnation: at.incarnation, seq: batch.to };
        }
        if (entries.length > 0) continue;
        if (told.incarnation === at.incarnation && told.seq > at.seq) throw unwell("records are not coming");
        await this.#checkEnd(connection, () => at);
        yield { type: "heartbeat" };
      }
    } catch (error) {
      signal.throwIfAborted();
      this.#failed(textOf(error));
      return at;
    } finally {
      connection.close();
    }
  }

  /**
   * Throws when the stream ends before the replica's place: it was wiped, rolled back or replaced, and the next entry may
   * never come.
   */
  async #checkEnd(connection: StreamConnection, position: () => FeedCursor): Promise<void> {
    const last = await this.#answer(connection.last(), ANSWER_MS);
    const at = position();
    if (last === undefined) throw unwell("there is no entry");
    const { incarnation, to } = readEntry(last);
    if (incarnation !== at.incarnation) throw unwell("it holds another log");
    if (to < at.seq) throw unwell(`it ends at ${to}, already at ${at.seq}`);
  }

  #answer<Reply>(reply: Promise<Reply>, ms: number): Promise<Reply> {
    return within(reply, { ms, setTimer: this.#setTimer, onTime: () => unwell("no answer") });
  }

  #failed(why: string, during: "search" | "stream" = "stream"): void {
    const now = this.#clock.monotonicMs();
    const wasGood = this.#carriedSince !== undefined && now - this.#carriedSince > GOOD_MS;
    this.#carriedSince = undefined;
    this.#failures = wasGood ? 1 : this.#failures + 1;
    this.#retryAt = now + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.#failures - 1, 10));
    // While it is searched for, HTTP is in use all the time: only the first failure is news.
    if (during === "stream" || this.#failures === 1) this.#onSource({ source: "http", why });
  }
}

const unwell = (detail: string) => revocationError("feed_unavailable", { detail: `Redis: ${detail}` });

/** It may quote what Redis answered, and ends up in a log. */
const MAX_TEXT = 200;

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { detail } = error as { detail?: unknown };
  return (typeof detail === "string" ? detail : error.message).slice(0, MAX_TEXT);
}

/** Rejects with what `onTime` gives when the work takes longer; the work itself is left to whoever began it. */
async function within<Value>(
  work: Promise<Value>,
  options: { readonly ms: number; readonly setTimer: SetTimer; readonly onTime: () => unknown },
): Promise<Value> {
  let cancel = (): void => {};
  const late = new Promise<never>((_resolve, reject) => {
    cancel = options.setTimer(() => reject(options.onTime()), options.ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    cancel();
  }
}
