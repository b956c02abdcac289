import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock, systemTimer, wallSecondsOf } from "@portcullis/protocol";
import { FrozenClock } from "@portcullis/testing";

test("the system clock shows the wall's time in milliseconds, and a time that only goes forward", () => {
  const before = { wall: Date.now(), monotonic: performance.now() };
  const shown = { wall: systemClock.wallMs(), monotonic: systemClock.monotonicMs() };
  assert.ok(before.wall <= shown.wall && shown.wall <= Date.now());
  assert.ok(before.monotonic <= shown.monotonic && shown.monotonic <= performance.now());
});

test("the clock's functions work without their object, as parts pass them on", () => {
  const { wallMs, monotonicMs } = systemClock;
  assert.ok(wallMs() > 0);
  assert.ok(monotonicMs() > 0);
});

test("seconds keep the fraction", () => {
  assert.equal(wallSecondsOf({ wallMs: () => 1_700_000_000_250 }), 1_700_000_000.25);
});

test("a cancelled timer does not run", async () => {
  const ran: string[] = [];
  const cancel = systemTimer(() => ran.push("cancelled"), 1);
  const done = new Promise<void>((resolve) => systemTimer(resolve, 5));
  cancel();
  await done;
  assert.deepEqual(ran, []);
});

test("a frozen clock moves both times and runs timers in order, each at its own time", () => {
  const clock = new FrozenClock(1_000);
  const ran: number[] = [];
  clock.setTimer(() => ran.push(clock.monotonicMs()), 20);
  clock.setTimer(() => ran.push(clock.monotonicMs()), 10);
  const cancel = clock.setTimer(() => ran.push(-1), 15);
  cancel();
  clock.advance(25);
  assert.deepEqual(ran, [10, 20]);
  assert.deepEqual([clock.monotonicMs(), clock.wallMs(), clock.timers], [25, 1_000_025, 0]);
});

test("a frozen wall clock can be set, and the monotonic one does not follow", () => {
  const clock = new FrozenClock(1_000);
  clock.setSeconds(500);
  assert.deepEqual([clock.monotonicMs(), clock.wallMs()], [0, 500_000]);
});
