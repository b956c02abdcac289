import assert from "node:assert/strict";
import { test } from "node:test";
import { receiveMessageOnPort } from "node:worker_threads";
import { createKeySpace } from "@portcullis/revocation";
import { attachToReplica, createSharedReplica, type SharedView } from "@portcullis/revocation/threads";
import { FrozenClock, logTo } from "@portcullis/testing";
import { NO_BOUNDS } from "../../src/replica/issuer-clock.ts";
import { Publisher } from "../../src/threads/publisher.ts";
import { FakeTime, settled } from "../fake-time.ts";
import { MemoryLog } from "../memory-log.ts";
import { sharedIndex } from "./shared-index-fixture.ts";
import { identifierOf, sessionToken } from "./tokens.ts";

const LEASE_MS = 5000;

/** Writer and reader in one thread: then every order of steps can be chosen. */
async function sharedInOneThread(onEvent: (event: string) => void = () => {}) {
  const time = new FakeTime();
  const log = new MemoryLog();
  const replica = createSharedReplica({
    feed: log.feed,
    name: "gateway-1",
    leaseMs: LEASE_MS,
    clock: time,
    setTimer: time.setTimer,
    random: () => 0.5,
    log: logTo(({ event }) => onEvent(event)),
  });
  const view = attachToReplica(replica.attach(), { clock: time });
  replica.start();
  await time.advance(0);
  const revoke = (value: number) => log.revoke({ key: identifierOf(value) });
  return { time, log, replica, view, revoke };
}

function outcome(view: SharedView, value: number): string {
  const { claims, header } = sessionToken(value);
  return view.verdict(view.coordinatesOf(claims, header)).outcome;
}

/** What a strict route does. */
function allows(view: SharedView, value: number): boolean {
  const allowed = outcome(view, value) === "allow";
  const { ready, ageMs } = view.freshness();
  return ready && allowed && ageMs <= view.leaseMs;
}

test("before the first snapshot a view answers nothing", () => {
  const view = attachToReplica(new Publisher().attach());
  assert.deepEqual(view.freshness(), { ready: false, ageMs: Number.POSITIVE_INFINITY, isClockOff: false });
  assert.throws(() => outcome(view, 1), { code: "replica_not_ready" });
  view.close();
});

test("a view allows nothing either once the log holds a record that this version does not know", async () => {
  const { log, replica, view, revoke } = await sharedInOneThread();
  await view.whenReady();
  revoke(1);
  await settled();
  assert.equal(allows(view, 2), true);
  log.newer.add(log.commit({ key: identifierOf(3) }).seq);
  log.publish(log.batch(1, 2));
  await settled();
  assert.equal(replica.state, "outdated");
  assert.equal(allows(view, 2), false);
  assert.equal(outcome(view, 1), "killed");
  await replica.close();
});

test("a view is as fresh as the replica, and its lease ends with the replica's", async () => {
  const { time, log, replica, view } = await sharedInOneThread();
  const { onLease } = log;
  await view.whenReady();
  assert.deepEqual(view.freshness(), replica.freshness());
  assert.equal(view.leaseMs, LEASE_MS);
  log.onLease = () => new Promise(() => {});
  await time.advance(LEASE_MS - 1000);
  assert.deepEqual(view.freshness(), replica.freshness());
  time.sleep(2 * LEASE_MS);
  assert.ok(view.freshness().ageMs > view.leaseMs);
  assert.equal(allows(view, 1), false);
  log.onLease = onLease;
  await replica.close();
});

test("when the acknowledgement is sent, the view already denies", async () => {
  const { time, log, replica, view, revoke } = await sharedInOneThread();
  const seen: string[] = [];
  log.onLease = (answer, { applied }) => {
    if (applied > 0) seen.push(`${applied} ${outcome(view, applied)}`);
    return answer;
  };
  for (let value = 1; value <= 40; value++) {
    revoke(value);
    await time.advance(0);
  }
  assert.equal(seen.at(-1), "40 killed");
  assert.deepEqual(
    seen.filter((what) => !what.endsWith("killed")),
    [],
  );
  await replica.close();
});

test("another log with another hash key is in the view before it is acknowledged, and no lease of the old one", async () => {
  const { time, log, replica, view, revoke } = await sharedInOneThread();
  revoke(1);
  await time.advance(0);
  const before = sessionToken(2);
  const subject = { ...before, claims: { ...before.claims, sub: "ann" } };
  const coordinates = view.coordinatesOf(subject.claims, subject.header);
  assert.equal(view.verdict(coordinates).outcome, "allow");

  log.incarnation = "second";
  log.hashKey = new Uint8Array(32).fill(9);
  log.records = [];
  log.commit({
    scope: "subject",
    reason: "banned",
    key: createKeySpace(log.hashKey).keyOf("subject", "ann"),
  });
  const seen: unknown[] = [];
  log.onLease = (answer) => {
    seen.push([view.verdict(coordinates).outcome, view.freshness().ageMs, outcome(view, 1)]);
    return answer;
  };
  log.cut();
  await time.advance(10_000);
  assert.deepEqual(seen[0], ["killed", Number.POSITIVE_INFINITY, "allow"]);
  assert.equal(allows(view, 3), true);
  await replica.close();
});

