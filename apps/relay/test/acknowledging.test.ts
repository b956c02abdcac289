import assert from "node:assert/strict";
import { test } from "node:test";
import { LeaseTable } from "@portcullis/feed-server";
import type { LeaseRequest, LeaseResponse } from "@portcullis/protocol";
import type { Feed } from "@portcullis/revocation";
import { FrozenClock, leaseSecretOf, patienceSignal } from "@portcullis/testing";
import { AcknowledgingFeed } from "../src/leases/acknowledging-feed.ts";
import { EnforcedBelow } from "../src/leases/enforced-below.ts";
import { RelayDesk } from "../src/leases/relay-desk.ts";

const CHAIN = "c".repeat(43);
const LIVE = { from: 0, count: 0, sum: "0".repeat(16) };

function below() {
  const clock = new FrozenClock();
  const { setTimer } = clock;
  const table = new LeaseTable(clock);
  const log = { incarnation: "one", applied: 8, head: () => log.applied };
  const own = { ageMs: 0, leaseMs: 10_000 };
  const counts = { rises: 0, renewals: 0 };
  const enforced = new EnforcedBelow({
    table,
    head: log.head,
    clock,
    setTimer,
    onRise: () => counts.rises++,
  });
  const desk = new RelayDesk({
    table,
    clock,
    leasesPerClient: 10,
    log: () => log,
    own: () => own,
    signedHead: () => undefined,
    issuerTime: () => undefined,
    renew: () => counts.renewals++,
  });
  const ask = (replica: string, applied: number, change: Partial<LeaseRequest> = {}) =>
    desk.answer({
      clientId: "orders",
      request: {
        replica,
        secret: leaseSecretOf(replica),
        incarnation: "one",
        applied,
        leaseMs: 5000,
        ...change,
      },
      receivedAt: clock.monotonicMs(),
    });
  return { clock, table, log, own, counts, enforced, desk, ask };
}

test("what is acknowledged above is what the slowest below has applied", () => {
  const { log, enforced, ask } = below();
  ask("a", 8);
  ask("b", 8);
  assert.equal(enforced.say(8), 8);
  log.applied = 10;
  ask("a", 10);
  assert.equal(enforced.say(10), 8, "b may still allow what 9 revoked");
  ask("b", 9);
  assert.equal(enforced.say(10), 9);
  ask("b", 10);
  assert.equal(enforced.say(10), 10);
});

test("another process of a name that may still allow can neither acknowledge nor give back", () => {
  const { clock, log, enforced, ask } = below();
  ask("a", 8);
  log.applied = 10;
  const secret = leaseSecretOf("another process");
  for (const change of [{ secret }, { secret, leaseMs: 0 }]) {
    assert.throws(() => ask("a", 10, change), { code: "lease_of_another_process" });
  }
  assert.equal(enforced.say(10), 8);
  clock.advance(5006);
  ask("a", 10, { secret });
  assert.equal(enforced.say(10), 10);
});

test("one that comes anew with less holds nothing up: its answer named a head that it has yet to reach", () => {
  const { enforced, ask } = below();
  ask("slow", 3);
  assert.equal(enforced.say(8), 8);
});

test("the last acknowledgement, the end of a lease and a lease given back are told at once, and once", () => {
  const { clock, log, enforced, counts, ask } = below();
  for (const name of ["a", "b", "c", "d"]) ask(name, 8);
  log.applied = 9;
  assert.equal(enforced.say(9), 8);
  ask("a", 9);
  ask("b", 9);
  clock.advance(5);
  assert.equal(counts.rises, 0, "two are missing");
  ask("c", 9, { leaseMs: 0 });
  clock.advance(5);
  assert.equal(counts.rises, 0, "one is missing");
  clock.advance(4989);
  assert.equal(counts.rises, 0);
  clock.advance(20);
  assert.equal(counts.rises, 1, "its lease has ended");
  assert.equal(enforced.say(9), 9);
  clock.advance(60_000);
  assert.equal(counts.rises, 1);
});

test("of many acknowledgements few cost a look at all leases", () => {
  const { clock, table, log, enforced, counts, ask } = below();
  const names = Array.from({ length: 10 }, (_, at) => `v${at}`);
  for (const name of names) ask(name, 8);
  let looks = 0;
  const laggardsOf = table.laggardsOf.bind(table);
  table.laggardsOf = (seq) => {
    looks++;
    return laggardsOf(seq);
  };
  log.applied = 9;
  enforced.say(9);
  for (const name of names.slice(1)) {
    ask(name, 9);
    clock.advance(2);
  }
  assert.equal(looks, 1, "the first stands in the way whatever the others say");
  ask("v0", 9);
  clock.advance(2);
  assert.deepEqual([looks, counts.rises], [2, 1]);
});

