import assert from "node:assert/strict";
import { test } from "node:test";
import type { FeedEvent } from "@portcullis/revocation";
import { leaseSecretOf } from "@portcullis/testing";
import { revocationError } from "../src/errors.ts";
import { settled } from "./fake-time.ts";
import { keyOf, LEASE_MS, ReplicaWorld } from "./replica-world.ts";

test("before its first snapshot a replica is not ready and says so", async () => {
  const { replica } = new ReplicaWorld();
  assert.equal(replica.state, "bootstrap");
  assert.deepEqual(replica.freshness(), { ready: false, ageMs: Number.POSITIVE_INFINITY, isClockOff: false });
  assert.throws(() => replica.coordinatesOf({ iss: "i", iat: 0, exp: 1 }, {}), { code: "replica_not_ready" });
});

test("it becomes ready by a snapshot and a lease answer, and not by the snapshot alone", async () => {
  const world = new ReplicaWorld();
  world.log.commit({ key: keyOf(1) });
  let answer = (): void => {};
  world.log.onLease = (response) =>
    new Promise((resolve) => {
      answer = () => resolve(response);
    });
  await world.started();
  let ready = false;
  void world.replica.whenReady().then(() => {
    ready = true;
  });
  await settled();
  assert.equal(world.replica.applied, 1);
  assert.equal(world.outcome(1), "killed");
  assert.equal(world.replica.state, "bootstrap");
  assert.equal(world.replica.freshness().ageMs, Number.POSITIVE_INFINITY);
  assert.equal(ready, false);
  answer();
  await settled();
  assert.equal(world.replica.state, "live");
  assert.equal(ready, true);
});

test("a record of the stream is enforced, and acknowledged after it is", async () => {
  const world = await new ReplicaWorld().started();
  const enforcedAtAck: string[] = [];
  world.log.onLease = (answer, request) => {
    if (request.applied === 1) enforcedAtAck.push(world.outcome(1));
    return answer;
  };
  assert.equal(world.outcome(1), "allow");
  world.revoke(1);
  await settled();
  assert.equal(world.outcome(1), "killed");
  assert.equal(world.replica.applied, 1);
  assert.deepEqual(enforcedAtAck, ["killed"]);
});

test("who follows what is under way is told of records before they are acknowledged", async () => {
  const world = new ReplicaWorld();
  const seen: string[] = [];
  world.replica.onVerdicts?.(() => seen.push(`told: ${world.outcome(1)}`));
  world.log.onLease = (answer, { applied }) => {
    seen.push(`acknowledged ${applied}`);
    return answer;
  };
  await world.started();
  seen.length = 0;
  world.revoke(1);
  await settled();
  assert.deepEqual(seen, ["told: killed", "acknowledged 1"]);
  seen.length = 0;
  world.log.commit({ key: keyOf(2) });
  world.log.publish({ type: "reset", reset: { incarnation: "first", reason: "too_old" } });
  await world.time.advance(0);
  assert.deepEqual(seen.slice(0, 2), ["told: killed", "acknowledged 2"]);
});

test("who follows what is under way is told that a lease was lost, and that the replica is closed", async () => {
  const world = await new ReplicaWorld().started();
  const ages: number[] = [];
  world.replica.onVerdicts?.(() => ages.push(world.replica.freshness().ageMs));
  world.log.publish({ type: "reset", reset: { incarnation: "second", reason: "other_incarnation" } });
  await settled();
  assert.deepEqual(ages.slice(0, 1), [Number.POSITIVE_INFINITY]);
  const before = ages.length;
  await world.replica.close();
  assert.ok(ages.length > before);
});

test("who listens for verdicts cannot stop the replica", async () => {
  const world = await new ReplicaWorld().started();
  world.replica.onVerdicts?.(() => {
    throw new Error("of the listener");
  });
  world.revoke(1);
  await settled();
  assert.deepEqual([world.replica.applied, world.outcome(1)], [1, "killed"]);
});

