import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createStoredTimes } from "../../src/storage/stored-time.ts";

const SKEW_MS = 5000;
const WINDOW_MS = 10_000;
const START = 1_700_000_000_000;

function timesAt() {
  let [wall, steady] = [START, 1000];
  const times = createStoredTimes({
    clock: { wallMs: () => wall, monotonicMs: () => steady },
    clockSkewSeconds: 5,
  });
  return {
    times,
    pass(ms: number) {
      wall += ms;
      steady += ms;
    },
    step: (ms: number) => {
      wall += ms;
    },
  };
}

describe("a window from a stored time", () => {
  for (const [aheadMs, isWithin] of [
    [0, true],
    [50, true],
    [SKEW_MS, true],
    [SKEW_MS + 1, false],
  ] as const) {
    it(`is ${isWithin ? "open" : "not believed"} when what stored it is ${aheadMs} ms ahead`, () => {
      assert.equal(timesAt().times.isWithin(START + aheadMs, WINDOW_MS), isWithin);
    });
  }

  it("is open for as long as it is, and the skew, and no longer", () => {
    const { times, pass } = timesAt();
    pass(WINDOW_MS + SKEW_MS - 1);
    assert.equal(times.isWithin(START, WINDOW_MS), true);
    pass(1);
    assert.equal(times.isWithin(START, WINDOW_MS), false);
  });

  for (const stepMs of [-3_600_000, -1000, 1000, 3_600_000]) {
    it(`stays open when the clock steps by ${stepMs} ms`, () => {
      const { times, step } = timesAt();
      step(stepMs);
      assert.equal(times.isWithin(START, WINDOW_MS), true);
    });
  }

  it("closes in time when the clock has stepped back", () => {
    const { times, pass, step } = timesAt();
    step(-3_600_000);
    pass(WINDOW_MS + SKEW_MS);
    assert.equal(times.isWithin(START, WINDOW_MS), false);
  });
});

describe("an age", () => {
  it("is never negative", () => {
    assert.equal(timesAt().times.ageMs(START + 50), 0);
    assert.equal(timesAt().times.ageMs(START - 50), 50);
  });
});
