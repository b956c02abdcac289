import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { until } from "@portcullis/testing/end-to-end";
import { PlainKeys } from "../../src/redis/plain-keys.ts";
import { RedisDamage } from "../../src/redis/redis-damage.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { draft, TOKEN_LIFETIME_SECONDS, temporaryStorage } from "../storage/temporary-storage.ts";
import { clientFor, connectFor, PREFIX, redisForTest, singleOn } from "./redis-under-test.ts";

const nowSeconds = () => Date.now() / 1000;
const jti = (index: number) => Buffer.alloc(16, index + 1).toString("base64url");

async function worldOn(t: TestContext) {
  const redis = await redisForTest(t);
  const storage = await temporaryStorage(t);
  const { connection, operatorLog } = connectFor(t, singleOn(redis));
  const damage = new RedisDamage();
  const keep = () => {
    const keys = new PlainKeys({
      ...{
        redis: connection,
        keyPrefix: PREFIX,
        log: storage.log,
        read: storage.read,
        retention: { earliest: nowSeconds },
      },
      operatorLog,
      damage,
      compareMs: 50,
    });
    t.after(() => keys.close());
    return keys;
  };
  return { redis, storage, operatorLog, damage, keep, client: await clientFor(t, redis) };
}

const revokeToken = (storage: Storage, index: number, tokenExpiresAt: number) =>
  storage.write(({ append }) => {
    append([draft(jti(index), { scope: "token", reason: "logged_out", tokenExpiresAt })]);
  });

test("a revoked token has its key for as long as it could verify, and not longer", async (t) => {
  const { storage, client, keep } = await worldOn(t);
  keep();
  const tokenExpiresAt = Math.floor(nowSeconds()) + 120;
  await revokeToken(storage, 1, tokenExpiresAt);
  const key = `revoked:jti:${jti(1)}`;
  await until(async () => (await client.get(key)) === "logged_out", { what: "the key" });
  const { expires_at: expiresAt } = await storage.read
    .selectFrom("revocations")
    .select("expires_at")
    .executeTakeFirstOrThrow();
  assert.ok(expiresAt >= tokenExpiresAt);
  assert.ok(Math.abs((await client.expireTime(key)) - expiresAt) <= 1);
});

test("an ended session has its key; a stale one and other scopes have none", async (t) => {
  const { storage, client, keep } = await worldOn(t);
  keep();
  await storage.write(({ append }) => {
    append([draft(jti(1), { scope: "session", mode: "stale", reason: "claims_changed" })]);
    append([draft("alice", { scope: "subject" })]);
    append([draft(jti(2), { scope: "session", reason: "kicked" })]);
  });
  const key = `revoked:sid:${jti(2)}`;
  await until(async () => (await client.get(key)) === "kicked", { what: "the key" });
  assert.ok((await client.ttl(key)) >= TOKEN_LIFETIME_SECONDS);
  assert.deepEqual(await client.keys("revoked:*"), [key]);
});

test("a repeat never shortens the life of a key", async (t) => {
  const { storage, client, keep } = await worldOn(t);
  keep();
  const soon = Math.floor(nowSeconds()) + 60;
  await revokeToken(storage, 1, soon + 100);
  await revokeToken(storage, 1, soon);
  await revokeToken(storage, 2, soon);
  await until(async () => (await client.exists(`revoked:jti:${jti(2)}`)) === 1, { what: "the last key" });
  assert.ok((await client.expireTime(`revoked:jti:${jti(1)}`)) >= soon + 100);
});

/** So many revoked tokens that the keys are looked at in several slices. */
const MANY = 1200;

async function revokeMany(storage: Storage): Promise<void> {
  const tokenExpiresAt = Math.floor(nowSeconds()) + 600;
  await storage.write(({ append }) => {
    for (let index = 0; index < MANY; index++) {
      const key = Buffer.alloc(16);
      key.writeUInt32BE(index);
      append([draft(key.toString("base64url"), { scope: "token", tokenExpiresAt })]);
    }
  });
}

type Client = Awaited<ReturnType<typeof clientFor>>;

const countOf = async (client: Client) => (await client.keys("revoked:jti:*")).length;
const untilAll = (client: Client) =>
  until(async () => (await countOf(client)) === MANY, { what: "all keys" });

test("after a wipe all live keys are written again", async (t) => {
  const { redis, storage, client, keep, operatorLog } = await worldOn(t);
  keep();
  keep();
  await revokeMany(storage);
  await untilAll(client);
  await client.sendCommand(["FLUSHALL"]);
  await untilAll(client);
  await redis.kill();
  await redis.restart();
  await untilAll(client);
  const told = new Set(operatorLog.told);
  assert.deepEqual(told, new Set(["warn redis_unavailable", "info redis_connected"]));
});

test("keys that Redis evicted come back, all of them, and it is told", async (t) => {
  const { storage, client, keep, operatorLog, damage } = await worldOn(t);
  keep();
  await revokeMany(storage);
  await untilAll(client);
  // One that has a lifetime goes; the key that says how far they are written has none, and stands.
  await client.configSet("maxmemory-policy", "volatile-random");
  await client.configSet("maxmemory", "1");
  await until(async () => (await countOf(client)) < MANY, { what: "an eviction" });
  await client.configSet("maxmemory", "0");
  assert.equal(await client.exists(`${PREFIX}:plain`), 1);
  await untilAll(client);
  await until(() => operatorLog.told.includes("error redis_plain_keys_missing"), { what: "the report" });
  assert.ok(damage.count("plain_keys") > 0);
});

test("a place that somebody made up, or that is no text, keeps no key away", async (t) => {
  const { storage, client, keep } = await worldOn(t);
  keep();
  await revokeMany(storage);
  await untilAll(client);
  const place = `${PREFIX}:plain`;
  const huge = "x".repeat(40 * 1024 * 1024);
  for (const [type, word] of [
    ["list", "x"],
    ["string", huge],
  ] as const) {
    await client.sendCommand(["DEL", place]);
    await client.sendCommand(type === "list" ? ["LPUSH", place, word] : ["SET", place, word]);
    await client.sendCommand(["EVAL", REMOVE_SOME, "0"]);
    await untilAll(client);
  }
  const at = (await client.get(place))!;
  await client.sendCommand(["EVAL", REMOVE_SOME, "0"]);
  await client.set(place, at.replace(/^\S+/, "somebody"));
  await untilAll(client);
});

const REMOVE_SOME =
  "for at, key in ipairs(redis.call('KEYS', 'revoked:jti:*')) do if at % 2 == 0 then redis.call('DEL', key) end end";

test("a key that somebody changed is as it must be again", async (t) => {
  const { storage, client, keep } = await worldOn(t);
  keep();
  const tokenExpiresAt = Math.floor(nowSeconds()) + 600;
  await revokeToken(storage, 1, tokenExpiresAt);
  const key = `revoked:jti:${jti(1)}`;
  await until(async () => (await client.exists(key)) === 1, { what: "the key" });
  const goesAt = await client.expireTime(key);
  for (const command of [
    ["EXPIRE", key, "60"],
    ["PERSIST", key],
    ["SET", key, "x".repeat(1000), "EX", "600"],
    ["EVAL", "redis.call('DEL', KEYS[1]) redis.call('LPUSH', KEYS[1], 'x')", "1", key],
  ]) {
    await client.sendCommand(command);
    await until(
      async () =>
        (await client.type(key)) === "string" &&
        (await client.strLen(key)) < 64 &&
        (await client.expireTime(key)) >= goesAt,
      { what: `the key after ${command[0]}` },
    );
  }
});
