/** Verifiers that are cut off, and relays that die: real processes, real sockets, and events to wait for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ConnectedGuard } from "@portcullis/guard";
import { RecordedLog, TIME_LIMIT } from "@portcullis/testing";
import { until } from "@portcullis/testing/end-to-end";
import { freePort } from "@portcullis/testing/ports";
import { RelayProcess } from "./support/relay-process.ts";
import { TcpProxy } from "./support/tcp-proxy.ts";
import { startWorld, type World } from "./support/world.ts";

test(
  "a verifier that is cut off from the relay holds the receipt until its lease has ended",
  TIME_LIMIT,
  async (t) => {
    const world = await startWorld(t);
    const relay = await world.relay();
    const { proxy, url } = await TcpProxy.before(relay.endpoint);
    const cut = await world.verifier("cut", url, { leaseMs: 4000 });
    const well = await world.verifier("well", relay.endpoint);
    t.after(() => proxy.close());
    const token = `Bearer ${await world.token()}`;
    assert.equal((await cut.authenticate(token)).outcome, "allow");
    proxy.isDropping = true;
    const atOnce = await world.revokeService(0);
    assert.deepEqual([atOnce.state, atOnce.laggards], ["pending", [relay.name]]);
    const looked = allowsUntil(cut, token);
    const receipt = await world.revokeService(10);
    const lastAllowAt = looked.stop();
    const decision = await cut.authenticate(token);
    assert.ok(
      decision.outcome === "deny" && decision.status === 503,
      "it never heard, and its lease is over",
    );
    assert.equal((await well.authenticate(token)).outcome, "deny");
    assert.equal(receipt.state, "enforced");
    assert.ok(
      lastAllowAt !== undefined && lastAllowAt < performance.now(),
      "it was waited for and not counted out",
    );
  },
);

test("a relay that is killed is waited for until nobody below it allows any more", TIME_LIMIT, async (t) => {
  const world = await startWorld(t);
  await using relay = new RelayProcess({}, "--config", await world.relayFile({ leaseMs: 3000 }));
  const { url, endpoint } = await relay.ready();
  await untilReady(url);
  const verifier = await world.verifier("a", endpoint);
  const token = `Bearer ${await world.token()}`;
  assert.equal((await verifier.authenticate(token)).outcome, "allow");
  await relay.kill();
  const looked = allowsUntil(verifier, token);
  const receipt = await world.revokeService(10);
  const decision = await verifier.authenticate(token);
  assert.ok(decision.outcome === "deny" && decision.status === 503);
  assert.equal(receipt.state, "enforced");
  assert.ok(looked.stop() !== undefined, "it went on for as long as it might");
  assert.deepEqual([receipt.acked, receipt.leased], [0, 1], "by the end of its lease, and by nothing else");
});

test(
  "verifiers go on with a relay that was restarted: by their cursor, or by a snapshot",
  TIME_LIMIT,
  async (t) => {
    const world = await startWorld(t);
    const port = await freePort();
    const file = await world.relayFile({ listen: { port }, leaseMs: 2000 });
    const log = new RecordedLog();
    const snapshots = () => log.named("snapshot_applied").length;
    const first = new RelayProcess({}, "--config", file);
    t.after(() => first[Symbol.asyncDispose]());
    const { url, endpoint } = await first.ready();
    await untilReady(url);
    const verifier = await world.verifier("a", endpoint, { log });

    await first.kill();
    const second = new RelayProcess({}, "--config", file);
    t.after(() => second[Symbol.asyncDispose]());
    await untilFollowed((await second.ready()).management);
    await untilHeard(world, verifier);
    assert.equal(snapshots(), 1, "nothing had happened: the cursor was enough");

    await second.kill();
    await world.revokeService(0);
    await world.revokeService(0);
    await using third = new RelayProcess({}, "--config", file);
    await untilFollowed((await third.ready()).management);
    await untilHeard(world, verifier);
    // The issuer may have given the new relay a snapshot from before, and streamed the rest: then the cursor is enough again.
    assert.ok(snapshots() <= 2, `${snapshots()} snapshots`);
  },
);

test("as a process: it says when it is ready, and on SIGTERM lets go", TIME_LIMIT, async (t) => {
  const world = await startWorld(t);
  await using relay = new RelayProcess({}, "--config", await world.relayFile());
  const { url } = await relay.ready();
  assert.equal((await fetch(`${url}/health/live`)).status, 200);
  await untilReady(url);
  assert.equal((await world.revokeService(5)).leased, 1);
  relay.child.kill("SIGTERM");
  assert.deepEqual(await relay.exited, { code: 0, signal: null });
  assert.equal((await world.revokeService(5)).leased, 0);
  const lines = relay.errors
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string });
  assert.deepEqual(
    ["listening", "ready", "stopping", "stopped"].filter(
      (event) => !lines.some((line) => line.event === event),
    ),
    [],
  );
  assert.ok(!relay.errors.includes("relay-secret"), "no secret in what it logs");
});

test(
  "as a process: a relay that the issuer does not accept says so once, with what to do",
  TIME_LIMIT,
  async (t) => {
    const world = await startWorld(t);
    await using relay = new RelayProcess(
      {},
      "--config",
      await world.relayFile({ clientSecret: "not-its-own" }),
    );
    const before = world.tokenRequests();
    await relay.ready();
    const told = () => relay.errors.match(/^.*"guard_unavailable".*$/gm) ?? [];
    await until(async () => told().length > 0 && world.tokenRequests() >= before + 4, {
      what: "the relay to have tried often",
    });
    assert.equal(told().length, 1, "however often it tries");
    const { level, code, message, remedy } = JSON.parse(told()[0]!);
    assert.deepEqual([level, code], ["warn", "client_not_accepted"]);
    assert.match(message, /does not accept the client relay with this secret/);
    assert.match(remedy, /\[revocations\.read\]/);
    assert.ok(!relay.errors.includes("not-its-own"));
  },
);

const untilReady = (url: string) =>
  until(async () => (await fetch(`${url}/health/ready`)).status === 200, { what: `${url} to be ready` });

/** A verifier has come to the relay, for its stream and its lease. */
const untilFollowed = (management: string) =>
  until(
    async () => {
      const metrics = await (await fetch(`${management}/metrics`)).text();
      return /^portcullis_relay_followers 1$/m.test(metrics) && /^portcullis_relay_leases 1$/m.test(metrics);
    },
    { what: "a verifier that follows" },
  );

/** A revocation from now on reaches the verifier, which may say "allow" again. */
async function untilHeard(world: World, verifier: ConnectedGuard): Promise<void> {
  const { seq, state } = await world.revokeService(20);
  assert.equal(state, "enforced");
  await until(() => verifier.replica.applied >= seq && verifier.replica.state === "live", {
    what: "the verifier to be live again, with the revocation",
  });
}

/** Asks again and again whether the token is allowed; `stop` gives when it last was. */
function allowsUntil(verifier: ConnectedGuard, token: string): { stop(): number | undefined } {
  let [lastAt, isOver]: [number | undefined, boolean] = [undefined, false];
  const look = async () => {
    while (!isOver) {
      if ((await verifier.authenticate(token)).outcome === "allow") lastAt = performance.now();
      await nextTurn();
    }
  };
  void look();
  return {
    stop() {
      isOver = true;
      return lastAt;
    },
  };
}
