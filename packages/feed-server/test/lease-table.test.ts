import assert from "node:assert/strict";
import test from "node:test";
import { FrozenClock } from "@portcullis/testing";
import { LeaseTable } from "../src/lease-table.ts";

function table() {
  const clock = new FrozenClock();
  const leases = new LeaseTable(clock);
  const grant = (name: string, applied: number, head: number, leaseMs = 5000) =>
    leases.grant(
      { clientId: "gateway", name },
      { secretHash: name, applied, head, receivedAt: clock.monotonicMs(), leaseMs },
    );
  const laggards = (seq: number) =>
    leases.laggardsOf(seq).map(({ lease, until }) => [lease.holder.name, until] as const);
  return { clock, leases, grant, laggards };
}

test("a lease holder that has not applied a seq may allow until the end of its lease, and no longer", () => {
  const { clock, grant, laggards } = table();
  grant("a", 7, 7);
  assert.deepEqual(laggards(8), [["a", 5000]]);
  clock.advance(4999);
  assert.deepEqual(laggards(8), [["a", 5000]]);
  clock.advance(1);
  assert.deepEqual(laggards(8), []);
});

test("a lease holder that has applied a seq is no laggard", () => {
  const { grant, laggards } = table();
  grant("a", 8, 8);
  assert.deepEqual(laggards(8), []);
  assert.deepEqual(laggards(3), []);
});

test("renewals after the commit give a lease holder that does not apply it no more time", () => {
  const { clock, grant, laggards } = table();
  grant("stuck", 7, 7);
  for (const _ of [1, 2, 3, 4]) {
    clock.advance(1000);
    grant("stuck", 7, 8);
  }
  assert.deepEqual(laggards(8), [["stuck", 5000]], "the end of the lease that named head 7");
  assert.deepEqual(laggards(9), [["stuck", 9000]], "seq 9 is not committed: the newest lease counts");
  clock.advance(1000);
  assert.deepEqual(laggards(8), []);
});

test("a lease holder that registers after the commit needs no counting: it must apply the head before it may allow", () => {
  const { grant, laggards } = table();
  grant("late", 5, 8);
  assert.deepEqual(laggards(8), []);
  assert.deepEqual(laggards(6), []);
});

test("the ends of leases are kept apart by the heads they named", () => {
  const { clock, grant, laggards } = table();
  grant("a", 1, 1);
  for (const head of [2, 3, 4]) {
    clock.advance(100);
    grant("a", 1, head);
  }
  assert.deepEqual(
    [2, 3, 4, 5].map((seq) => laggards(seq)[0]?.[1]),
    [5000, 5100, 5200, 5300],
  );
});

test("a shorter lease asked for later does not shorten the one that was given", () => {
  const { clock, grant, laggards } = table();
  grant("a", 1, 1, 10_000);
  clock.advance(100);
  grant("a", 1, 1, 1000);
  assert.deepEqual(laggards(2), [["a", 10_000]]);
});

test("a lease holder that renews without end while the log grows takes bounded memory and is never thought safer", () => {
  const { clock, grant, laggards } = table();
  for (let head = 1; head <= 500; head++) {
    clock.advance(1);
    grant("a", 0, head, 60_000);
  }
  for (const [seq, least] of [
    [2, 60_001],
    [250, 60_249],
    [500, 60_499],
    [501, 60_500],
  ] as const) {
    const until = laggards(seq)[0]![1];
    assert.ok(until >= least, `seq ${seq}: ${until} is earlier than ${least}`);
  }
});

test("a process that starts anew under its name and is behind its former self counts as behind", () => {
  const { clock, grant, laggards } = table();
  grant("a", 8, 8);
  clock.advance(100);
  grant("a", 6, 8);
  assert.deepEqual(laggards(7), [], "both leases named head 8, which neither had without seq 7");
  assert.deepEqual(laggards(9), [["a", 5100]]);
});

test("a lease given back ends at once", () => {
  const { leases, grant, laggards } = table();
  grant("a", 7, 7);
  leases.release({ clientId: "gateway", name: "a" });
  assert.deepEqual(laggards(8), []);
  assert.deepEqual(leases.held(), []);
});

test("one client's replica is not another's of the same name", () => {
  const { leases, grant, laggards } = table();
  grant("a", 7, 7);
  leases.grant(
    { clientId: "orders", name: "a" },
    { secretHash: "a", applied: 8, head: 8, receivedAt: 0, leaseMs: 5000 },
  );
  leases.release({ clientId: "orders", name: "a" });
  assert.deepEqual(laggards(8), [["a", 5000]]);
});

test("a lease counts from when its request was received, not from when it was answered", () => {
  const { clock, leases, laggards } = table();
  clock.advance(1000);
  leases.grant(
    { clientId: "gateway", name: "a" },
    { secretHash: "a", applied: 1, head: 1, receivedAt: 400, leaseMs: 5000 },
  );
  assert.deepEqual(laggards(2), [["a", 5400]]);
});

test("a presumed lease holder counts for every seq until its lease would have ended", () => {
  const { clock, leases, laggards } = table();
  leases.presume({ clientId: "gateway", name: "a" }, 3000);
  assert.deepEqual(laggards(1), [["a", 3000]]);
  assert.deepEqual(laggards(900), [["a", 3000]]);
  clock.advance(3000);
  assert.deepEqual(laggards(1), []);
  leases.dropExpired();
  assert.equal(leases.has("a gateway"), false);
});