test("after another snapshot nobody below counts as having applied anything", () => {
  const { clock, log, enforced, desk, ask } = below();
  ask("a", 8);
  desk.presumeNothingApplied();
  log.incarnation = "two";
  assert.equal(enforced.say(8), 0);
  ask("a", 8, { incarnation: "two" });
  assert.equal(enforced.say(8), 8);
  clock.advance(1);
});

test("without a right of its own the relay gives none, and hears acknowledgements all the same", () => {
  const { clock, log, own, enforced, ask } = below();
  ask("a", 8);
  log.applied = 9;
  assert.equal(enforced.say(9), 8);
  own.ageMs = 10_000;
  clock.advance(100);
  assert.throws(() => ask("a", 9), { code: "relay_not_fresh", status: 503 });
  assert.equal(enforced.say(9), 9);
  assert.throws(() => ask("new", 9), { code: "relay_not_fresh" });
});

test("one of another log is put off until the relay has asked above, and then told", () => {
  const { clock, own, counts, ask } = below();
  own.ageMs = 50;
  assert.throws(() => ask("a", 9), { code: "relay_behind", status: 503 });
  assert.equal(counts.renewals, 1);
  clock.advance(40);
  assert.throws(() => ask("a", 9), { code: "relay_behind" }, "confirmed as of before it came");
  clock.advance(20);
  assert.throws(() => ask("a", 9), { code: "ahead_of_head", status: 409 });
  assert.doesNotThrow(() => ask("a", 8));
  assert.throws(() => ask("a", 8, { incarnation: "other" }), { code: "relay_behind" });
  clock.advance(60);
  assert.throws(() => ask("a", 8, { incarnation: "other" }), { code: "other_incarnation" });
});

function above(answerOf: (request: LeaseRequest) => LeaseResponse | Error) {
  const clock = new FrozenClock();
  const requests: LeaseRequest[] = [];
  let enforced = 8;
  let renewals = 0;
  const feed = new AcknowledgingFeed({
    setTimer: clock.setTimer,
    enforced: (applied) => Math.min(applied, enforced),
    renew: () => renewals++,
  });
  const inner = {
    lease: async (request: LeaseRequest) => {
      requests.push(request);
      const answer = answerOf(request);
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const outer = feed.over(inner as unknown as Feed);
  const lease = (applied: number) =>
    outer.lease(
      {
        replica: "relay-1",
        secret: leaseSecretOf("relay-1"),
        incarnation: "one",
        applied,
        leaseMs: 5000,
        chain: CHAIN,
        live: LIVE,
        signedHead: "jws",
      },
      patienceSignal(),
    );
  return {
    clock,
    feed,
    requests,
    lease,
    renewals: () => renewals,
    enforce: (seq: number) => {
      enforced = seq;
    },
  };
}

const answer = (head: number): LeaseResponse => ({ incarnation: "one", head, leaseMs: 5000 });

test("above, no more is acknowledged than is enforced; chain and digest go only with what they belong to", async () => {
  const { requests, lease, enforce } = above(() => answer(10));
  await lease(10);
  const { chain, live, applied, signedHead } = requests[0]!;
  assert.deepEqual(
    { chain, live, applied, signedHead },
    { chain: undefined, live: undefined, applied: 8, signedHead: "jws" },
  );
  enforce(10);
  await lease(10);
  assert.deepEqual([requests[1]!.applied, requests[1]!.chain, requests[1]!.live], [10, CHAIN, LIVE]);
});

test("it asks often, since its age is everybody's; sooner with news; and a feed that is down in its own time", async () => {
  let isDown = false;
  const { clock, feed, lease, renewals } = above(() => (isDown ? new Error("down") : answer(8)));
  await lease(8);
  clock.advance(199);
  assert.equal(renewals(), 0);
  clock.advance(1);
  assert.equal(renewals(), 1);
  const underWay = lease(8);
  feed.renewSoon();
  clock.advance(1);
  assert.equal(renewals(), 1, "one call at a time");
  await underWay;
  clock.advance(1);
  assert.equal(renewals(), 2, "what came meanwhile is told next");
  isDown = true;
  await assert.rejects(lease(8));
  clock.advance(10_000);
  assert.equal(renewals(), 2);
});

test("a log that was rolled back hears of it, though the acknowledgement was behind its head", async () => {
  const { requests, lease } = above(() => answer(9));
  assert.equal((await lease(12)).head, 9, "the replica sees that it is ahead, and gives its list up");
  assert.deepEqual(
    requests.map(({ replica, applied, chain, signedHead }) => [replica, applied, chain, signedHead]),
    [
      ["relay-1", 8, undefined, "jws"],
      ["relay-1.proof", 12, CHAIN, "jws"],
    ],
  );
});
