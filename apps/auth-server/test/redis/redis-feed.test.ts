import assert from "node:assert/strict";
import { createHash, generateKeyPairSync } from "node:crypto";
import { type TestContext, test } from "node:test";
import { CHAIN_START, encodeBase64url, encodeRecords, extendChain, systemClock } from "@portcullis/protocol";
import { createReplica, type Replica } from "@portcullis/revocation";
import { redisFeed, type SourceChange } from "@portcullis/revocation/redis";
import { logTo, patienceSignal } from "@portcullis/testing";
import { until } from "@portcullis/testing/end-to-end";
import { startRedisCluster, startRedisSentinel } from "@portcullis/testing/servers";
import { createClient, createCluster, createSentinel } from "@redis/client";
import { exportJWK } from "jose";
import { createRecognizeHead, createSignHead } from "../../src/revocations/rollback/sign-head.ts";
import { MemoryFeed } from "./memory-feed.ts";
import { MemoryLog } from "./memory-log.ts";
import {
  clientFor,
  configurationOf,
  connectFor,
  FEED,
  PREFIX,
  publishFor,
  redisForTest,
  singleOn,
  untilPublished,
} from "./redis-under-test.ts";

type FeedOptions = Parameters<typeof redisFeed>[0];

async function signer(log: MemoryLog) {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const naming = { alg: "ES256", kid: "one" };
  const issuer = "https://issuer.example";
  const signHead = createSignHead({
    issuer,
    log,
    key: async () => ({ ...(await exportJWK(privateKey)), ...naming }),
    clock: systemClock,
  });
  const published = { keys: [{ ...(await exportJWK(publicKey)), ...naming }] };
  const recognize = createRecognizeHead({ issuer, keys: () => published });
  const verifyHead = async (jws: string) => {
    const claims = await recognize(jws);
    if (claims === undefined) throw new Error("not signed by the issuer");
    return claims;
  };
  return { signHead, verifyHead };
}

interface World {
  readonly log: MemoryLog;
  readonly http: MemoryFeed;
  readonly replica: Replica;
  readonly sources: SourceChange[];
  /** What the replica reported. */
  readonly events: { readonly event: string; readonly [detail: string]: unknown }[];
  readonly source: () => string | undefined;
  untilSource(source: "redis" | "http"): Promise<unknown>;
  untilApplied(): Promise<unknown>;
}

async function follow(
  t: TestContext,
  { log, client }: { readonly log: MemoryLog; readonly client: FeedOptions["client"] },
): Promise<World & Awaited<ReturnType<typeof signer>>> {
  const keys = await signer(log);
  const http = new MemoryFeed(log, keys.signHead);
  const sources: SourceChange[] = [];
  const events: World["events"] = [];
  const feed = redisFeed({ http, client, keyPrefix: PREFIX, onSource: (change) => sources.push(change) });
  const { verifyHead } = keys;
  const replica = createReplica({
    feed,
    name: "verifier-1",
    leaseMs: 5000,
    verifyHead,
    log: logTo((event) => void events.push(event)),
  });
  replica.start();
  t.after(() => replica.close());
  const source = () => sources.at(-1)?.source;
  await replica.whenReady(patienceSignal());
  return {
    ...{ ...keys, log, http, replica, sources, source, events },
    untilSource: (wanted) => until(() => source() === wanted, { what: `the stream from ${wanted}` }),
    untilApplied: () => until(() => replica.applied === log.head(), { what: `${log.head()} to be applied` }),
  };
}

/** A replica that reads Redis, and a publisher that feeds it. */
async function worldOn(t: TestContext, redis: Awaited<ReturnType<typeof redisForTest>>) {
  const log = new MemoryLog();
  log.append(3);
  const client = await clientFor(t, redis);
  const world = await follow(t, { log, client });
  const connected = connectFor(t, singleOn(redis));
  const publisher = publishFor(t, connected, log, { signHead: world.signHead });
  await world.untilSource("redis");
  return { ...world, client, publisher, connected };
}

test("records come out of Redis once it holds the log", async (t) => {
  const world = await worldOn(t, await redisForTest(t));
  const { opened } = world.http;
  world.http.isDown = true;
  for (let turn = 0; turn < 20; turn++) {
    world.log.append(turn + 1);
    await world.untilApplied();
  }
  assert.equal(world.http.opened, opened);
  assert.equal(world.replica.state, "live");
});

test("the cut of a batch may lie elsewhere than where the reader is", async (t) => {
  const redis = await redisForTest(t);
  const log = new MemoryLog();
  log.append(3);
  const world = await follow(t, { log, client: await clientFor(t, redis) });
  // One batch of 1 to 5 in Redis, and the reader at 3.
  log.appendInSilence(2);
  publishFor(t, connectFor(t, singleOn(redis)), log, { signHead: world.signHead });
  await world.untilSource("redis");
  world.http.isDown = true;
  await world.untilApplied();
});

