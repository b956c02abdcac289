import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { until } from "@portcullis/testing/end-to-end";
import type { RedisServer } from "@portcullis/testing/servers";
import { redisBus } from "../../src/redis/redis-bus.ts";
import { RedisDamage } from "../../src/redis/redis-damage.ts";
import type { BusMessage } from "../../src/revocations/many-servers/bus.ts";
import { clientFor, connectFor, PREFIX, redisForTest, singleOn } from "./redis-under-test.ts";

const CHANNEL = `${PREFIX}:bus`;

async function busOn(t: TestContext, redis: RedisServer, secrets: readonly string[] = ["secret"]) {
  const { connection } = connectFor(t, singleOn(redis));
  const damage = new RedisDamage();
  const bus = redisBus({ redis: connection, keyPrefix: PREFIX, secrets, damage });
  t.after(() => bus.close());
  const heard: BusMessage[] = [];
  bus.subscribe((message) => heard.push(message));
  let resumed = 0;
  bus.onResume(() => resumed++);
  await until(() => resumed > 0, { what: "the bus to be there" });
  return { bus, damage, heard, resumed: () => resumed };
}

const head = (seq: number): BusMessage => ({ type: "head", incarnation: "i", seq });
const applied = (count: number): BusMessage => ({
  type: "applied",
  incarnation: "i",
  replicas: [{ clientId: "c", name: "n", applied: count }],
});

test("what one server says the others hear", async (t) => {
  const redis = await redisForTest(t);
  const [first, second] = [await busOn(t, redis), await busOn(t, redis)];
  first.bus.publish(applied(3));
  await until(() => second.heard.length > 0, { what: "the message" });
  assert.deepEqual(second.heard, [applied(3)]);
});

test("what nobody with the secret said is not heard", async (t) => {
  const redis = await redisForTest(t);
  const ours = await busOn(t, redis);
  const client = await clientFor(t, redis);
  const stranger = await busOn(t, redis, ["guess"]);
  const text = JSON.stringify(applied(9));
  await client.publish(CHANNEL, text);
  await client.publish(CHANNEL, JSON.stringify({ text, mac: "" }));
  await client.publish(CHANNEL, JSON.stringify({ text, mac: Buffer.alloc(32).toString("base64url") }));
  await client.publish(CHANNEL, "{");
  stranger.bus.publish(applied(9));
  await until(() => stranger.heard.length === 1, { what: "what the stranger said" });
  ours.bus.publish(head(1));
  await until(() => ours.heard.length > 0, { what: "our own message" });
  assert.deepEqual(ours.heard, [head(1)]);
  assert.equal(ours.damage.count("bus"), 5);
});

test("a message of ours that was changed is not heard, and an older secret still is", async (t) => {
  const redis = await redisForTest(t);
  const ours = await busOn(t, redis, ["new", "old"]);
  const older = await busOn(t, redis, ["old"]);
  const client = await clientFor(t, redis);
  const reader = client.duplicate();
  reader.on("error", () => {});
  await reader.connect();
  t.after(() => reader.destroy());
  const seen: string[] = [];
  await reader.subscribe(CHANNEL, (envelope) => seen.push(envelope));
  older.bus.publish(applied(3));
  await until(() => ours.heard.length === 1 && seen.length === 1, { what: "the message" });
  const { text, mac } = JSON.parse(seen[0]!);
  await client.publish(CHANNEL, JSON.stringify({ text: text.replace("3", "4"), mac }));
  ours.bus.publish(head(2));
  await until(() => ours.heard.length === 2, { what: "the last message" });
  assert.deepEqual(ours.heard, [applied(3), head(2)]);
});

test("a bus that comes back says so, and carries on", async (t) => {
  const redis = await redisForTest(t);
  const [first, second] = [await busOn(t, redis), await busOn(t, redis)];
  await redis.kill();
  first.bus.publish(head(1));
  await redis.restart();
  await until(() => first.resumed() > 1 && second.resumed() > 1, { what: "both to resume" });
  first.bus.publish(head(2));
  await until(() => second.heard.some((message) => message.type === "head" && message.seq === 2), {
    what: "the message after the break",
  });
});
