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

test("what a relay adds to the age counts for freshness and for the end of the lease", async () => {
  const world = new ReplicaWorld();
  world.log.onLease = async (response) => ({ ...response, ageMs: 700 });
  await world.started();
  world.log.onLease = () => new Promise(() => {});
  const { ageMs } = world.replica.freshness();
  assert.equal(ageMs, 700);
  await world.pass(LEASE_MS - 700);
  assert.ok(world.allows(1));
  await world.pass(1);
  assert.equal(world.allows(1), false);
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

test("a suspended verifier stops allowing at once, and allows again when it is resumed", async () => {
  const world = await new ReplicaWorld().started();
  assert.equal(world.allows(1), true);
  const { lease } = world.log.feed;
  world.log.feed.lease = () => Promise.reject(revocationError("verifier_suspended"));
  world.replica.renew();
  await settled();
  assert.equal(world.allows(1), false);
  world.log.feed.lease = lease;
  await world.pass(LEASE_MS);
  assert.equal(world.allows(1), true);
});

test("a longer lease than was asked for is not taken", async () => {
  const world = new ReplicaWorld();
  world.log.onLease = (answer) => ({ ...answer, leaseMs: 60_000 });
  await world.started();
  assert.equal(world.replica.leaseMs, LEASE_MS);
});

/** One that is told to acknowledge so seldom, has a lease, and has been quiet since. */
async function pacedWorld(ackIntervalMs: number, leaseMs = LEASE_MS): Promise<ReplicaWorld> {
  const world = new ReplicaWorld(leaseMs);
  world.log.onLease = (answer) => ({ ...answer, ackIntervalMs });
  await world.started();
  await world.pass(1100);
  world.log.leaseCalls.length = 0;
  return world;
}

const acknowledged = (world: ReplicaWorld): number[] => world.log.leaseCalls.map(({ applied }) => applied);

test("after a quiet time an acknowledgement goes at once, and those that follow go together when the log wants them", async () => {
  const world = await pacedWorld(200);
  for (let value = 0; value < 20; value++) {
    world.revoke(value);
    await world.time.advance(10);
  }
  assert.deepEqual(acknowledged(world), [1, 20]);
  world.revoke(20);
  await world.time.advance(199);
  assert.deepEqual(acknowledged(world), [1, 20]);
  await world.time.advance(1);
  assert.deepEqual(acknowledged(world), [1, 20, 21]);
  await world.pass(250);
  world.revoke(21);
  await settled();
  assert.deepEqual(acknowledged(world), [1, 20, 21, 22]);
});

test("a log that says nothing about it hears of every batch", async () => {
  const world = await new ReplicaWorld().started();
  world.log.leaseCalls.length = 0;
  for (let value = 0; value < 5; value++) {
    world.revoke(value);
    await world.time.advance(1);
  }
  assert.deepEqual(acknowledged(world), [1, 2, 3, 4, 5]);
});

test("what is applied while a call is under way keeps to the pace too", async () => {
  const world = await pacedWorld(200);
  let answer = (): void => {};
  world.log.onLease = (response) =>
    new Promise((resolve) => {
      answer = () => resolve({ ...response, ackIntervalMs: 200 });
    });
  world.revoke(1);
  await world.time.advance(50);
  world.revoke(2);
  await settled();
  answer();
  await world.time.advance(149);
  assert.deepEqual(acknowledged(world), [1]);
  await world.time.advance(1);
  assert.deepEqual(acknowledged(world), [1, 2]);
});

test("the newest answer says how often", async () => {
  const world = await pacedWorld(1000);
  world.log.onLease = (answer) => answer;
  world.revoke(1);
  await world.time.advance(1);
  world.revoke(2);
  await world.time.advance(1);
  assert.deepEqual(acknowledged(world), [1, 2]);
});

test("renewals keep their own rhythm, and carry what waits", async () => {
  const world = await pacedWorld(1000);
  world.log.leaseCalls.length = 0;
  for (let turn = 0; turn < 100; turn++) {
    world.revoke(turn);
    await world.time.advance(100);
    const { ageMs } = world.replica.freshness();
    assert.ok(ageMs <= LEASE_MS / 5, `turn ${turn}: age ${ageMs}`);
  }
  const calls = world.log.leaseCalls.length;
  assert.ok(calls >= 10 && calls <= 22, `${calls} calls in ten seconds`);
  assert.equal(
    world.log.leaseCalls.some(({ applied }, at) => at > 0 && applied === 0),
    false,
  );
});

test("a pace that is too slow for the lease is not kept to", async () => {
  const world = await pacedWorld(1000, 1000);
  world.revoke(1);
  await world.time.advance(10);
  world.revoke(2);
  await world.time.advance(240);
  assert.deepEqual(acknowledged(world).at(-1), 2);
});

test("a replica that took another log acknowledges it at once", async () => {
  const world = await pacedWorld(1000);
  world.revoke(1);
  await settled();
  world.log.beginIncarnation("second");
  world.log.publish({ type: "reset", reset: { incarnation: "second", reason: "other_incarnation" } });
  await world.time.advance(300);
  assert.deepEqual(
    world.log.leaseCalls.map(({ incarnation }) => incarnation),
    ["first", "second"],
  );
  assert.equal(world.replica.state, "live");
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