test("a wiped stream leads to HTTP at once, and back when it is whole again", async (t) => {
  const world = await worldOn(t, await redisForTest(t));
  await world.publisher.close();
  await world.client.sendCommand(["FLUSHALL"]);
  await world.untilSource("http");
  world.log.append(5);
  await world.untilApplied();
  publishFor(t, world.connected, world.log, { signHead: world.signHead });
  await world.untilSource("redis");
  world.log.append(5);
  await world.untilApplied();
});

test("a gap leads to HTTP", async (t) => {
  const world = await worldOn(t, await redisForTest(t));
  await world.publisher.close();
  world.log.appendInSilence(10);
  await world.client.sendCommand(["DEL", FEED]);
  const last = world.log.position();
  const [record] = await world.log.read(last.seq - 1, 1);
  await world.client.sendCommand([
    ...["XADD", FEED, `${last.seq}-0`, "incarnation", world.log.incarnation, "prev", String(last.seq - 1)],
    ...["from", String(last.seq), "to", String(last.seq), "records", Buffer.from(encodeRecords([record!]))],
    ...["chain", encodeBase64url(last.chain), "head", await world.signHead(last)],
  ]);
  await world.untilSource("http");
  await world.untilApplied();
  assert.match(world.sources.at(-1)!.why, /gap/);
});

test("an entry that cannot be read leads to HTTP", async (t) => {
  const world = await worldOn(t, await redisForTest(t));
  await world.client.sendCommand(["XADD", FEED, "4-0", "some", "thing"]);
  await world.untilSource("http");
  world.log.append(1);
  await world.untilApplied();
});

test("an entry with records that no publisher writes is not run through the chain", async (t) => {
  const world = await worldOn(t, await redisForTest(t));
  await world.publisher.close();
  const { seq } = world.log.position();
  const to = seq + 100_000;
  await world.client.sendCommand([
    ...["XADD", FEED, `${to}-0`, "incarnation", world.log.incarnation, "prev", String(seq)],
    ...["from", String(seq + 1), "to", String(to), "records", "x".repeat(40 * 100_000)],
    ...["chain", "y".repeat(43), "head", "z"],
  ]);
  await world.untilSource("http");
  assert.match(world.sources.at(-1)!.why, /cannot be read/);
});

test("with the limit of the guide, an entry of 64 MB breaks a connection, and leads to HTTP until it is gone", async (t) => {
  const parameters = ["--client-output-buffer-limit", "normal", "32mb", "8mb", "60"];
  const world = await worldOn(t, await redisForTest(t, { parameters }));
  await world.publisher.close();
  await world.client.sendCommand(["XADD", FEED, "4-0", "chain", "x".repeat(64 * 1024 * 1024)]);
  await world.untilSource("http");
  world.log.append(2);
  await world.untilApplied();
  assert.doesNotMatch(world.sources.at(-1)!.why, /cannot be read/, "it was read");
  publishFor(t, world.connected, world.log, { signHead: world.signHead });
  await world.untilSource("redis");
  world.log.append(1);
  await world.untilApplied();
});

test("who can write to Redis cannot invent a record", async (t) => {
  const world = await worldOn(t, await redisForTest(t));
  await world.publisher.close();
  const { seq, chain } = world.log.position();
  const key = new Uint8Array(16).fill(7);
  const times = { revokedAt: 1000, expiresAt: 2 ** 31 };
  const forged = encodeRecords([
    { seq: seq + 1, scope: "issuer", mode: "kill", reason: "revoked", key, ...times },
  ]);
  const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();
  // All right but for the issuer's word, for which it gives an older one.
  await world.client.sendCommand([
    ...["XADD", FEED, `${seq + 1}-0`, "incarnation", world.log.incarnation, "prev", String(seq)],
    ...["from", String(seq + 1), "to", String(seq + 1), "records", Buffer.from(forged)],
    ...["chain", encodeBase64url(extendChain(chain, forged, sha256))],
    ...["head", await world.signHead({ seq, chain: CHAIN_START })],
  ]);
  await world.untilSource("http");
  assert.equal(world.replica.applied, seq);
  assert.notEqual(world.replica.state, "diverged");
  world.log.append(2);
  await world.untilApplied();
});

