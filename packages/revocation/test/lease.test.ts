import assert from "node:assert/strict";
import { test } from "node:test";
import type { LeaseResponse } from "@portcullis/protocol";
import fc from "fast-check";
import { revocationError } from "../src/errors.ts";
import { settled } from "./fake-time.ts";
import { keyOf, LEASE_MS, ReplicaWorld } from "./replica-world.ts";

test("age is counted from before the call was sent, however late the answer", async () => {
  const world = new ReplicaWorld();
  let answer = (): void => {};
  world.log.onLease = (response) =>
    new Promise((resolve) => {
      answer = () => resolve(response);
    });
  await world.started();
  const sentAt = world.time.nowMs;
  world.time.sleep(1700);
  answer();
  await settled();
  assert.equal(world.time.nowMs, sentAt + 1700);
  assert.equal(world.replica.freshness().ageMs, 1700);
});

test("a replica that was stopped past its lease allows nothing when it wakes", async () => {
  const world = await new ReplicaWorld().started();
  await world.pass(3000);
  assert.ok(world.allows(1));
  world.revoke(1);
  world.time.sleep(LEASE_MS + 1);
  assert.equal(world.allows(1), false);
  assert.equal(world.replica.state, "stale");
  await world.pass(2000);
  assert.equal(world.replica.state, "live");
  assert.equal(world.outcome(1), "killed");
});

test("an answer that was on its way while the replica was stopped makes nothing fresh", async () => {
  const world = await new ReplicaWorld().started();
  let answer = (): void => {};
  world.log.onLease = (response) =>
    new Promise((resolve) => {
      answer = () => resolve(response);
    });
  await world.pass(1000);
  world.time.sleep(LEASE_MS + 1);
  answer();
  await settled();
  assert.equal(world.allows(1), false);
  assert.equal(world.replica.state, "stale");
});

test("a call that is lost without a word is given up in time for another", async () => {
  const world = await new ReplicaWorld().started();
  const answering = world.log.onLease;
  world.log.onLease = () => {
    world.log.onLease = answering;
    return new Promise(() => {});
  };
  for (let half = 0; half < 20; half++) {
    await world.pass(500);
    assert.ok(world.allows(1), `after ${(half + 1) * 500} ms: age ${world.replica.freshness().ageMs}`);
  }
});

test("nothing is fresh until everything up to the answered head is applied", async () => {
  const world = await new ReplicaWorld().started();
  await world.pass(1000);
  world.log.onConnect = () => [];
  world.log.commit({ key: keyOf(1) });
  await world.pass(2000);
  assert.equal(world.replica.state, "lagging");
  const { ageMs } = world.replica.freshness();
  assert.ok(ageMs > 1000, `${ageMs} ms`);
  await world.pass(LEASE_MS);
  assert.equal(world.replica.state, "stale");
  assert.equal(world.allows(2), false);
  world.log.publish(world.log.batch(0, 1));
  await settled();
  assert.equal(world.replica.state, "live");
  assert.ok(world.allows(2));
  assert.equal(world.outcome(1), "killed");
});

test("under a flow that is always ahead, an older answer that is reached still counts", async () => {
  const world = await new ReplicaWorld().started();
  world.log.onConnect = () => [];
  let sent = 0;
  for (let turn = 0; turn < 40; turn++) {
    world.log.commit({ key: keyOf(turn) });
    if (turn >= 2) world.log.publish(world.log.batch(sent, ++sent));
    await world.pass(500);
    if (turn > 8) assert.ok(world.allows(999), `turn ${turn}: age ${world.replica.freshness().ageMs}`);
  }
  assert.equal(world.replica.state, "lagging");
});

