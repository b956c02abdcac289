import assert from "node:assert/strict";
import test from "node:test";
import { type ServedLog, Snapshots } from "@portcullis/feed-server";
import { CHAIN_START } from "@portcullis/protocol";
import { FrozenClock } from "@portcullis/testing";

/** An empty log that takes its time to be read. */
function slowLog(clock: FrozenClock, readMs: number): ServedLog {
  return {
    incarnation: "first",
    hashKey: new Uint8Array(32),
    tokenLifetimeSeconds: 300,
    clockSkewSeconds: 5,
    head: () => 0,
    position: () => ({ seq: 0, chain: CHAIN_START }),
    refresh: async () => 0,
    oldestKept: () => 1,
    read: async () => [],
    async *liveRecords() {
      clock.advance(readMs);
      yield new Uint8Array(0);
    },
    subscribe: () => () => undefined,
  };
}

test("a snapshot that took long to make is given out again for as long", async () => {
  const clock = new FrozenClock();
  const snapshots = new Snapshots({ log: slowLog(clock, 26_000), clock });
  await snapshots.get();
  clock.advance(25_000);
  snapshots.forgetOld();
  await snapshots.get();
  assert.equal(snapshots.counters.built, 1);
  clock.advance(1000);
  snapshots.forgetOld();
  await snapshots.get();
  assert.equal(snapshots.counters.built, 2);
});

test("a snapshot from which the stream does not go on is not given out again", async () => {
  const clock = new FrozenClock();
  let oldestKept = 1;
  const log = { ...slowLog(clock, 0), oldestKept: () => oldestKept, head: () => oldestKept - 1 };
  const snapshots = new Snapshots({ log, clock });
  await snapshots.get();
  await snapshots.get();
  assert.equal(snapshots.counters.built, 1);
  oldestKept = 8;
  await snapshots.get();
  assert.equal(snapshots.counters.built, 2);
});
