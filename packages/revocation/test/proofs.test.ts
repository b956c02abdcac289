import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeSnapshot,
  encodeRecords,
  encodeSnapshot,
  LIVE_DIGEST_STRETCH_SECONDS,
  LiveDigester,
  type SnapshotHeader,
} from "@portcullis/protocol";
import type { DecodedBatch } from "@portcullis/revocation";
import { sha256 } from "../src/sha256.ts";
import { settled } from "./fake-time.ts";
import { START_SECONDS } from "./memory-log.ts";
import { keyOf, ReplicaWorld } from "./replica-world.ts";

const batchOf = (world: ReplicaWorld, prev: number, to: number): DecodedBatch => {
  const event = world.log.batch(prev, to);
  assert.ok(event.type === "batch");
  return event.batch;
};

const tampered = (records: Uint8Array): Uint8Array => {
  const changed = records.slice();
  changed[30]! ^= 1;
  return changed;
};

/** Sends it, and lets nothing else come: what the replica does with it is seen before it fetches anew. */
async function send(world: ReplicaWorld, batch: DecodedBatch): Promise<void> {
  world.log.onConnect = () => [];
  world.log.publish({ type: "batch", batch });
  await settled();
}

test("a record that was changed on its way is not applied, and the log is taken anew", async () => {
  const world = await new ReplicaWorld().started();
  world.log.commit({ key: keyOf(1) });
  const batch = batchOf(world, 0, 1);
  world.log.onSnapshot = () => new Promise(() => {});
  await send(world, { ...batch, records: tampered(batch.records) });
  assert.equal(world.replica.applied, 0);
  assert.equal(world.replica.statistics().membership, 0);
  assert.equal(world.replica.state, "diverged");
  assert.equal(world.eventsNamed("diverged")[0]?.why, "chain_conflict");
});

test("a batch that begins before what was applied is cut to what is new", async () => {
  const applied: unknown[] = [];
  const world = await new ReplicaWorld(5000, {
    onApplied: (change) => applied.push(change.type === "batch" ? [change.batch.prev, change.batch.to] : "s"),
  }).started();
  world.revoke(1);
  world.revoke(2);
  await settled();
  for (const value of [3, 4]) world.log.commit({ key: keyOf(value) });
  await send(world, batchOf(world, 1, 4));
  assert.equal(world.replica.applied, 4);
  assert.equal(world.replica.statistics().membership, 4);
  assert.deepEqual(applied, ["s", [0, 1], [1, 2], [2, 4]]);
  assert.equal(world.log.cursors.length, 1);
});

test("with a key, a batch that nobody signed, or that another head was signed for, is not applied", async () => {
  const changes: ((world: ReplicaWorld, batch: DecodedBatch) => DecodedBatch)[] = [
    (_, batch) => ({ ...batch, signedHead: undefined }),
    (_, batch) => ({ ...batch, signedHead: `${batch.signedHead} ` }),
    (world, batch) => ({ ...batch, signedHead: world.log.signedHead(1) }),
    // A record taken out, and a chain that fits.
    (world, batch) => {
      const { records, chain } = world.log.forged(1, 2);
      return { ...batch, records, chain };
    },
  ];
  for (const change of changes) {
    const world = await ReplicaWorld.signed().started();
    world.revoke(1);
    await settled();
    assert.equal(world.replica.applied, 1);
    world.log.commit({ key: keyOf(2) });
    await send(world, change(world, batchOf(world, 1, 2)));
    assert.equal(world.replica.applied, 1);
    assert.equal(world.outcome(2), "allow");
    assert.equal(world.replica.state, "live", "it does not give up its log for what nobody signed");
    assert.equal(world.eventsNamed("stream_ended").length, 1);
    world.log.onConnect = (events) => events;
    world.log.cut();
    await world.pass(1000);
    assert.equal(world.replica.applied, 2);
    await world.replica.close();
  }
});

test("with a key, no snapshot is taken that nobody signed; the one in use stays", async () => {
  const world = await ReplicaWorld.signed().started();
  world.revoke(1);
  await settled();
  world.log.commit({ key: keyOf(2) });
  world.log.onSnapshot = (bytes) => changedHeader(bytes, (header) => ({ ...header, signedHead: undefined }));
  world.log.publish({ type: "reset", reset: { incarnation: "first", reason: "too_old" } });
  await settled();
  assert.equal(world.eventsNamed("snapshot_failed").length, 1);
  assert.equal(world.replica.applied, 1);
  assert.equal(world.outcome(1), "killed");
  world.log.onSnapshot = (bytes) => bytes;
  await world.pass(3000);
  assert.equal(world.replica.applied, 2);
});

function changedHeader(
  bytes: Uint8Array,
  change: (header: SnapshotHeader) => Partial<SnapshotHeader>,
): Uint8Array {
  const { header, records } = decodeSnapshot(bytes, sha256);
  return encodeSnapshot(change(header) as SnapshotHeader, records, sha256);
}

test("a snapshot with a record of the future, or more records than seqs, is refused before anything is replaced", async () => {
  for (const head of [0, 2]) {
    const world = await new ReplicaWorld().started();
    world.revoke(1);
    await settled();
    for (const value of [2, 3]) world.log.commit({ key: keyOf(value) });
    world.log.onSnapshot = (bytes) =>
      changedHeader(bytes, (header) => ({ ...header, head, incarnation: "second" }));
    world.log.publish({ type: "reset", reset: { incarnation: "second", reason: "other_incarnation" } });
    await settled();
    assert.ok(world.eventsNamed("snapshot_failed").length >= 1);
    assert.equal(world.replica.incarnation, "first");
    assert.equal(world.outcome(1), "killed");
    await world.replica.close();
  }
});