test("acknowledgements do not queue: what is applied during a call makes one more follow", async () => {
  const world = await new ReplicaWorld().started();
  const waiting: (() => void)[] = [];
  world.log.onLease = (answer) => new Promise((resolve) => waiting.push(() => resolve(answer)));
  const before = world.log.leaseCalls.length;
  for (let value = 1; value <= 20; value++) {
    world.revoke(value);
    await settled();
  }
  assert.equal(world.log.leaseCalls.length, before + 1);
  waiting.shift()?.();
  await settled();
  assert.equal(world.log.leaseCalls.length, before + 2);
  assert.equal(world.log.leaseCalls.at(-1)?.applied, 20);
});

test("a repeated batch changes nothing, and is not acknowledged again", async () => {
  const world = await new ReplicaWorld().started();
  world.revoke(1);
  world.revoke(2);
  await settled();
  const calls = world.log.leaseCalls.length;
  world.log.publish(world.log.batch(0, 1));
  world.log.publish(world.log.batch(0, 2));
  await settled();
  assert.equal(world.replica.applied, 2);
  assert.equal(world.log.leaseCalls.length, calls);
  assert.equal(world.log.cursors.length, 1);
});

test("a gap is fetched again from where the replica is", async () => {
  const world = await new ReplicaWorld().started();
  world.revoke(1);
  await settled();
  world.log.commit({ key: keyOf(2) });
  world.revoke(3);
  await settled();
  assert.deepEqual(world.log.cursors.at(-1), { incarnation: "first", seq: 1 });
  assert.equal(world.replica.applied, 3);
  assert.equal(world.outcome(2), "killed");
  assert.equal(world.log.snapshots, 1);
});

test("a batch that is not whole is not applied", async () => {
  const damages: ((records: Uint8Array) => Uint8Array)[] = [
    (records) => records.subarray(0, 80),
    (records) => records.subarray(40),
    (records) => Buffer.concat([records.subarray(0, 40), records.subarray(80), records.subarray(40, 80)]),
    (records) => records.subarray(0, 119),
  ];
  for (const damage of damages) {
    const world = await new ReplicaWorld().started();
    for (const value of [1, 2, 3]) world.log.commit({ key: keyOf(value) });
    const whole = world.log.batch(0, 3);
    assert.ok(whole.type === "batch");
    world.log.onConnect = () => [];
    world.log.publish({ type: "batch", batch: { ...whole.batch, records: damage(whole.batch.records) } });
    const connections = world.log.cursors.length;
    while (world.log.cursors.length === connections) await world.time.advance(100);
    assert.equal(world.replica.applied, 0);
    assert.equal(world.replica.statistics().membership, 0);
    await world.replica.close();
  }
});

test("a broken connection is opened again at once, and then with growing delay", async () => {
  const world = await new ReplicaWorld().started();
  assert.equal(world.log.cursors.length, 1);
  world.log.cut();
  await settled();
  assert.equal(world.log.cursors.length, 2);
  const delays: number[] = [];
  for (let turn = 0; turn < 8; turn++) {
    const cutAt = world.time.nowMs;
    const connections = world.log.cursors.length;
    world.log.cut();
    while (world.log.cursors.length === connections) await world.time.advance(10);
    delays.push(world.time.nowMs - cutAt);
  }
  assert.deepEqual(
    delays,
    [...delays].sort((left, right) => left - right),
  );
  assert.ok(delays[0]! >= 100 && delays.at(-1)! >= 2500 && delays.at(-1)! <= 5000, String(delays));
});

test("a connection that goes silent is given up", async () => {
  const world = await new ReplicaWorld().started();
  await world.pass(10_000);
  assert.equal(world.log.cursors.length, 1);
  await world.time.advance(7100);
  assert.equal(world.log.cursors.length, 2);
});

test("a connection that brings heartbeats, but not the records that the log has, is given up", async () => {
  const world = await new ReplicaWorld().started();
  world.log.commit({ key: keyOf(1) });
  await world.pass(8000);
  assert.equal(world.log.cursors.length, 2);
  assert.equal(world.outcome(1), "killed");
  assert.equal(world.replica.state, "live");
});

test("a feed that hangs without an end does not keep the replica from coming again", async () => {
  const world = new ReplicaWorld();
  const stream = world.log.feed.stream;
  let hung = 0;
  const feed = world.log.feed as { stream: typeof stream };
  feed.stream = (cursor, signal) => {
    if (hung++ > 0) return stream(cursor, signal);
    return {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise<IteratorResult<FeedEvent>>(() => {}) }),
    };
  };
  await world.started();
  world.log.commit({ key: keyOf(1) });
  await world.time.advance(8000);
  assert.equal(world.outcome(1), "killed");
});