test("an allow ends with the lease when answers stop, and denials go on", async () => {
  const world = await new ReplicaWorld().started();
  world.revoke(1);
  await world.pass(1000);
  world.log.feed.lease = () => Promise.reject(revocationError("feed_unavailable"));
  await world.pass(LEASE_MS - 1500);
  assert.ok(world.allows(2));
  await world.pass(2000);
  assert.equal(world.allows(2), false);
  assert.equal(world.outcome(1), "killed");
  assert.equal(world.replica.state, "stale");
});

test("a lease call that hangs is given up, and asked again", async () => {
  const world = await new ReplicaWorld().started();
  world.log.onLease = () => new Promise(() => {});
  await world.pass(LEASE_MS * 2);
  const hung = world.log.leaseCalls.length;
  world.log.onLease = (answer) => answer;
  await world.pass(LEASE_MS * 2);
  assert.ok(world.log.leaseCalls.length > hung);
  assert.equal(world.replica.state, "live");
});

test("a shorter lease than was asked for is kept to", async () => {
  const world = new ReplicaWorld();
  world.log.onLease = (answer) => ({ ...answer, leaseMs: 2000 });
  await world.started();
  assert.equal(world.replica.leaseMs, 2000);
  world.log.feed.lease = () => Promise.reject(revocationError("feed_unavailable"));
  await world.pass(2100);
  assert.equal(world.allows(1), false);
});

test("a longer lease than was asked for is not taken", async () => {
  const world = new ReplicaWorld();
  world.log.onLease = (answer) => ({ ...answer, leaseMs: 60_000 });
  await world.started();
  assert.equal(world.replica.leaseMs, LEASE_MS);
});

test("an answer to a call of before the divergence makes nothing fresh", async () => {
  const world = await new ReplicaWorld().started();
  let answer = (): void => {};
  world.log.onLease = (response) =>
    new Promise((resolve) => {
      answer = () => resolve(response);
    });
  await world.pass(1000);
  const late = answer;
  world.log.onSnapshot = () => new Promise(() => {});
  world.log.publish({ type: "reset", reset: { incarnation: "second", reason: "other_incarnation" } });
  await settled();
  late();
  await settled();
  assert.equal(world.replica.freshness().ageMs, Number.POSITIVE_INFINITY);
});

test("whatever delays calls and answers, the replica's lease ends before the server's, and it acknowledges only what it enforces", async () => {
  const step = fc.record({
    outMs: fc.integer({ min: 0, max: 3000 }),
    backMs: fc.integer({ min: 0, max: 3000 }),
    lost: fc.boolean(),
    revoke: fc.boolean(),
    published: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const world = new ReplicaWorld();
      let serverEnd = Number.NEGATIVE_INFINITY;
      let turn = 0;
      world.log.onLease = async (answer, request) => {
        const { outMs, backMs, lost } = steps[turn++ % steps.length]!;
        for (const { key, seq } of world.log.records.slice(0, request.applied)) {
          assert.equal(world.outcome(new DataView(key.buffer).getUint32(0)), "killed", `seq ${seq}`);
        }
        await delay(world, outMs);
        serverEnd = Math.max(serverEnd, world.time.nowMs + request.leaseMs);
        const received: LeaseResponse = { ...answer, head: world.log.head };
        await delay(world, backMs);
        if (lost) throw revocationError("feed_unavailable");
        return received;
      };
      await world.started();
      for (const { revoke, published } of steps) {
        if (revoke && published) world.revoke(world.log.head);
        else if (revoke) world.log.commit({ key: keyOf(world.log.head) });
        world.log.heartbeat();
        await world.time.advance(700);
        const { ageMs } = world.replica.freshness();
        const end = world.time.nowMs - ageMs + world.replica.leaseMs;
        assert.ok(end <= serverEnd, `replica until ${end}, server until ${serverEnd}`);
      }
      const closed = world.replica.close();
      await world.time.advance(5000);
      await closed;
    }),
    { numRuns: 40 },
  );
});

const delay = (world: ReplicaWorld, ms: number): Promise<void> =>
  new Promise((resolve) => {
    world.time.setTimer(resolve, ms);
  });
