import { every, type LogPosition, type ServedLog } from "@portcullis/feed-server";
import { encodeBase64url, hasCode, type Log, type SetTimer } from "@portcullis/protocol";
import type { RedisConnection } from "./connect-redis.ts";
import { redisError } from "./errors.ts";
import { FeedStream, isAt, type StreamEnd } from "./feed-stream.ts";
import type { RedisDamage } from "./redis-damage.ts";

export interface FeedPublisherOptions {
  readonly redis: RedisConnection;
  readonly keyPrefix: string;
  readonly log: ServedLog;
  readonly operatorLog: Log;
  readonly setTimer: SetTimer;
  readonly signHead?: ((position: LogPosition) => Promise<string>) | undefined;
  readonly damage: RedisDamage;
  /** How often the stream is compared with the log; default 3,000. */
  readonly compareMs?: number;
}

/** Records of one entry: about 40 KB. */
const BATCH_LIMIT = 1000;
const COALESCE_MS = 2;
const COMPARE_MS = 3000;
/** A stream that begins anew begins so far back, for verifiers that are a little behind. */
const BEGIN_BACK = 2000;
const MAX_DROPS = 3;

/** Where the stream ends, as compared with the log; without a chain: nowhere yet, to begin after this seq. */
type Position = { readonly seq: number; readonly chain: Uint8Array | undefined };

/**
 * Carries the log from SQL to the stream. It has no queue, only the place up to which the stream is known to be the
 * log: whatever could not be sent, by this server or by one that died after its commit, is read on from there. Any
 * number of servers publish at the same time; the script lets exactly one of them append each batch.
 */
export class FeedPublisher {
  readonly #options: FeedPublisherOptions;
  readonly #stream: FeedStream;
  readonly #stops: (() => unknown)[];
  #position: Position | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #mustCompare = true;
  #drops = 0;
  #scheduled = false;
  #closed = false;

  constructor(options: FeedPublisherOptions) {
    this.#options = options;
    const { redis, log, keyPrefix, compareMs = COMPARE_MS } = options;
    const onRemoved = (why: string) => this.#replaced(why);
    this.#stream = new FeedStream({ redis, keyPrefix, onRemoved });
    this.#stops = [
      log.subscribe(() => this.#schedule()),
      redis.onUp(() => this.#compare()),
      every(compareMs, () => this.#compare()),
    ];
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#stops.map((stop) => stop()));
    await this.#running;
  }

  /** Forgets what was known, and looks. */
  #compare(): void {
    this.#mustCompare = true;
    this.#wake();
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    this.#options.setTimer(() => {
      this.#scheduled = false;
      this.#wake();
    }, COALESCE_MS);
  }

  /** One run at a time; what happens during one makes another. */
  #wake(): void {
    if (this.#closed || !this.#options.redis.isUp()) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#again = false;
    this.#running = this.#run()
      .catch((error: unknown) => {
        this.#mustCompare = true;
        if (hasCode(error, "redis_unavailable") || this.#closed) return;
        this.#options.operatorLog.warn({ event: "redis_feed_failed", error });
      })
      .finally(() => {
        this.#running = undefined;
        if (this.#again) this.#schedule();
      });
  }

  async #run(): Promise<void> {
    const { log } = this.#options;
    this.#drops = 0;
    const known = this.#mustCompare ? undefined : this.#position;
    this.#mustCompare = false;
    let position = known ?? (await this.#look());
    while (!this.#closed && position.seq < log.head()) position = await this.#publishAfter(position);
    this.#position = position;
  }

  async #publishAfter(position: Position): Promise<Position> {
    const { log, signHead } = this.#options;
    const records = await log.read(position.seq, BATCH_LIMIT);
    // Pruned since: the stream ends before what is kept, and would have a gap.
    if (records[0]?.seq !== position.seq + 1) return this.#look();
    const { seq, chain } = records.at(-1)!;
    const end = await this.#stream.publish({
      incarnation: log.incarnation,
      prev: position.seq,
      prevChain: position.chain === undefined ? "" : encodeBase64url(position.chain),
      records,
      signedHead: (await signHead?.({ seq, chain })) ?? "",
    });
    const reached = end && records.find((record) => isAt(end, log.incarnation, record));
    return reached ?? this.#find(end);
  }

  async #look(): Promise<Position> {
    return this.#find(await this.#stream.trim(this.#options.log.oldestKept()));
  }

  /** Judges what the stream ends with: a place in our log, from which to go on, or a stream to begin anew. */
  async #find(end: StreamEnd | undefined): Promise<Position> {
    const { log } = this.#options;
    if (end === undefined) return this.#beginning();
    // Another server may know of a commit that this one has not seen yet: only SQL can say that it is none.
    await log.refresh();
    const found = await this.#positionAt(end.seq);
    if (found !== undefined && isAt(end, log.incarnation, found)) return found;
    // Somebody else writes it as well, and has another log: no use in doing so faster than he does.
    if (++this.#drops > MAX_DROPS) throw redisError("redis_feed_contested");
    this.#replaced("it ends with another log", end.id);
    await this.#stream.drop(end);
    return this.#beginning();
  }

  /** Somebody else writes there, or Redis lost what it had: worth knowing, and healed already. */
  #replaced(why: string, ended?: string): void {
    const { log, operatorLog, damage } = this.#options;
    operatorLog.warn({ event: "redis_feed_replaced", why, ...(ended && { ended }), head: log.head() });
    damage.found("feed");
  }

  async #positionAt(seq: number): Promise<LogPosition | undefined> {
    const { log } = this.#options;
    if (seq === log.head()) return log.position();
    // One before the oldest would do as well, but its chain is not kept.
    if (!Number.isSafeInteger(seq) || seq < log.oldestKept() || seq > log.head()) return undefined;
    const [record] = await log.read(seq - 1, 1);
    return record?.seq === seq ? record : undefined;
  }

  #beginning(): Position {
    const { log } = this.#options;
    return { seq: Math.max(log.oldestKept() - 1, log.head() - BEGIN_BACK, 0), chain: undefined };
  }
}
