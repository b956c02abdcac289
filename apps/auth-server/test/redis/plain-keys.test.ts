import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { until } from "@portcullis/testing/end-to-end";
import { PlainKeys } from "../../src/redis/plain-keys.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { draft, TOKEN_LIFETIME_SECONDS, temporaryStorage } from "../storage/temporary-storage.ts";
import { clientFor, connectFor, PREFIX, redisForTest, singleOn } from "./redis-under-test.ts";

const nowSeconds = () => Date.now() / 1000;
const jti = (index: number) => Buffer.alloc(16, index + 1).toString("base64url");

async function worldOn(t: TestContext) {
  const redis = await redisForTest(t);
  const storage = await temporaryStorage(t);
  const { connection, operatorLog } = connectFor(t, singleOn(redis));
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
      compareMs: 50,
    });
    t.after(() => keys.close());
    return keys;
  };
  return { redis, storage, operatorLog, keep, client: await clientFor(t, redis) };
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

test("after a wipe all live keys are written again", async (t) => {
  const { redis, storage, client, keep, operatorLog } = await worldOn(t);
  keep();
  keep();
  const expiresAt = Math.floor(nowSeconds()) + 120;
  const all = 1200;
  await storage.write(({ append }) => {
    for (let index = 0; index < all; index++) {
      const key = Buffer.alloc(16);
      key.writeUInt32BE(index);
      append([draft(key.toString("base64url"), { scope: "token", tokenExpiresAt: expiresAt })]);
    }
  });
  const untilAll = () =>
    until(async () => (await client.keys("revoked:jti:*")).length === all, { what: "all keys" });
  await untilAll();
  await client.sendCommand(["FLUSHALL"]);
  await untilAll();
  await redis.kill();
  await redis.restart();
  await untilAll();
  const told = new Set(operatorLog.told);
  assert.deepEqual(told, new Set(["warn redis_unavailable", "info redis_connected"]));
});
