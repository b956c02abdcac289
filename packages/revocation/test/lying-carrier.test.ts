import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeSnapshot,
  encodeSnapshot,
  type LeaseResponse,
  RECORD_BYTES,
  type SnapshotHeader,
  signSnapshot,
} from "@portcullis/protocol";
import { sha256 } from "../src/sha256.ts";
import { settled } from "./fake-time.ts";
import { START_SECONDS } from "./memory-log.ts";
import { keyOf, LEASE_MS, ReplicaWorld } from "./replica-world.ts";

const DAY_MS = 86_400_000;

/** A snapshot that says something else, with the signature of the true one behind it. */
function forged(
  bytes: Uint8Array,
  change: (header: SnapshotHeader) => Partial<SnapshotHeader>,
  count?: number,
): Uint8Array {
  const { header, records, signedHead } = decodeSnapshot(bytes, sha256);
  const kept = count === undefined ? records : records.subarray(0, count * RECORD_BYTES);
  const changed = { ...header, count: kept.length / RECORD_BYTES, ...change(header) };
  return signSnapshot(encodeSnapshot(changed, kept, sha256), signedHead!);
}

const reset = (world: ReplicaWorld, reason: "too_old" | "other_incarnation" | "ahead_of_head") =>
  world.log.publish({ type: "reset", reset: { incarnation: world.log.incarnation, reason } });

/** One that has applied three revocations, and whose log has given a snapshot after each of them. */
async function grown() {
  const world = await ReplicaWorld.signed().started();
  const snapshots: Uint8Array[] = [];
  const answers: LeaseResponse[] = [];
  world.log.onLease = (answer) => {
    answers.push(answer);
    return answer;
  };
  for (const value of [1, 2, 3]) {
    snapshots.push(world.log.snapshotBytes());
    world.revoke(value);
    await settled();
  }
  assert.equal(world.replica.applied, 3);
  return { world, snapshots, answers };
}

for (const [what, lie] of Object.entries({
  "with a record left out": (bytes: Uint8Array) => forged(bytes, () => ({}), 1),
  "with nothing in it": (bytes: Uint8Array) => forged(bytes, () => ({}), 0),
  "with another hash key": (bytes: Uint8Array) => forged(bytes, () => ({ hashKey: "k".repeat(43) })),
  "with a longer life of tokens": (bytes: Uint8Array) =>
    forged(bytes, () => ({ tokenLifetimeSeconds: 86_400 })),
  "with a larger skew": (bytes: Uint8Array) => forged(bytes, () => ({ clockSkewSeconds: 3600 })),
})) {
  test(`a snapshot ${what} is refused, and the true one is taken when it comes`, async () => {
    const world = ReplicaWorld.signed();
    for (const value of [1, 2]) world.log.commit({ key: keyOf(value) });
    world.log.onSnapshot = lie;
    await world.started();
    await world.pass(3000);
    assert.equal(world.replica.state, "bootstrap");
    assert.equal(world.allows(9), false);
    assert.equal(world.eventsNamed("snapshot_failed")[0]?.code, "malformed_feed");
    world.log.onSnapshot = (bytes) => bytes;
    await world.pass(10_000);
    assert.deepEqual([world.replica.state, world.outcome(1)], ["live", "killed"]);
  });
}

test("a snapshot whose head is signed, and itself is not, is refused", async () => {
  const world = ReplicaWorld.signed();
  world.log.onSnapshot = (bytes) => {
    const { header, records } = decodeSnapshot(bytes, sha256);
    return signSnapshot(encodeSnapshot(header, records, sha256), world.log.signedHead(0));
  };
  await world.started();
  assert.equal(world.replica.state, "bootstrap");
});

test("a reset and a snapshot of before, with the answers of that time, bring back nothing that was denied", async () => {
  const { world, snapshots, answers } = await grown();
  assert.equal(world.outcome(3), "killed");
  world.log.onSnapshot = () => snapshots[2]!;
  world.log.onLease = () => answers[0]!;
  reset(world, "ahead_of_head");
  await world.pass(20_000);
  assert.equal(world.outcome(3), "killed");
  assert.equal(world.replica.applied, 3);
  assert.equal(world.allows(9), false, "the lease ended with the reset");
});

test("a snapshot of an incarnation that was given up leads nobody back", async () => {
  const { world, snapshots, answers } = await grown();
  world.log.beginIncarnation("second");
  reset(world, "other_incarnation");
  await world.pass(2000);
  assert.deepEqual([world.replica.incarnation, world.replica.state], ["second", "live"]);
  world.revoke(4);
  await settled();
  world.log.onSnapshot = () => snapshots[2]!;
  world.log.onLease = () => answers.at(-1)!;
  world.log.publish({ type: "reset", reset: { incarnation: "first", reason: "other_incarnation" } });
  await world.pass(20_000);
  assert.equal(world.replica.incarnation, "second");
  assert.equal(world.outcome(4), "killed");
  assert.equal(world.allows(9), false);
  assert.match(String(world.eventsNamed("snapshot_failed").at(-1)?.detail), /epoch 1.*epoch 2/);
});

