import type { TestContext } from "node:test";
import { systemTimer } from "@portcullis/protocol";
import { RecordedLog } from "@portcullis/testing";
import { until } from "@portcullis/testing/end-to-end";
import { type RedisServer, startRedis } from "@portcullis/testing/servers";
import { createClient } from "@redis/client";
import type { RedisConfiguration } from "../../src/config/schema.ts";
import { connectRedis, type RedisConnection } from "../../src/redis/connect-redis.ts";
import { FeedPublisher, type FeedPublisherOptions } from "../../src/redis/feed-publisher.ts";
import { RedisDamage } from "../../src/redis/redis-damage.ts";
import type { MemoryLog } from "./memory-log.ts";

export const PREFIX = "test";
export const FEED = `${PREFIX}:feed`;

export async function redisForTest(
  t: TestContext,
  options?: Parameters<typeof startRedis>[0],
): Promise<RedisServer> {
  const redis = await startRedis(options);
  t.after(() => redis.stop());
  return redis;
}

export const configurationOf = (connection: object): RedisConfiguration => ({
  connection: { tls: false, ...connection } as RedisConfiguration["connection"],
  keyPrefix: PREFIX,
  feed: true,
  plainKeys: false,
});

export const singleOn = ({ port }: RedisServer): RedisConfiguration =>
  configurationOf({ kind: "single", host: "127.0.0.1", port });

export interface Connected {
  readonly connection: RedisConnection;
  readonly operatorLog: RecordedLog;
}

export function connectFor(t: TestContext, configuration: RedisConfiguration): Connected {
  const operatorLog = new RecordedLog();
  const connection = connectRedis({ configuration, operatorLog, use: "keys" });
  t.after(() => connection.close());
  return { connection, operatorLog };
}

export function publishFor(
  t: TestContext,
  connected: Connected,
  log: MemoryLog,
  more: Partial<FeedPublisherOptions> = {},
): FeedPublisher {
  const publisher = new FeedPublisher({
    damage: new RedisDamage(),
    redis: connected.connection,
    keyPrefix: PREFIX,
    log,
    operatorLog: connected.operatorLog,
    setTimer: systemTimer,
    compareMs: 100,
    ...more,
  });
  t.after(() => publisher.close());
  return publisher;
}

export interface Entry {
  readonly id: string;
  readonly prev: number;
  readonly from: number;
  readonly to: number;
  readonly incarnation: string;
  readonly chain: string;
  readonly head: string;
  readonly records: Buffer;
}

/** A client of its own, as an operator or an attacker has one. */
export async function clientFor(t: TestContext, redis: RedisServer) {
  const client = createClient({ url: redis.url });
  client.on("error", () => {});
  await client.connect();
  t.after(() => client.destroy());
  return client;
}

export async function entriesIn(client: Awaited<ReturnType<typeof clientFor>>): Promise<Entry[]> {
  const reply = await client.withTypeMapping({ 36: Buffer }).xRange(FEED, "-", "+");
  return (reply ?? []).map(({ id, message }) => {
    const fields = message as unknown as Record<string, Buffer>;
    const text = (name: string) => String(fields[name]);
    return {
      id: String(id),
      prev: Number(text("prev")),
      from: Number(text("from")),
      to: Number(text("to")),
      incarnation: text("incarnation"),
      chain: text("chain"),
      head: text("head"),
      records: fields.records!,
    };
  });
}

/** The stream ends where the log does, is of this log, and has no gap. */
export async function untilPublished(
  client: Awaited<ReturnType<typeof clientFor>>,
  log: MemoryLog,
): Promise<Entry[]> {
  return until(
    async () => {
      const entries = await entriesIn(client);
      const last = entries.at(-1);
      return last?.to === log.head() && last.incarnation === log.incarnation && isContiguous(entries)
        ? entries
        : undefined;
    },
    { what: `the stream to reach ${log.head()}` },
  );
}

const isContiguous = (entries: readonly Entry[]): boolean =>
  entries.every(
    (entry, index) =>
      entry.id === `${entry.to}-0` &&
      entry.from === entry.prev + 1 &&
      entry.records.length === (entry.to - entry.prev) * 40 &&
      (index === 0 || entries[index - 1]!.to === entry.prev),
  );