test("a record of a scope that this version does not know ends every allow, be it signed as it must", async (t) => {
  const world = await worldOn(t, await redisForTest(t));
  await world.publisher.close();
  await world.untilApplied();
  await until(() => world.replica.state === "live", { what: "the replica to be live" });
  const { seq, chain } = world.log.position();
  const key = new Uint8Array(16).fill(7);
  const times = { revokedAt: 1000, expiresAt: 2 ** 31 };
  const newer = encodeRecords([
    { seq: seq + 1, scope: "subject", mode: "kill", reason: "revoked", key, ...times },
  ]);
  newer[8] = 99;
  const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();
  const next = extendChain(chain, newer, sha256);
  await world.client.sendCommand([
    ...["XADD", FEED, `${seq + 1}-0`, "incarnation", world.log.incarnation, "prev", String(seq)],
    ...["from", String(seq + 1), "to", String(seq + 1), "records", Buffer.from(newer)],
    ...["chain", encodeBase64url(next), "head", await world.signHead({ seq: seq + 1, chain: next })],
  ]);
  await until(() => world.replica.state === "outdated", { what: "the record to be refused" });
  assert.equal(world.replica.freshness().ageMs, Number.POSITIVE_INFINITY);
  assert.equal(world.replica.applied, seq);
  assert.ok(world.events.some(({ event, code }) => event === "outdated" && code === "unknown_record"));
});

test("who can write to Redis cannot hide a record for longer than a lease call", async (t) => {
  const world = await worldOn(t, await redisForTest(t));
  await world.publisher.close();
  // It goes on to say that nothing happened.
  world.log.appendInSilence(1);
  await world.untilSource("http");
  await world.untilApplied();
  assert.match(world.sources.at(-1)!.why, /not coming/);
});

test("Redis that is killed leads to HTTP, and back", async (t) => {
  const redis = await redisForTest(t);
  const world = await worldOn(t, redis);
  await redis.kill();
  world.log.append(2);
  await world.untilApplied();
  assert.equal(world.source(), "http");
  await redis.restart();
  world.log.append(2);
  await world.untilApplied();
  await world.untilSource("redis");
});

test("Redis that holds its connections and says nothing stops neither lease nor records", async (t) => {
  const redis = await redisForTest(t);
  const world = await worldOn(t, redis);
  const states = new Set<string>();
  world.replica.subscribe(({ state }) => states.add(state));
  redis.pause();
  world.log.append(1);
  await world.untilApplied();
  assert.equal(world.source(), "http");
  assert.ok(!states.has("stale"), "the lease ran out");
  redis.resume();
  await world.untilSource("redis");
});

test("an older copy of Redis that came back leads to HTTP until it has caught up", async (t) => {
  const redis = await redisForTest(t);
  const world = await worldOn(t, redis);
  const snapshot = await redis.snapshot();
  world.log.append(4);
  await untilPublished(world.client, world.log);
  await world.untilApplied();
  await redis.restart({ snapshot });
  world.log.append(4);
  await world.untilApplied();
  await world.untilSource("redis");
  world.http.isDown = true;
  world.log.append(1);
  await world.untilApplied();
});

test("HTTP that is away does not keep records of Redis from a reader", async (t) => {
  const redis = await redisForTest(t);
  const log = new MemoryLog();
  log.append(1);
  const client = await clientFor(t, redis);
  const keys = await signer(log);
  publishFor(t, connectFor(t, singleOn(redis)), log, keys);
  await untilPublished(client, log);
  const http = new MemoryFeed(log, keys.signHead);
  http.isDown = true;
  const feed = redisFeed({ http, client, keyPrefix: PREFIX });
  const reading = new AbortController();
  const events = feed
    .stream({ incarnation: log.incarnation, seq: 1 }, reading.signal)
    [Symbol.asyncIterator]();
  log.append(1);
  let next = await events.next();
  while (next.value.type === "heartbeat") next = await events.next();
  assert.equal(next.value.batch.to, 2);
  reading.abort();
});

test("reads through Sentinel and from a Cluster", async (t) => {
  const sentinel = await startRedisSentinel();
  t.after(() => sentinel.stop());
  const cluster = await startRedisCluster();
  t.after(() => cluster.stop());
  const host = "127.0.0.1";
  const sentinels = [{ host, port: sentinel.sentinelPort }];
  const nodes = cluster.nodes.map(({ port }) => ({ host, port }));
  const { name } = sentinel;
  const pairs = [
    [{ kind: "sentinel", name, sentinels }, createSentinel({ name, sentinelRootNodes: sentinels })],
    [{ kind: "cluster", nodes }, createCluster({ rootNodes: nodes.map((socket) => ({ socket })) })],
  ] as const;
  for (const [connection, client] of pairs) {
    const log = new MemoryLog();
    log.append(2);
    const world = await follow(t, { log, client });
    publishFor(t, connectFor(t, configurationOf(connection)), log, { signHead: world.signHead });
    await world.untilSource("redis");
    world.http.isDown = true;
    log.append(2);
    await world.untilApplied();
    await world.replica.close();
  }
});

test("a client that was never connected will do", async (t) => {
  const redis = await redisForTest(t);
  const log = new MemoryLog();
  log.append(1);
  const world = await follow(t, { log, client: createClient({ url: redis.url }) });
  publishFor(t, connectFor(t, singleOn(redis)), log, { signHead: world.signHead });
  await world.untilSource("redis");
});
