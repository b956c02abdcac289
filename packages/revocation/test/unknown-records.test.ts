/** A log of a newer server, which has a record of a scope that this version does not know. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { settled } from "./fake-time.ts";
import { keyOf, LEASE_MS, ReplicaWorld } from "./replica-world.ts";

const PAUSE_MS = 30_000;

/** Commits it, without publishing. */
function commitNewer(world: ReplicaWorld, value: number): void {
  world.log.newer.add(world.log.commit({ key: keyOf(value) }).seq);
}

function assertOutdated(world: ReplicaWorld): void {
  assert.equal(world.replica.state, "outdated");
  assert.equal(world.replica.freshness().ageMs, Number.POSITIVE_INFINITY);
  const [told] = world.eventsNamed("outdated");
  assert.equal(told?.level, "error");
  assert.equal(told?.code, "unknown_record");
  assert.match(String(told?.message), /Update this verifier/);
  assert.match(String(told?.detail), /scope code 99/);
}

for (const signs of [false, true]) {
  const how = signs ? "signed" : "unsigned";
  test(`a record of an unknown scope in the ${how} stream ends every allow at once, and nothing is passed over`, async () => {
    const world = await (signs ? ReplicaWorld.signed() : new ReplicaWorld()).started();
    world.revoke(1);
    await settled();
    assert.equal(world.allows(5), true);
    let changes = 0;
    world.replica.onVerdicts?.(() => changes++);
    commitNewer(world, 2);
    world.log.commit({ key: keyOf(3) });
    world.log.publish(world.log.batch(1, 3));
    await settled();
    assertOutdated(world);
    assert.ok(changes > 0, "what is under way is looked at again");
    assert.equal(world.allows(5), false);
    assert.equal(world.outcome(1), "killed");
    assert.equal(world.replica.applied, 1);
    // The records go on, and so does the refusal to pass over that one.
    world.revoke(4);
    await world.pass(3 * PAUSE_MS);
    assert.equal(world.replica.applied, 1);
    assertOutdated(world);
  });
}

test("a snapshot that holds a record of an unknown scope is not taken, and nobody is let in", async () => {
  const world = new ReplicaWorld();
  commitNewer(world, 1);
  await world.started();
  assertOutdated(world);
  assert.throws(() => world.outcome(5), { code: "replica_not_ready" });
  assert.deepEqual(world.log.leaseCalls, []);
  await world.pass(3 * PAUSE_MS);
  assertOutdated(world);
  assert.ok(world.log.snapshots >= 3 && world.log.snapshots <= 5, String(world.log.snapshots));
});

test("nothing asks for a lease while it is outdated", async () => {
  const world = await new ReplicaWorld().started();
  commitNewer(world, 1);
  world.log.publish(world.log.batch(0, 1));
  await settled();
  const calls = world.log.leaseCalls.length;
  world.replica.renew();
  await world.pass(4 * LEASE_MS);
  assert.equal(world.log.leaseCalls.length, calls);
});

test("it goes on by itself once the record has expired and the log begins after it", async () => {
  const world = await new ReplicaWorld().started();
  commitNewer(world, 1);
  world.log.publish(world.log.batch(0, 1));
  await settled();
  assertOutdated(world);
  world.log.expired = 1;
  world.log.onConnect = () => [{ type: "reset", reset: { incarnation: "first", reason: "too_old" } }];
  world.log.commit({ key: keyOf(2) });
  await world.pass(PAUSE_MS);
  world.log.onConnect = (events) => events;
  await world.pass(PAUSE_MS + 1000);
  assert.equal(world.replica.state, "live");
  assert.equal(world.allows(5), true);
  assert.equal(world.outcome(2), "killed");
});

test("who carries the stream cannot end a lease by inventing such a record", async () => {
  const world = await ReplicaWorld.signed().started();
  world.revoke(1);
  await settled();
  commitNewer(world, 2);
  const event = world.log.batch(1, 2);
  assert.ok(event.type === "batch");
  world.log.newer.clear();
  world.log.records.pop();
  world.log.publish({ type: "batch", batch: { ...event.batch, signedHead: world.log.signedHead(1) } });
  await settled();
  assert.notEqual(world.replica.state, "outdated");
  assert.equal(world.allows(5), true);
  assert.deepEqual(world.eventsNamed("outdated"), []);
});