test("a batch of another incarnation is no reason to give the log up, unless it is signed and later", async () => {
  const { world } = await grown();
  world.log.onConnect = () => [];
  const event = world.log.batch(2, 3);
  assert.ok(event.type === "batch");
  world.log.beginIncarnation("second");
  const signedHead = world.log.signedHead(3);
  world.log.incarnation = "first";
  world.log.epoch = 1;
  const batch = { ...event.batch, incarnation: "second" };
  const old = { ...batch, signedHead: world.log.signedHead(3, { incarnation: "second", epoch: 0 }) };
  const same = { ...batch, signedHead: world.log.signedHead(3, { incarnation: "second" }) };
  for (const lie of [batch, { ...batch, signedHead: undefined }, old, same]) {
    world.log.publish({ type: "batch", batch: lie });
    await world.pass(3000);
    assert.equal(world.replica.state, "live", "it keeps its log, and its lease");
    assert.deepEqual(world.eventsNamed("diverged"), [], "and does not even begin anew");
  }
  world.log.publish({ type: "batch", batch: { ...batch, signedHead } });
  await settled();
  assert.equal(world.eventsNamed("diverged")[0]?.why, "other_incarnation");
});

test("an answer to a lease call that the issuer has not signed, or of another log, makes nobody fresh", async () => {
  for (const lie of [
    ({ signedHead: _, ...answer }: LeaseResponse): LeaseResponse => answer,
    (answer: LeaseResponse): LeaseResponse => ({ ...answer, signedHead: `${answer.signedHead} ` }),
    (answer: LeaseResponse, world: ReplicaWorld): LeaseResponse => ({
      ...answer,
      signedHead: world.log.signedHead(0, { incarnation: "second", epoch: 2 }),
    }),
  ]) {
    const world = ReplicaWorld.signed();
    world.log.onLease = (answer) => lie(answer, world);
    await world.started();
    await world.pass(2000);
    assert.deepEqual([world.replica.state, world.allows(9)], ["bootstrap", false]);
    assert.equal(world.eventsNamed("lease_failed")[0]?.code, "malformed_feed");
    await world.replica.close();
  }
});

test("answers that were kept back are believed for no longer than a lease and two seconds", async () => {
  const world = await ReplicaWorld.signed().started();
  let kept: LeaseResponse | undefined;
  world.log.onLease = (answer) => {
    kept ??= answer;
    return kept;
  };
  // What is revoked meanwhile is kept back, too.
  world.log.commit({ key: keyOf(1) });
  const allowed: number[] = [];
  for (let ms = 0; ms < 60_000; ms += 500) {
    await world.pass(500);
    if (world.allows(1)) allowed.push(world.time.nowMs);
  }
  const { iat } = { iat: START_SECONDS };
  assert.ok(allowed.at(-1)! <= 2 * LEASE_MS + 3000, `${allowed.at(-1)} ms, signed at ${iat}`);
});

test("a process that starts is not shown the world of yesterday, whatever time it is told", async () => {
  for (const told of [false, true]) {
    const world = ReplicaWorld.signed();
    const snapshot = world.log.snapshotBytes();
    const yesterday = {
      incarnation: "first",
      head: 0,
      leaseMs: LEASE_MS,
      signedHead: world.log.signedHead(0),
    };
    const at = START_SECONDS * 1000;
    await world.time.advance(DAY_MS);
    world.log.commit({ key: keyOf(1) });
    world.log.onSnapshot = () => snapshot;
    world.log.onConnect = () => [];
    world.log.onLease = () => ({
      ...yesterday,
      ...(told && { issuerTime: { earliestMs: at, latestMs: at } }),
    });
    await world.started();
    await world.pass(10_000);
    assert.notEqual(world.replica.state, "live");
    assert.equal(world.replica.freshness(world.time.wallMs() / 1000).isClockOff, told);
    if (!told) assert.equal(world.allows(1), false);
    await world.replica.close();
  }
});

test("nobody is fresh before the highest head that the issuer has signed, though an answer names a lower one", async () => {
  const { world } = await grown();
  world.log.onConnect = () => [];
  const [seq] = [world.log.commit({ key: keyOf(4) }).seq];
  world.log.onLease = (answer) => ({ ...answer, head: 3 });
  world.time.sleep(LEASE_MS + 1);
  await world.pass(2000);
  assert.deepEqual([world.replica.applied, seq], [3, 4]);
  assert.equal(world.allows(9), false);
  world.log.publish(world.log.batch(3, 4));
  await settled();
  assert.equal(world.replica.state, "live");
});