test("a snapshot of another log comes into the view without the lease of the one before", async () => {
  const ages: number[] = [];
  let watched: SharedView | undefined;
  const { time, log, replica, view } = await sharedInOneThread((event) => {
    if (event === "snapshot_applied" && watched !== undefined) ages.push(watched.freshness().ageMs);
  });
  assert.equal(allows(view, 1), true);
  watched = view;
  log.onConnect = () => {
    log.onConnect = (events) => events;
    log.incarnation = "second";
    return [{ type: "reset", reset: { incarnation: "first", reason: "too_old" } }];
  };
  log.cut();
  await time.advance(0);
  assert.equal(replica.incarnation, "second");
  assert.deepEqual(ages, [Number.POSITIVE_INFINITY]);
  assert.equal(allows(view, 1), true);
  await replica.close();
});

test("how fresh a verdict is, is said by the lease that was in force when it was given", async () => {
  const { time, log, replica, view, revoke } = await sharedInOneThread();
  const lease = log.onLease;
  log.onLease = () => new Promise(() => {});
  await time.advance(2 * LEASE_MS);
  // The lease has run out, so that the log's keeper may say of what follows that it is enforced.
  assert.equal(outcome(view, 1), "allow");
  log.onLease = lease;
  revoke(1);
  await time.advance(2 * LEASE_MS);
  assert.ok(view.freshness().ageMs > LEASE_MS, "this thread was stopped between verdict and freshness");
  assert.equal(outcome(view, 1), "killed");
  assert.ok(view.freshness().ageMs <= LEASE_MS);
  await replica.close();
});

test("a view that missed too much allows nothing until it was sent everything anew", async () => {
  const publisher = new Publisher();
  const { index, apply } = sharedIndex();
  const hashKey = new Uint8Array(32);
  publisher.replace(index, hashKey);
  publisher.grant({ askedAt: 0, leaseMs: LEASE_MS, clock: NO_BOUNDS });
  const view = attachToReplica(publisher.attach(), { clock: new FrozenClock() });
  assert.equal(allows(view, 1), true);
  apply(7);
  for (let turn = 0; turn < 1100; turn++) publisher.replace(index, hashKey);
  apply(1);
  publisher.publish();
  assert.equal(outcome(view, 7), "killed");
  assert.deepEqual(view.freshness(), { ready: true, ageMs: Number.POSITIVE_INFINITY, isClockOff: false });
  assert.equal(allows(view, 2), false);
  await settled();
  assert.equal(outcome(view, 1), "killed");
  assert.equal(allows(view, 2), true);
  publisher.close();
});

for (const publications of [40_000, 0x1_0000 + 1024]) {
  test(`a view that stood still while ${publications} publications went by is not taken for one that has all`, async () => {
    const publisher = new Publisher();
    const { index } = sharedIndex();
    const hashKey = new Uint8Array(32);
    publisher.replace(index, hashKey);
    publisher.grant({ askedAt: 0, leaseMs: LEASE_MS, clock: NO_BOUNDS });
    const view = attachToReplica(publisher.attach(), { clock: new FrozenClock() });
    assert.equal(allows(view, 1), true);
    const other = sharedIndex();
    other.apply(1);
    publisher.replace(other.index, hashKey);
    for (let turn = 1; turn < publications; turn++) {
      other.clock.seconds += 2000;
      other.apply(1);
      publisher.publish();
    }
    assert.equal(allows(view, 3), false);
    await settled();
    assert.equal(outcome(view, 1), "killed");
    assert.equal(allows(view, 3), true);
    publisher.close();
  });
}

test("of many snapshots that come while a thread stands still, one is kept for it", async () => {
  const publisher = new Publisher();
  const { index } = sharedIndex();
  const hashKey = new Uint8Array(32);
  const init = publisher.attach();
  for (let turn = 0; turn < 100; turn++) publisher.replace(index, hashKey);
  let kept = 0;
  while (receiveMessageOnPort(init.port) !== undefined) kept++;
  assert.equal(kept, 2, "that there was nothing, and the first");
  publisher.close();
});

test("a view that follows is sent every snapshot", async () => {
  const publisher = new Publisher();
  publisher.grant({ askedAt: 0, leaseMs: LEASE_MS, clock: NO_BOUNDS });
  const view = attachToReplica(publisher.attach(), { clock: new FrozenClock() });
  for (let turn = 1; turn <= 3; turn++) {
    const { index, apply } = sharedIndex();
    apply(turn);
    publisher.replace(index, new Uint8Array(32));
    assert.equal(outcome(view, turn), "killed");
    assert.equal(allows(view, turn + 1), true);
  }
  publisher.close();
});

test("readers that come and go leave nothing behind", async () => {
  const publisher = new Publisher();
  publisher.replace(sharedIndex().index, new Uint8Array(32));
  for (let turn = 0; turn < 1000; turn++) {
    const view = attachToReplica(publisher.attach());
    if (turn % 2 === 0) outcome(view, 1);
    view.close();
  }
  assert.ok(publisher.readers > 0);
  for (let turn = 0; turn < 100 && publisher.readers > 0; turn++) await settled();
  assert.equal(publisher.readers, 0);
});
