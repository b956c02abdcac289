/** An option that is there and undefined has its default, as one that is not there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock, systemTimer } from "@portcullis/protocol";
import {
  createReplica,
  type HttpFeedOptions,
  httpFeed,
  RevocationIndex,
  type RevocationIndexOptions,
} from "@portcullis/revocation";
import { type RedisFeedOptions, redisFeed } from "@portcullis/revocation/redis";
import { type AttachOptions, attachToReplica, createSharedReplica } from "@portcullis/revocation/threads";
import type { UndefinedOptions } from "@portcullis/testing";
import { resolveReplicaOptions } from "../src/replica/create-replica.ts";
import type { ReplicaOptions } from "../src/replica/replica.ts";
import { MemoryLog } from "./memory-log.ts";

const REPLICA: UndefinedOptions<ReplicaOptions> = {
  secret: undefined,
  clock: undefined,
  setTimer: undefined,
  random: undefined,
  log: undefined,
  verifyHead: undefined,
  createIndex: undefined,
  visible: undefined,
  onApplied: undefined,
  onFreshness: undefined,
  maxEntries: undefined,
};
const ATTACH: UndefinedOptions<AttachOptions> = { clock: undefined };
const INDEX: UndefinedOptions<RevocationIndexOptions> = {
  clock: undefined,
  randomWords: undefined,
  shared: undefined,
};
const HTTP: UndefinedOptions<HttpFeedOptions> = {
  fetch: undefined,
  snapshotStallMs: undefined,
  leaseTimeoutMs: undefined,
  setTimer: undefined,
};
const REDIS: UndefinedOptions<RedisFeedOptions> = {
  onSource: undefined,
  setTimer: undefined,
  clock: undefined,
};

test("a replica goes by the system's clock and timers, and has no limit", async () => {
  const log = new MemoryLog();
  const given = { feed: log.feed, name: "gateway-1", leaseMs: 5000, ...REPLICA };
  const { clock, setTimer, random, maxEntries } = resolveReplicaOptions(given);
  assert.deepEqual(
    [clock, setTimer, random, maxEntries],
    [systemClock, systemTimer, Math.random, Number.POSITIVE_INFINITY],
  );
  const replica = createReplica(given);
  replica.start();
  await replica.whenReady();
  assert.equal(replica.state, "live");
  await replica.close();
});

test("a shared replica and its views go by the clock that all threads have", async () => {
  const log = new MemoryLog();
  const replica = createSharedReplica({ feed: log.feed, name: "gateway-1", leaseMs: 60_000, ...REPLICA });
  const view = attachToReplica(replica.attach(), ATTACH);
  replica.start();
  await replica.whenReady();
  await view.whenReady();
  const { ready, ageMs } = view.freshness();
  assert.ok(ready && ageMs >= 0 && ageMs <= 60_000, `${ageMs}`);
  view.close();
  await replica.close();
});

test("an index reads the system's clock and chooses its own layout", () => {
  const index = new RevocationIndex({ tokenLifetimeSeconds: 600, clockSkewSeconds: 30, ...INDEX });
  index.expire();
  assert.equal(index.statistics().membership, 0);
});

test("an HTTP feed asks with the global fetch, and waits as long as is usual", async () => {
  const feed = httpFeed({ endpoint: "http://127.0.0.1:1", authorization: async () => "Bearer x", ...HTTP });
  await assert.rejects(feed.snapshot(new AbortController().signal), { code: "feed_unavailable" });
});

test("a Redis feed reads over HTTP while Redis is not there", async () => {
  const log = new MemoryLog();
  const unreachable = { duplicate: () => assert.fail("Redis cannot be reached") };
  const feed = redisFeed({ http: log.feed, client: unreachable, keyPrefix: "portcullis", ...REDIS });
  const stop = new AbortController();
  const events = feed.stream({ incarnation: log.incarnation, seq: 0 }, stop.signal)[Symbol.asyncIterator]();
  const next = events.next();
  await new Promise(setImmediate);
  log.heartbeat();
  assert.deepEqual((await next).value, { type: "heartbeat" });
  stop.abort();
});
