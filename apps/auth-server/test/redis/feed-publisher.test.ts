import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeBase64url } from "@portcullis/protocol";
import { until } from "@portcullis/testing/end-to-end";
import { startRedisCluster, startRedisSentinel } from "@portcullis/testing/servers";
import { MemoryLog } from "./memory-log.ts";
import {
  clientFor,
  configurationOf,
  connectFor,
  entriesIn,
  FEED,
  publishFor,
  redisForTest,
  singleOn,
  untilPublished,
} from "./redis-under-test.ts";

test("what is committed is in the stream, with chain and the issuer's word", async (t) => {
  const redis = await redisForTest(t);
  const log = new MemoryLog();
  const connected = connectFor(t, singleOn(redis));
  publishFor(t, connected, log, { signHead: async ({ seq }) => `signed ${seq}` });
  const client = await clientFor(t, redis);
  log.append(3);
  const [entry, ...others] = await untilPublished(client, log);
  assert.deepEqual(others, []);
  assert.equal(entry!.chain, encodeBase64url(log.position().chain));
  assert.equal(entry!.head, "signed 3");
  log.append(2500);
  const entries = await untilPublished(client, log);
  assert.ok(entries.every(({ from, to }) => to - from < 1000));
});

test("two publishers make one stream without a gap", async (t) => {
  const redis = await redisForTest(t);
  const log = new MemoryLog();
  publishFor(t, connectFor(t, singleOn(redis)), log);
  const second = connectFor(t, singleOn(redis));
  publishFor(t, second, log);
  const client = await clientFor(t, redis);
  for (let turn = 0; turn < 100; turn++) {
    log.append(1 + (turn % 3));
    await new Promise(setImmediate);
  }
  const entries = await untilPublished(client, log);
  assert.equal(entries[0]!.prev, 0);
  assert.deepEqual(second.operatorLog.told, []);
});

test("what a server committed and died before it published is published by another", async (t) => {
  const redis = await redisForTest(t);
  const log = new MemoryLog();
  publishFor(t, connectFor(t, singleOn(redis)), log);
  log.appendInSilence(5);
  await untilPublished(await clientFor(t, redis), log);
});

test("Redis that is not there yet, killed and wiped delays the stream, and nothing is lost", async (t) => {
  const redis = await redisForTest(t);
  await redis.kill();
  const log = new MemoryLog();
  log.append(10);
  const { operatorLog, connection } = connectFor(t, singleOn(redis));
  publishFor(t, { operatorLog, connection }, log);
  await until(() => operatorLog.told.includes("warn redis_unavailable"), { what: "the warning" });
  assert.equal(connection.isUp(), false);
  await redis.restart();
  const client = await clientFor(t, redis);
  await untilPublished(client, log);

  await redis.kill();
  log.append(10);
  await redis.restart();
  await untilPublished(client, log);

  log.append(5);
  await client.sendCommand(["FLUSHALL"]);
  log.append(5);
  await untilPublished(client, log);
});

test("a stream that an older copy of Redis brought back goes on from its end", async (t) => {
  const redis = await redisForTest(t);
  const log = new MemoryLog();
  publishFor(t, connectFor(t, singleOn(redis)), log);
  const client = await clientFor(t, redis);
  log.append(10);
  await untilPublished(client, log);
  const snapshot = await redis.snapshot();
  log.append(10);
  await untilPublished(client, log);
  await redis.restart({ snapshot });
  const entries = await untilPublished(client, log);
  assert.equal(entries[0]!.prev, 0);
});

test("a copy that lagged behind and was made the master goes on from its end", async (t) => {
  const master = await redisForTest(t);
  const replica = await redisForTest(t, { replicaOf: master.port });
  const log = new MemoryLog();
  log.append(4);
  const before = connectFor(t, singleOn(master));
  const publisher = publishFor(t, before, log);
  const copy = await clientFor(t, replica);
  await untilPublished(copy, log);
  replica.pause();
  log.append(4);
  await untilPublished(await clientFor(t, master), log);
  await publisher.close();
  await master.kill();
  replica.resume();
  await replica.command("REPLICAOF", "NO", "ONE");
  publishFor(t, connectFor(t, singleOn(replica)), log);
  const entries = await untilPublished(copy, log);
  assert.deepEqual([entries[0]!.prev, entries.at(-1)!.to], [0, 8]);
});