test("what cannot be read twice in a row is gone around by a snapshot", async () => {
  const world = await new ReplicaWorld().started();
  world.log.commit({ key: keyOf(1) });
  const batch = batchOf(world, 0, 1);
  world.log.onConnect = () => [];
  for (const snapshots of [1, 2]) {
    world.log.publish({ type: "batch", batch: { ...batch, records: batch.records.subarray(1) } });
    await world.time.advance(500);
    assert.equal(world.log.snapshots, snapshots);
  }
  assert.equal(world.replica.applied, 1);
});

test("lease calls carry the chain, the newest signed head, and now and then the digest of what is live", async () => {
  const world = await ReplicaWorld.signed().started();
  world.revoke(1);
  await world.pass(12_000);
  const calls = world.log.leaseCalls;
  assert.ok(calls.every(({ applied, chain }) => chain === world.log.chainAt(applied)));
  assert.equal(calls.at(-1)?.signedHead, world.log.signedHead(1));
  const digests = calls.flatMap(({ live }) => live ?? []);
  assert.equal(digests.length, 2);
  const expected = new LiveDigester();
  expected.add(encodeRecords(world.log.records));
  assert.deepEqual(digests[1], expected.digest(digests[1]!.from));
  assert.equal(digests[1]!.count, 1);
  const asOf = START_SECONDS + world.time.nowMs / 1000 + LIVE_DIGEST_STRETCH_SECONDS;
  assert.ok(digests[1]!.from <= asOf && digests[1]!.from > asOf - 2 * LIVE_DIGEST_STRETCH_SECONDS - 4);
});

test("after a contradiction the lost head is shown until the issuer has answered a call that carried it", async () => {
  const world = await ReplicaWorld.signed().started();
  for (const value of [1, 2, 3]) world.revoke(value);
  await settled();
  const lost = world.log.signedHead(3);
  world.log.records = world.log.records.slice(0, 1);
  world.log.beginIncarnation("second");
  world.log.publish({ type: "reset", reset: { incarnation: "second", reason: "other_incarnation" } });
  await settled();
  assert.equal(world.replica.applied, 1);
  assert.equal(world.log.leaseCalls.at(-1)?.signedHead, lost);
  world.revoke(4);
  await settled();
  assert.equal(world.log.leaseCalls.at(-1)?.signedHead, world.log.signedHead(2));
});

test("the age that a relay names is added, for freshness and for the lease", async () => {
  const world = new ReplicaWorld();
  world.log.onLease = (answer) => ({ ...answer, ageMs: 700 });
  await world.started();
  assert.equal(world.replica.freshness().ageMs, 700);
  world.log.onLease = () => new Promise(() => {});
  await world.pass(4000);
  assert.ok(world.allows(1));
  world.time.sleep(301);
  assert.equal(world.allows(1), false);
});

test("nothing is acknowledged before all readers see it", async () => {
  let show = (): void => {};
  const world = await new ReplicaWorld(5000, {
    visible: () =>
      new Promise((resolve) => {
        show = resolve;
      }),
  }).started();
  assert.equal(world.replica.freshness().ready, false);
  show();
  await settled();
  assert.equal(world.replica.state, "live");
  const calls = world.log.leaseCalls.length;
  world.revoke(1);
  await settled();
  assert.equal(world.outcome(1), "killed");
  assert.equal(world.replica.applied, 0);
  assert.equal(world.log.leaseCalls.length, calls);
  show();
  await settled();
  assert.equal(world.replica.applied, 1);
  assert.equal(world.log.leaseCalls.at(-1)?.applied, 1);
});

test("an onApplied that fails holds the acknowledgement back, and gets the batch again", async () => {
  let failures = 1;
  const heard: number[] = [];
  const world = await new ReplicaWorld(5000, {
    onApplied: (change) => {
      if (change.type !== "batch") return;
      if (failures-- > 0) throw new Error("no room");
      heard.push(change.batch.to);
    },
  }).started();
  world.revoke(1);
  await settled();
  await world.pass(1000);
  assert.deepEqual(heard, [1]);
  assert.equal(world.replica.applied, 1);
});

test("a replica that is full keeps what it has, says so and allows nothing for long, until there is room", async () => {
  const world = await new ReplicaWorld(5000, { maxEntries: 5 }).started();
  for (const value of [1, 2, 3, 4]) world.revoke(value);
  await settled();
  assert.deepEqual(world.eventsNamed("capacity_alarm")[0]?.entries, 4);
  world.revoke(5);
  world.revoke(6);
  await world.pass(2000);
  assert.equal(world.replica.applied, 5);
  assert.equal(world.replica.state, "lagging");
  assert.equal(world.eventsNamed("capacity_reached")[0]?.applied, 5);
  await world.pass(6000);
  assert.equal(world.allows(9), false);
  for (const value of [1, 2, 3, 4, 5]) assert.equal(world.outcome(value), "killed");
  // The first two have expired: a snapshot has them no more.
  world.log.expired = 2;
  await world.pass(20_000);
  assert.equal(world.replica.applied, 6);
  assert.equal(world.replica.state, "live");
  assert.ok(world.allows(9));
  assert.equal(world.outcome(6), "killed");
});
