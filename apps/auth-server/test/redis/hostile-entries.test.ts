import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { RecordedLog } from "@portcullis/testing";
import { until } from "@portcullis/testing/end-to-end";
import { connectRedis } from "../../src/redis/connect-redis.ts";
import { redisBus } from "../../src/redis/redis-bus.ts";
import { RedisDamage } from "../../src/redis/redis-damage.ts";
import { MemoryLog } from "./memory-log.ts";
import {
  clientFor,
  connectFor,
  FEED,
  PREFIX,
  publishFor,
  redisForTest,
  singleOn,
  untilPublished,
} from "./redis-under-test.ts";

const HIGHEST_ID = "18446744073709551615-18446744073709551615";

async function worldOn(t: TestContext) {
  const redis = await redisForTest(t);
  const log = new MemoryLog();
  log.append(3);
  const connected = connectFor(t, singleOn(redis));
  // A connection that listens is cut at 32 MB: with it, what a script hands back breaks the connection.
  connected.connection.subscribe("anything", () => {});
  const damage = new RedisDamage();
  publishFor(t, connected, log, { damage });
  const client = await clientFor(t, redis);
  await untilPublished(client, log);
  const { operatorLog } = connected;
  return { redis, log, client, operatorLog, damage };
}

type World = Awaited<ReturnType<typeof worldOn>>;

const entry = (id: string, fields: Record<string, string>) => [
  "XADD",
  FEED,
  id,
  ...Object.entries(fields).flat(),
];

/** At once: a publisher that looks between two commands would mend the first. */
const atOnce = (script: string, ...values: string[]) => ["EVAL", script, "1", FEED, ...values];

const LONG = "y".repeat(40 * 1024 * 1024);
const MANY = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`f${at}`, "1"]));

/** What somebody who may write to Redis can leave at the key of the stream. */
const LEFT_BEHIND: readonly { what: string; why: string; command: (world: World) => string[] }[] = [
  {
    what: "an entry with a chain of 40 MB",
    why: "its last entry is none of ours",
    command: () => entry("*", { incarnation: "x", chain: LONG }),
  },
  {
    what: "an entry with an incarnation of 40 MB",
    why: "its last entry is none of ours",
    command: () => entry("*", { incarnation: LONG, chain: "y" }),
  },
  {
    what: "an entry with records of 40 MB",
    why: "its last entry is none of ours",
    command: ({ log }) => entry("*", { incarnation: log.incarnation, records: LONG }),
  },
  {
    what: "an entry with a name of 40 MB",
    why: "its last entry is none of ours",
    command: () => entry("*", { [LONG]: "y" }),
  },
  {
    what: "an entry of 10,000 fields",
    why: "its last entry is none of ours",
    command: () => entry("*", MANY),
  },
  {
    what: "a stream of 20,000 entries",
    why: "it has too many entries",
    command: () =>
      atOnce(`
        redis.call('DEL', KEYS[1])
        for at = 1, 20000 do redis.call('XADD', KEYS[1], '1-' .. at, 'incarnation', 'x') end`),
  },
  {
    what: "an id after which none can follow",
    why: "it ends with another log",
    command: () => entry(HIGHEST_ID, { incarnation: "x" }),
  },
  {
    what: "an id far ahead that was taken away again",
    why: "its ids are used up",
    command: () =>
      atOnce(`
        redis.call('XADD', KEYS[1], '99999-0', 'a', 'b')
        redis.call('XDEL', KEYS[1], '99999-0')`),
  },
  {
    what: "the highest id, taken away again",
    why: "its ids are used up",
    command: () =>
      atOnce(
        `redis.call('XADD', KEYS[1], ARGV[1], 'a', 'b')
        redis.call('XDEL', KEYS[1], ARGV[1])`,
        HIGHEST_ID,
      ),
  },
  { what: "a text", why: "it is no stream", command: () => ["SET", FEED, "x"] },
  {
    what: "a list",
    why: "it is no stream",
    command: () => atOnce("redis.call('DEL', KEYS[1]) redis.call('LPUSH', KEYS[1], 'x')"),
  },
];

test("whatever is left at the key of the stream is taken away, reported and counted, and the log goes on", async (t) => {
  const world = await worldOn(t);
  const { log, client, operatorLog } = world;
  for (const { what, why, command } of LEFT_BEHIND) {
    const before = world.damage.count("feed");
    const told = () => operatorLog.named("redis_feed_replaced").map((report) => report.why);
    // Again, when nothing is told: a report is lost with the connection that its answer was to come by.
    const isTold = async () => {
      await client.sendCommand(command(world));
      log.append(1);
      await untilPublished(client, log);
      return until(() => told().includes(why), { what: `the report of ${what}`, withinMs: 10_000 });
    };
    await until(isTold, { what: `a report of ${what}` });
    assert.ok(world.damage.count("feed") > before, what);
    operatorLog.events.length = 0;
  }
});

test("a lifetime that somebody gave to the stream is taken from it", async (t) => {
  const { client } = await worldOn(t);
  await client.sendCommand(["EXPIRE", FEED, "1000"]);
  await until(async () => (await client.ttl(FEED)) === -1, { what: "the stream to stay" });
});

test("a message of 40 MB on the channel breaks the connection of the bus alone, and the bus comes back", async (t) => {
  const { redis, log, client, operatorLog, damage } = await worldOn(t);
  const busLog = new RecordedLog();
  const connection = connectRedis({ configuration: singleOn(redis), operatorLog: busLog, use: "bus" });
  t.after(() => connection.close());
  const bus = redisBus({ redis: connection, keyPrefix: PREFIX, secrets: ["secret of all servers"], damage });
  t.after(() => bus.close());
  await until(() => connection.isUp(), { what: "the bus" });
  await client.sendCommand(["PUBLISH", `${PREFIX}:bus`, "x".repeat(40 * 1024 * 1024)]);
  await until(() => busLog.told.includes("info redis_connected"), { what: "the bus to come back" });
  log.append(1);
  await untilPublished(client, log);
  assert.ok(!operatorLog.told.includes("warn redis_unavailable"));
});