test("a cursor that is too old leads to a new snapshot, and denials hold meanwhile", async () => {
  const world = await new ReplicaWorld().started();
  world.revoke(1);
  await settled();
  world.log.commit({ key: keyOf(2) });
  let give = (): void => {};
  world.log.onSnapshot = (bytes) =>
    new Promise((resolve) => {
      give = () => resolve(bytes);
    });
  world.log.publish({ type: "reset", reset: { incarnation: "first", reason: "too_old" } });
  await settled();
  assert.equal(world.log.snapshots, 2);
  assert.equal(world.outcome(1), "killed");
  assert.equal(world.outcome(2), "allow");
  give();
  await settled();
  assert.equal(world.outcome(1), "killed");
  assert.equal(world.outcome(2), "killed");
  assert.equal(world.replica.state, "live");
});

test("a snapshot that is damaged, cut short or older than what is applied is not taken", async () => {
  const world = await new ReplicaWorld().started();
  const old = world.log.snapshotBytes();
  world.revoke(1);
  await settled();
  world.log.commit({ key: keyOf(2) });
  const good = world.log.snapshotBytes();
  const damaged = good.slice();
  damaged[damaged.length - 50]! ^= 1;
  const served = [damaged, good.subarray(0, good.length - 1), new Uint8Array(), old];
  world.log.onSnapshot = () => served.shift() ?? good;
  world.log.publish({ type: "reset", reset: { incarnation: "first", reason: "too_old" } });
  for (let turn = 0; turn < 100 && served.length > 0; turn++) {
    await world.time.advance(100);
    assert.equal(world.outcome(1), "killed");
    if (world.replica.applied !== 2) assert.equal(world.replica.applied, 1);
  }
  await world.pass(5000);
  assert.equal(world.replica.applied, 2);
  assert.equal(world.outcome(2), "killed");
  assert.ok(world.eventsNamed("snapshot_failed").length >= 4);
});

for (const how of ["stream", "batch", "lease conflict", "lease answer"] as const) {
  test(`another incarnation, told by ${how}, ends every allow and leads to a new snapshot`, async () => {
    const world = await new ReplicaWorld().started();
    world.revoke(1);
    await settled();
    assert.ok(world.allows(9));
    const states: string[] = [];
    world.replica.subscribe(({ state }) => states.push(state));
    let give = (): void => {};
    world.log.onSnapshot = (bytes) =>
      new Promise((resolve) => {
        give = () => resolve(bytes);
      });
    world.log.beginIncarnation("second");
    world.log.records = [];
    world.log.commit({ key: keyOf(5) });
    if (how === "stream") {
      world.log.publish({ type: "reset", reset: { incarnation: "second", reason: "other_incarnation" } });
    }
    if (how === "batch") world.log.publish(world.log.batch(0, 1));
    if (how === "lease answer") {
      world.log.feed.lease = async () => ({ incarnation: "second", head: 1, leaseMs: LEASE_MS });
    }
    if (how.startsWith("lease")) await world.pass(1000);
    await settled();
    assert.equal(world.replica.state, "diverged");
    assert.equal(world.replica.freshness().ageMs, Number.POSITIVE_INFINITY);
    assert.equal(world.outcome(1), "killed");
    give();
    await settled();
    assert.equal(world.replica.state, "live");
    assert.equal(world.replica.incarnation, "second");
    assert.equal(world.replica.applied, 1);
    assert.equal(world.outcome(5), "killed");
    assert.ok(states.includes("diverged") && states.at(-1) === "live", String(states));
  });
}

test("a log that was rolled back within one incarnation is noticed by the lease", async () => {
  const world = await new ReplicaWorld().started();
  for (const value of [1, 2, 3]) world.revoke(value);
  await settled();
  world.log.records = world.log.records.slice(0, 1);
  await world.pass(1000);
  await settled();
  assert.deepEqual(
    world.eventsNamed("diverged").map(({ why }) => why),
    ["ahead_of_head"],
  );
  assert.equal(world.replica.applied, 1);
  assert.equal(world.replica.state, "live");
});