test("a stream of another log, of another incarnation or of no log is replaced", async (t) => {
  const redis = await redisForTest(t);
  const client = await clientFor(t, redis);
  const older = new MemoryLog();
  older.append(20);
  const first = publishFor(t, connectFor(t, singleOn(redis)), older);
  await untilPublished(client, older);
  await first.close();

  // Same incarnation, another history: the database was put back.
  const restored = new MemoryLog({ incarnation: older.incarnation, records: older.records.slice(0, 8) });
  restored.append(4);
  const connected = connectFor(t, singleOn(redis));
  const second = publishFor(t, connected, restored);
  const entries = await untilPublished(client, restored);
  assert.equal(entries.at(-1)!.chain, encodeBase64url(restored.position().chain));
  assert.ok(connected.operatorLog.told.includes("warn redis_feed_replaced"));
  await second.close();

  const other = new MemoryLog();
  other.append(3);
  publishFor(t, connectFor(t, singleOn(redis)), other);
  await untilPublished(client, other);

  await client.sendCommand(["DEL", FEED]);
  await client.sendCommand(["SET", FEED, "no stream"]);
  await untilPublished(client, other);
});

test("an entry that somebody else put at the end is thrown away with the stream", async (t) => {
  const redis = await redisForTest(t);
  const log = new MemoryLog();
  publishFor(t, connectFor(t, singleOn(redis)), log);
  const client = await clientFor(t, redis);
  log.append(2);
  await untilPublished(client, log);
  const forged = ["incarnation", log.incarnation, "prev", "2", "from", "3", "to", "3"];
  await client.sendCommand(["XADD", FEED, "3-0", ...forged, "records", "x".repeat(40), "chain", "y"]);
  log.append(1);
  const chain = encodeBase64url(log.position().chain);
  await until(
    async () => {
      const entries = await entriesIn(client);
      return entries.at(-1)?.chain === chain && entries.every((entry) => entry.chain !== "y");
    },
    { what: "the stream without the forged entry" },
  );
});

test("entries go when their records are gone from SQL, and the last one stays", async (t) => {
  const redis = await redisForTest(t);
  const log = new MemoryLog();
  publishFor(t, connectFor(t, singleOn(redis)), log);
  const client = await clientFor(t, redis);
  for (let turn = 1; turn <= 6; turn++) {
    log.append(1);
    await untilPublished(client, log);
  }
  log.prune(4);
  await until(async () => (await entriesIn(client))[0]?.to === 4, { what: "trimming up to 4" });
  log.prune(7);
  const endsOf = async () => (await entriesIn(client)).map(({ to }) => to);
  await until(async () => (await endsOf()).join() === "6", { what: "trimming down to the last" });
  log.append(1);
  await untilPublished(client, log);
  // Once there is another, the one whose record is gone may stay or go: the next comparison takes it.
  await until(async () => (await endsOf()).join() === "7", { what: "trimming down to the new last" });
});

test("Redis that holds its connections and answers nobody is left, and taken up again", async (t) => {
  const redis = await redisForTest(t);
  const log = new MemoryLog();
  const { connection, operatorLog } = connectFor(t, singleOn(redis));
  publishFor(t, { connection, operatorLog }, log);
  const client = await clientFor(t, redis);
  log.append(1);
  await untilPublished(client, log);
  redis.pause();
  log.append(1);
  await until(() => !connection.isUp(), { what: "the connection to be given up" });
  redis.resume();
  await untilPublished(client, log);
});

test("publishes through Sentinel, and goes on after a failover", async (t) => {
  const group = await startRedisSentinel();
  t.after(() => group.stop());
  const log = new MemoryLog();
  const sentinels = [{ host: "127.0.0.1", port: group.sentinelPort }];
  publishFor(t, connectFor(t, configurationOf({ kind: "sentinel", name: group.name, sentinels })), log);
  log.append(2);
  const copy = await clientFor(t, group.replica);
  await untilPublished(copy, log);
  await group.master.kill();
  log.append(2);
  await until(async () => (await entriesIn(copy)).at(-1)?.to === 4, {
    what: "the stream at the new master",
  });
});

test("publishes to a Cluster", async (t) => {
  const group = await startRedisCluster();
  t.after(() => group.stop());
  const log = new MemoryLog();
  const nodes = group.nodes.map(({ port }) => ({ host: "127.0.0.1", port }));
  const { connection, operatorLog } = connectFor(t, configurationOf({ kind: "cluster", nodes }));
  publishFor(t, { connection, operatorLog }, log);
  log.append(2);
  await until(async () => (await connection.call(FEED, "XLEN", FEED)) === 1, { what: "the entry" });
  assert.deepEqual(operatorLog.told, []);
});
