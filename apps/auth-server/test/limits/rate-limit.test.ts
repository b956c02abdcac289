import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { until } from "@portcullis/testing/end-to-end";
import { MemoryRateLimit } from "../../src/limits/memory-rate-limit.ts";
import type { RateLimit } from "../../src/limits/rate-limit.ts";
import { RedisRateLimit } from "../../src/limits/redis-rate-limit.ts";
import { RedisDamage } from "../../src/redis/redis-damage.ts";
import { clientFor, connectFor, redisForTest, singleOn } from "../redis/redis-under-test.ts";

interface UnderTest {
  readonly limit: RateLimit;
  /** Ends the window in which `caller` is counted. */
  endWindow(caller: string): Promise<unknown>;
}

const OPTIONS = { most: 3, windowMs: 60_000 };

const DRIVERS: Record<string, (t: TestContext) => Promise<UnderTest>> = {
  memory: async () => {
    let now = 0;
    const limit = new MemoryRateLimit({ ...OPTIONS, clock: { monotonicMs: () => now } });
    return {
      limit,
      endWindow: async () => {
        now += OPTIONS.windowMs;
      },
    };
  },
  redis: async (t) => {
    const redis = await redisForTest(t);
    const { connection } = connectFor(t, singleOn(redis));
    await until(() => connection.isUp(), { what: "Redis" });
    const client = await clientFor(t, redis);
    const damage = new RedisDamage();
    const without: RateLimit = { take: () => assert.fail("Redis was not asked") };
    return {
      limit: new RedisRateLimit({ ...OPTIONS, redis: connection, name: "test:limit", without, damage }),
      endWindow: (caller) => client.pExpire(`test:limit:${caller}`, 0),
    };
  },
};

for (const [driver, open] of Object.entries(DRIVERS)) {
  test(`${driver}: what is too many waits for the end of the window`, async (t) => {
    const { limit, endWindow } = await open(t);
    for (let count = 0; count < OPTIONS.most; count++) {
      assert.equal((await limit.take("a")).retryAfterMs, 0);
    }
    const { retryAfterMs } = await limit.take("a");
    assert.ok(retryAfterMs > 0 && retryAfterMs <= OPTIONS.windowMs, String(retryAfterMs));
    await endWindow("a");
    assert.equal((await limit.take("a")).retryAfterMs, 0);
  });

  test(`${driver}: one caller does not use up what another may do`, async (t) => {
    const { limit } = await open(t);
    for (let count = 0; count <= OPTIONS.most; count++) await limit.take("a");
    assert.equal((await limit.take("b")).retryAfterMs, 0);
  });

  test(`${driver}: many at once are counted one by one`, async (t) => {
    const { limit } = await open(t);
    const answers = await Promise.all(Array.from({ length: 10 }, () => limit.take("a")));
    assert.equal(answers.filter(({ retryAfterMs }) => retryAfterMs === 0).length, OPTIONS.most);
  });
}

test("while Redis is away each server counts for itself", async (t) => {
  const redis = await redisForTest(t);
  await redis.kill();
  const { connection } = connectFor(t, singleOn(redis));
  const damage = new RedisDamage();
  const without = new MemoryRateLimit({ ...OPTIONS, clock: { monotonicMs: () => 0 } });
  const limit = new RedisRateLimit({ ...OPTIONS, redis: connection, name: "test:limit", without, damage });
  const answers = [];
  for (let count = 0; count <= OPTIONS.most; count++) answers.push(await limit.take("a"));
  assert.deepEqual(
    answers.map(({ retryAfterMs }) => retryAfterMs > 0),
    [false, false, false, true],
  );
});

test("whatever somebody left at the key of a count, it counts from one again", async (t) => {
  const redis = await redisForTest(t);
  const { connection } = connectFor(t, singleOn(redis));
  await until(() => connection.isUp(), { what: "Redis" });
  const client = await clientFor(t, redis);
  const damage = new RedisDamage();
  const without: RateLimit = { take: () => assert.fail("Redis was not asked") };
  const limit = new RedisRateLimit({ ...OPTIONS, redis: connection, name: "test:limit", without, damage });
  const left = [
    ["SET", "-1000000"],
    ["SET", "9223372036854775807"],
    ["SET", "x".repeat(1000)],
    ["SET", "100", "EX", "86400"],
    ["LPUSH", "x"],
  ];
  for (const [at, [command, ...words]] of left.entries()) {
    const caller = `caller ${at}`;
    await client.sendCommand([command!, `test:limit:${caller}`, ...words]);
    const answers = [];
    for (let count = 0; count <= OPTIONS.most; count++) answers.push(await limit.take(caller));
    assert.deepEqual(
      answers.map(({ retryAfterMs }) => retryAfterMs > 0),
      [false, false, false, true],
      `${command} ${words.join(" ").slice(0, 30)}`,
    );
    assert.equal(damage.count("limits"), at + 1);
  }
});
