import assert from "node:assert/strict";
import { test } from "node:test";
import type { RevocationRecord } from "@portcullis/protocol";
import type { DecodedBatch } from "@portcullis/revocation";
import fc from "fast-check";
import { keyOf, ReplicaWorld } from "./replica-world.ts";

/** What somebody in between who has no key can make of a batch. */
const tampering = fc.oneof(
  fc.record({ type: fc.constant("flip" as const), bit: fc.nat(100_000) }),
  fc.record({ type: fc.constant("hide" as const), at: fc.nat(100) }),
  fc.record({ type: fc.constant("invent" as const) }),
  fc.record({ type: fc.constant("renumber" as const), by: fc.integer({ min: -3, max: 3 }) }),
  fc.record({ type: fc.constant("otherChain" as const) }),
  fc.record({ type: fc.constant("otherHead" as const), seq: fc.nat(30) }),
  fc.record({ type: fc.constant("otherIncarnation" as const) }),
);
type Tampering = typeof tampering extends fc.Arbitrary<infer Value> ? Value : never;

const stretch = { from: fc.nat(30), length: fc.integer({ min: 1, max: 6 }) };
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("revoke" as const) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("commitUnseen" as const) }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant("deliver" as const), ...stretch }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant("tampered" as const), ...stretch, how: tampering }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("cut" as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("trim" as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("rollBack" as const), seqs: fc.nat(5) }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 4000 }) }),
  },
);

function tamper(world: ReplicaWorld, batch: DecodedBatch, how: Tampering): DecodedBatch {
  const { log } = world;
  const { records, prev, from, to } = batch;
  if (how.type === "flip") {
    const changed = records.slice();
    const bit = how.bit % (changed.length * 8);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    return { ...batch, records: changed };
  }
  if (how.type === "hide") {
    const at = (how.at % (records.length / 40)) * 40;
    return {
      ...batch,
      records: new Uint8Array(Buffer.concat([records.subarray(0, at), records.subarray(at + 40)])),
    };
  }
  if (how.type === "invent") return { ...batch, ...log.forged(prev, to) };
  if (how.type === "renumber") return { ...batch, prev: prev + how.by, from: from + how.by, to: to + how.by };
  if (how.type === "otherChain") return { ...batch, chain: log.forged(prev, to).chain };
  if (how.type === "otherHead") return { ...batch, signedHead: log.signedHead(how.seq % (log.head + 1)) };
  return { ...batch, incarnation: "made-up" };
}

const valueIn = ({ key }: RevocationRecord): number => new DataView(key.buffer).getUint32(0);

/** Holds exactly the log up to what it has applied; or of an earlier incarnation, what it was. */
function checkHolds(world: ReplicaWorld, logs: ReadonlyMap<string, readonly RevocationRecord[]>): void {
  const { replica, log } = world;
  const { incarnation } = replica;
  if (incarnation === undefined) return;
  const records = incarnation === log.incarnation ? log.records : logs.get(incarnation)!;
  assert.ok(replica.applied <= records.length, `${replica.applied} of ${records.length}`);
  for (const record of records.slice(0, replica.applied)) {
    assert.equal(world.outcome(valueIn(record)), "killed", `seq ${record.seq}`);
  }
  assert.equal(world.outcome(0xeeee_eeee), "allow", "nothing that was invented is in it");
}

test("with the issuer's signatures nobody in between can hide, invent or change a revocation unnoticed", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const world = await ReplicaWorld.signed().started();
      const { log, replica, time } = world;
      const logs = new Map<string, readonly RevocationRecord[]>();
      const committedAt = new Map<number, number>();
      let next = 0;
      const commit = (): Uint8Array => {
        committedAt.set(next, time.nowMs);
        return keyOf(next++);
      };
      for (const one of steps) {
        if (one.type === "revoke") log.revoke({ key: commit() });
        if (one.type === "commitUnseen") log.commit({ key: commit() });
        if ((one.type === "deliver" || one.type === "tampered") && log.head > 0) {
          const from = one.from % log.head;
          const event = log.batch(from, Math.min(log.head, from + one.length));
          assert.ok(event.type === "batch");
          const { batch } = event;
          log.publish({
            type: "batch",
            batch: one.type === "deliver" ? batch : tamper(world, batch, one.how),
          });
        }
        if (one.type === "cut") log.cut();
        if (one.type === "trim") {
          log.publish({ type: "reset", reset: { incarnation: log.incarnation, reason: "too_old" } });
        }
        if (one.type === "rollBack") {
          logs.set(log.incarnation, log.records);
          for (const lost of log.records.slice(Math.max(0, log.head - one.seqs))) {
            committedAt.delete(valueIn(lost));
          }
          log.records = log.records.slice(0, Math.max(0, log.head - one.seqs));
          log.beginIncarnation(`incarnation-${logs.size + 1}`);
          log.publish({
            type: "reset",
            reset: { incarnation: log.incarnation, reason: "other_incarnation" },
          });
        }
        await time.advance(one.type === "pass" ? one.ms : 0);

        checkHolds(world, logs);
        const { ageMs } = replica.freshness();
        for (const [value, at] of committedAt) {
          if (time.nowMs - at > ageMs) assert.equal(world.outcome(value), "killed", `value ${value}`);
        }
      }
      await world.pass(30_000);
      assert.equal(replica.incarnation, log.incarnation);
      assert.equal(replica.applied, log.head);
      assert.equal(replica.state, "live");
      assert.equal(replica.statistics().membership, log.head);
      checkHolds(world, logs);
      await replica.close();
    }),
    { numRuns: 150 },
  );
});

test("without signatures a flipped bit or a hidden record is still noticed by the chain", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(40 * 8 * 3 - 1), fc.boolean(), async (bit, hide) => {
      const world = await new ReplicaWorld().started();
      for (const value of [1, 2, 3]) world.log.commit({ key: keyOf(value) });
      const event = world.log.batch(0, 3);
      assert.ok(event.type === "batch");
      const how = hide ? ({ type: "hide", at: bit } as const) : ({ type: "flip", bit } as const);
      const connect = world.log.onConnect;
      world.log.onConnect = () => [];
      world.log.publish({ type: "batch", batch: tamper(world, event.batch, how) });
      await world.time.advance(0);
      assert.ok(world.replica.applied === 0 || world.log.snapshots === 2, "nothing of it is applied");
      world.log.onConnect = connect;
      await world.pass(10_000);
      assert.equal(world.replica.statistics().membership, 3);
      assert.equal(world.replica.state, "live");
      await world.replica.close();
    }),
    { numRuns: 100 },
  );
});
