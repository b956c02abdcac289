/** A verifier's wall clock against its issuer's: nothing is allowed while they differ by more than the skew. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClockReport } from "@portcullis/protocol";
import type { ReplicaOptions } from "@portcullis/revocation";
import { attachToReplica, createSharedReplica } from "@portcullis/revocation/threads";
import { settled } from "./fake-time.ts";
import { SKEW_SECONDS, START_SECONDS } from "./memory-log.ts";
import { LEASE_MS, ReplicaWorld } from "./replica-world.ts";

const SKEW_MS = SKEW_SECONDS * 1000;

/** Two wall clocks, each as far ahead of the true time as a test sets it. */
class ClockWorld extends ReplicaWorld {
  ownAheadMs: number;
  issuerAheadMs = 0;

  constructor(ownAheadMs = 0, options: Partial<ReplicaOptions> = {}) {
    super(LEASE_MS, {
      clock: { wallMs: () => this.own() * 1000, monotonicMs: () => this.time.nowMs },
      ...options,
    });
    this.ownAheadMs = ownAheadMs;
    this.log.onLease = (answer) => {
      const nowMs = this.issuer() * 1000;
      return { ...answer, issuerTime: { earliestMs: nowMs, latestMs: nowMs } };
    };
  }

  own = (): number => START_SECONDS + (this.time.nowMs + (this.ownAheadMs ?? 0)) / 1000;
  issuer = (): number => START_SECONDS + (this.time.nowMs + this.issuerAheadMs) / 1000;

  /** What the guard asks with the wall clock that it has just read. */
  get isOff(): boolean {
    return this.replica.freshness(this.own()).isClockOff === true;
  }
}

/** Two clocks may have come apart by a thousandth since the answer. */
function assertNear(found: ClockReport | undefined, { offsetMs, isOff }: ClockReport): void {
  assert.ok(Math.abs(found!.offsetMs - offsetMs) <= 5, `${found!.offsetMs}`);
  assert.equal(found!.isOff, isOff);
}

for (const [aheadMs, isOff] of [
  [-SKEW_MS - 1, true],
  [-SKEW_MS, false],
  [0, false],
  [SKEW_MS, false],
  [SKEW_MS + 1, true],
] as const) {
  test(`a clock ${aheadMs} ms ahead at the start is ${isOff ? "off: the replica is not ready" : "right"}`, async () => {
    const world = new ClockWorld(aheadMs);
    let isReady = false;
    void world.replica.whenReady().then(() => {
      isReady = true;
    });
    await world.started();
    assert.deepEqual([world.isOff, isReady], [isOff, !isOff]);
    assert.equal(world.replica.state, isOff ? "clock_off" : "live");
    const told = world
      .eventsNamed("clock_off")
      .map(({ level, offsetMs, isOff, allowedMs }) => [level, offsetMs, isOff, allowedMs]);
    assert.deepEqual(told, isOff ? [["error", aheadMs, true, SKEW_MS]] : []);
    world.ownAheadMs = 0;
    await world.pass(1000);
    assert.deepEqual([world.isOff, isReady, world.replica.state], [false, true, "live"]);
    assert.equal(world.eventsNamed("clock_right").length, isOff ? 1 : 0);
  });
}

test("a clock that is set while it runs is noticed by the next allow, without a word from anybody", async () => {
  const world = await new ClockWorld().started();
  for (const aheadMs of [-320_000, 320_000]) {
    world.ownAheadMs = aheadMs;
    assert.equal(world.isOff, true);
    assert.equal(world.replica.state, "clock_off");
    world.ownAheadMs = 0;
    assert.equal(world.isOff, false);
  }
});

test("who follows requests under way is told when the clock goes off", async () => {
  const world = await new ClockWorld().started();
  let told = 0;
  world.replica.onVerdicts!(() => told++);
  await world.pass(2000);
  assert.equal(told, 0);
  world.ownAheadMs = -320_000;
  await world.pass(1100);
  assert.equal(told, 1);
});

test("an issuer whose clock is set takes its verifiers along, and gives them back when it is right again", async () => {
  const world = await new ClockWorld().started();
  for (const aheadMs of [3_600_000, -3_600_000]) {
    world.issuerAheadMs = aheadMs;
    await world.pass(1100);
    assert.equal(world.isOff, true);
    world.issuerAheadMs = 0;
    await world.pass(1100);
    assert.equal(world.isOff, false);
  }
});