test("a log that conflicts for ever is not asked for snapshots in a hurry", async () => {
  const world = new ReplicaWorld();
  world.log.feed.lease = async () => {
    throw revocationError("feed_conflict", { detail: "other_incarnation" });
  };
  await world.started();
  await world.time.advance(60_000);
  assert.ok(world.log.snapshots < 40, `${world.log.snapshots} snapshots in a minute`);
  assert.ok(world.log.snapshots > 10);
});

test("an issuer that is down at first only delays", async () => {
  const world = new ReplicaWorld();
  world.log.onSnapshot = () => {
    throw revocationError("feed_unavailable");
  };
  await world.started();
  await world.time.advance(60_000);
  assert.equal(world.replica.state, "bootstrap");
  world.log.onSnapshot = (bytes) => bytes;
  const ready = world.replica.whenReady();
  await world.time.advance(5000);
  await ready;
  assert.equal(world.replica.state, "live");
});

test("a token whose coordinates were made with an older hash key is still looked up", async () => {
  const world = await new ReplicaWorld().started();
  const claims = { iss: "i", iat: 1, exp: 2 ** 31, rv: 0, sub: "ann" };
  const at = world.replica.coordinatesOf(claims, {});
  world.log.hashKey = new Uint8Array(32).fill(8);
  world.log.commit({ scope: "subject", key: world.log.keySpace.keyOf("subject", "ann") });
  world.log.publish({ type: "reset", reset: { incarnation: "first", reason: "too_old" } });
  await settled();
  assert.equal(world.replica.applied, 1);
  assert.equal(world.replica.verdict(at).outcome, "killed");
  const { keySpace } = world.replica.coordinatesOf(claims, {});
  assert.notEqual(keySpace, at.keySpace);
  world.log.publish({ type: "reset", reset: { incarnation: "first", reason: "too_old" } });
  await settled();
  assert.equal(
    world.replica.coordinatesOf(claims, {}).keySpace,
    keySpace,
    "the same key keeps its coordinates",
  );
});

test("listeners hear of every change, and one that throws stops nothing", async () => {
  const world = new ReplicaWorld();
  const heard: string[] = [];
  world.replica.subscribe(() => {
    throw new Error("theirs");
  });
  const stop = world.replica.subscribe(({ state, applied }) => heard.push(`${state} ${applied}`));
  await world.started();
  world.revoke(1);
  await settled();
  world.log.feed.lease = () => Promise.reject(revocationError("feed_unavailable"));
  await world.pass(8000);
  stop();
  world.revoke(2);
  await settled();
  assert.deepEqual(
    heard.filter((one, index) => one !== heard[index - 1]),
    ["live 0", "live 1", "stale 1"],
  );
});

test("closing gives the lease back, ends every allow and leaves no timer", async () => {
  const world = await new ReplicaWorld().started();
  world.revoke(1);
  await settled();
  await world.replica.close();
  assert.equal(world.replica.state, "closed");
  assert.deepEqual(world.log.leaseCalls.at(-1), {
    replica: "gateway-1",
    secret: leaseSecretOf("gateway-1"),
    incarnation: "first",
    applied: 1,
    chain: world.log.chainAt(1),
    leaseMs: 0,
  });
  assert.deepEqual(world.replica.freshness(), {
    ready: false,
    ageMs: Number.POSITIVE_INFINITY,
    isClockOff: false,
  });
  assert.equal(world.outcome(1), "killed");
  await settled();
  assert.equal(world.time.pending, 0);
  assert.equal(world.log.connections, 0);
  await assert.rejects(
    new ReplicaWorld().replica.whenReady(AbortSignal.abort(new Error("gave up"))),
    /gave up/,
  );
});

test("closing before there was a snapshot ends the wait for it", async () => {
  const world = new ReplicaWorld();
  world.log.onSnapshot = () => new Promise(() => {});
  await world.started();
  const ready = world.replica.whenReady();
  await world.replica.close();
  await assert.rejects(ready, { code: "replica_closed" });
  assert.equal(world.log.leaseCalls.length, 0);
});
