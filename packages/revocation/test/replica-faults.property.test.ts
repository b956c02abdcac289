import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { keyOf, ReplicaWorld } from "./replica-world.ts";

/** What may happen to a feed. `deliver` sends a stretch of the log that has nothing to do with what is due. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("revoke" as const) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("commitUnseen" as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("deliver" as const),
      from: fc.nat(30),
      length: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("cut" as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("tooOld" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("sleep" as const), ms: fc.integer({ min: 1, max: 9000 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 4000 }) }),
  },
);

test("a feed that drops, repeats and reorders never leaves a silent gap", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const world = await new ReplicaWorld().started();
      const { log, replica, time } = world;
      const committedAt: number[] = [];
      const commit = () => {
        committedAt.push(time.nowMs);
        return log.head;
      };
      let applied = 0;
      for (const one of steps) {
        if (one.type === "revoke") world.revoke(commit());
        if (one.type === "commitUnseen") log.commit({ key: keyOf(commit()) });
        if (one.type === "deliver" && log.head > 0) {
          const from = one.from % log.head;
          log.publish(log.batch(from, Math.min(log.head, from + one.length)));
        }
        if (one.type === "cut") log.cut();
        if (one.type === "tooOld") {
          log.publish({ type: "reset", reset: { incarnation: log.incarnation, reason: "too_old" } });
        }
        if (one.type === "sleep") time.sleep(one.ms);
        await time.advance(one.type === "pass" ? one.ms : 0);

        assert.ok(replica.applied >= applied, "what is applied only grows");
        applied = replica.applied;
        for (let value = 0; value < applied; value++) assert.equal(world.outcome(value), "killed");
        // The promise itself: what was committed longer ago than the replica's age is never allowed.
        const { ageMs } = replica.freshness();
        for (const [value, at] of committedAt.entries()) {
          if (time.nowMs - at > ageMs) assert.equal(world.outcome(value), "killed", `seq ${value + 1}`);
        }
      }
      await world.pass(20_000);
      assert.equal(replica.applied, log.head);
      assert.equal(replica.state, "live");
      assert.equal(replica.statistics().membership, log.head);
      for (let value = 0; value < log.head; value++) assert.equal(world.outcome(value), "killed");
      assert.equal(world.outcome(10_000), "allow");
      await replica.close();
    }),
    { numRuns: 120 },
  );
});