test("an answer that was long on its way is the worst for a slow clock, and proves nothing against a fast one", async () => {
  const late = (world: ClockWorld): void => {
    const { onLease } = world.log;
    world.log.onLease = async (answer, request) => {
      world.time.sleep(2000);
      return onLease(answer, request);
    };
  };
  const slow = new ClockWorld(-SKEW_MS + 1000);
  late(slow);
  await slow.started();
  assert.equal(slow.isOff, true, "it may be a second too slow");
  const fast = new ClockWorld(SKEW_MS + 1000);
  late(fast);
  await fast.started();
  assert.equal(fast.isOff, false, "it may be right by a second");
});

test("a quick answer settles what slow ones left open", async () => {
  const world = await new ClockWorld(-SKEW_MS + 1000).started();
  assert.equal(world.isOff, false);
  const { onLease } = world.log;
  world.log.onLease = async (answer, request) => {
    world.time.sleep(2000);
    return onLease(answer, request);
  };
  await world.pass(3000);
  assert.equal(world.isOff, false);
});

test("a machine that was suspended allows nothing until it has heard from its issuer", async () => {
  const world = await new ClockWorld().started();
  // The monotonic clock stood still: the lease looks young.
  world.ownAheadMs += 600_000;
  world.issuerAheadMs += 600_000;
  assert.ok(world.replica.freshness().ageMs <= LEASE_MS);
  assert.equal(world.isOff, true);
  await world.pass(1100);
  assert.equal(world.isOff, false);
});

test("what the issuer signed shows a slow clock, whatever a relay says of the time", async () => {
  const world = new ClockWorld(-320_000, {
    verifyHead: (jws) => world.log.verifyHead(jws),
  });
  world.log.signs = true;
  // And keeps back what was signed since.
  world.log.signedAt = START_SECONDS - 320;
  world.log.nowSeconds = () => world.log.signedAt;
  // The relay is as slow as the verifier.
  world.issuerAheadMs = -320_000;
  await world.started();
  assert.equal(world.isOff, false, "nothing shows it yet");
  world.log.signedAt = Math.floor(START_SECONDS + world.time.nowMs / 1000);
  world.revoke(1);
  await settled();
  assert.equal(world.isOff, true);
  await world.pass(5000);
  assert.equal(world.isOff, true, "the relay says it again and again");
});

test("a signed head that came late makes no clock look fast", async () => {
  const world = new ClockWorld(0, { verifyHead: (jws) => world.log.verifyHead(jws) });
  world.log.onLease = (answer) => answer;
  world.log.signs = true;
  world.log.signedAt = START_SECONDS - 3600;
  await world.started();
  assert.equal(world.isOff, false);
  world.ownAheadMs = -2 * 3_600_000;
  assert.equal(world.isOff, true);
});

test("without a word on the time nothing is held against the clock", async () => {
  const world = new ClockWorld(-320_000);
  world.log.onLease = (answer) => answer;
  await world.started();
  assert.deepEqual([world.isOff, world.replica.clock(), world.replica.state], [false, undefined, "live"]);
});

test("each lease call says what was measured, and the replica what its issuer's clock shows", async () => {
  const world = await new ClockWorld(-2000).started();
  await world.pass(1100);
  assertNear(world.log.leaseCalls.at(-1)!.clock, { offsetMs: -2000, isOff: false });
  world.ownAheadMs = -320_000;
  await world.pass(1100);
  assertNear(world.log.leaseCalls.at(-1)!.clock, { offsetMs: -320_000, isOff: true });
  const { earliestMs, latestMs } = world.replica.issuerTime()!;
  assert.ok(earliestMs <= world.issuer() * 1000 && world.issuer() * 1000 <= latestMs);
  assert.ok(latestMs - earliestMs < 10);
});

test("a thread that shares the replica's memory is bound by the same clock", async () => {
  const world = new ClockWorld();
  const clock = { wallMs: () => world.own() * 1000, monotonicMs: () => world.time.nowMs };
  const replica = createSharedReplica({
    feed: world.log.feed,
    name: "shared",
    leaseMs: LEASE_MS,
    clock,
    setTimer: world.time.setTimer,
  });
  const view = attachToReplica(replica.attach(), { clock });
  const isOff = () => view.freshness(world.own()).isClockOff;
  replica.start();
  await replica.whenReady();
  await view.whenReady();
  assert.deepEqual([isOff(), view.clockOffsetMs?.(world.own())], [false, 0]);
  for (const aheadMs of [-320_000, 320_000]) {
    world.ownAheadMs = aheadMs;
    assert.deepEqual([isOff(), view.clockOffsetMs?.(world.own())], [true, aheadMs]);
  }
  world.ownAheadMs = 0;
  assert.equal(isOff(), false);
  world.issuerAheadMs = 3_600_000;
  await world.time.advance(1100);
  assert.equal(isOff(), true);
  view.close();
  await replica.close();
});
