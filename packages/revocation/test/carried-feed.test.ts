import assert from "node:assert/strict";
import { test } from "node:test";
import type { RefusedFeed } from "@portcullis/protocol";
import { carriedFeed, type Feed } from "@portcullis/revocation";
import { revocationError } from "../src/errors.ts";
import { settled } from "./fake-time.ts";
import { keyOf, ReplicaWorld } from "./replica-world.ts";

const MINUTE_MS = 60_000;

/**
 * A verifier below a carrier that passes on what the log says, unless a test has it do something else. The feed needs the clock of the
 * world that it is given to.
 */
function carried(lies: Partial<Feed> = {}) {
  const refused: RefusedFeed[] = [];
  const streams = { carrier: 0, issuer: 0 };
  const made: ReplicaWorld = ReplicaWorld.signed({
    feed: {
      snapshot: (signal) => feed.snapshot(signal),
      stream: (cursor, signal) => feed.stream(cursor, signal),
      lease: (request, signal) => feed.lease(request, signal),
      refused: (refusal) => feed.refused?.(refusal),
    },
  });
  const { log, time } = made;
  const as = (who: keyof typeof streams, instead: Partial<Feed>): Feed => ({
    snapshot: (signal) => (instead.snapshot ?? log.feed.snapshot)(signal),
    stream(cursor, signal) {
      streams[who]++;
      return (instead.stream ?? log.feed.stream)(cursor, signal);
    },
    lease: (request, signal) => (instead.lease ?? log.feed.lease)(request, signal),
  });
  const feed = carriedFeed({
    carrier: as("carrier", lies),
    carrierName: "https://relay.example",
    issuer: as("issuer", {}),
    clock: time,
    onRefused: (what) => refused.push(what),
  });
  return { made, log, refused, streams, lies };
}

test("a snapshot that is refused is taken from the issuer instead, which is told; after a minute the carrier is tried again", async () => {
  const { made, log, refused, streams, lies } = carried({
    snapshot: async () => log.snapshotBytes().map((byte, at) => (at === 40 ? byte ^ 1 : byte)),
  });
  await made.started();
  await made.pass(2000);
  assert.equal(made.replica.state, "live");
  assert.deepEqual(
    refused.map(({ what, carrier, code }) => [what, carrier, code]),
    [["snapshot", "https://relay.example", "malformed_snapshot"]],
  );
  const told = log.leaseCalls.flatMap((call) => call.refused ?? []);
  assert.deepEqual(told, refused, "once");
  assert.deepEqual(streams, { carrier: 0, issuer: 1 });
  delete lies.snapshot;
  await made.pass(MINUTE_MS);
  log.cut();
  await made.pass(2000);
  assert.equal(streams.carrier, 1);
  assert.equal(made.replica.state, "live");
});

test("a carrier that says that the log is another one is not believed before the issuer says the same", async () => {
  for (const reason of ["other_incarnation", "ahead_of_head"] as const) {
    const { made, log, streams, refused } = carried();
    await made.started();
    made.revoke(1);
    await settled();
    log.publish({ type: "reset", reset: { incarnation: log.incarnation, reason } });
    await made.pass(2000);
    assert.deepEqual([made.replica.state, made.replica.applied, log.snapshots], ["live", 1, 1]);
    assert.deepEqual(streams, { carrier: 1, issuer: 1 });
    assert.deepEqual(refused, [], "it may be true: nothing was refused");
    made.revoke(2);
    await settled();
    assert.equal(made.replica.applied, 2);
    await made.replica.close();
  }
});

test("when it is true, the issuer says so, and the log is taken anew", async () => {
  const { made, log } = carried();
  await made.started();
  made.revoke(1);
  await settled();
  log.beginIncarnation("second");
  log.publish({ type: "reset", reset: { incarnation: "second", reason: "other_incarnation" } });
  await made.pass(4000);
  assert.deepEqual([made.replica.incarnation, made.replica.state], ["second", "live"]);
});

test("a conflict that a carrier answers to a lease call, by status or by what it names, ends no lease", async () => {
  for (const lie of [
    async () => {
      throw revocationError("feed_conflict", { detail: "other_incarnation" });
    },
    async () => ({ incarnation: "second", head: 9, leaseMs: 5000 }),
    async () => ({ incarnation: "first", head: 0, leaseMs: 5000 }),
  ] satisfies Feed["lease"][]) {
    const { made, lies } = carried();
    await made.started();
    made.revoke(1);
    await settled();
    lies.lease = lie;
    await made.pass(30_000);
    assert.equal(made.replica.state, "live");
    assert.deepEqual(made.eventsNamed("diverged"), []);
    await made.replica.close();
  }
});

test("a carrier whose answer to a lease call is refused carries the stream no more", async () => {
  const { made, log, streams, lies } = carried();
  await made.started();
  lies.lease = async () => ({ incarnation: "first", head: 0, leaseMs: 5000 });
  await made.pass(3000);
  assert.deepEqual(streams, { carrier: 1, issuer: 1 });
  assert.equal(log.connections, 1, "the carrier's stream was left");
  assert.equal(log.leaseCalls.flatMap((call) => call.refused ?? [])[0]?.what, "lease");
});

test("a reset because the cursor is too old is believed: it costs a snapshot, and no more", async () => {
  const { made, log, streams } = carried();
  await made.started();
  log.publish({ type: "reset", reset: { incarnation: "first", reason: "too_old" } });
  await made.pass(2000);
  assert.deepEqual([made.replica.state, log.snapshots, streams.issuer], ["live", 2, 0]);
});

test("what the carrier cannot bring is only late", async () => {
  const { made, refused, streams } = carried({
    snapshot: async () => {
      throw revocationError("feed_unavailable");
    },
  });
  made.log.commit({ key: keyOf(1) });
  await made.started();
  await made.pass(5000);
  assert.deepEqual([made.replica.state, refused, streams.issuer], ["bootstrap", [], 0]);
});
