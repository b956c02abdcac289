import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { boundedConcurrency } from "../../src/people/bounded-concurrency.ts";

const full = () => new Error("full");

describe("bounded concurrency", () => {
  it("runs no more at once than it may, and all in the end", async () => {
    const run = boundedConcurrency({ running: 2, waiting: 100, full });
    let running = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
      return 1;
    };
    const results = await Promise.all(Array.from({ length: 20 }, () => run(work)));
    assert.equal(results.length, 20);
    assert.equal(most, 2);
  });

  it("refuses whoever would wait beyond its limit", async () => {
    const run = boundedConcurrency({ running: 1, waiting: 1, full });
    const gate = Promise.withResolvers<void>();
    const [first, second] = [run(() => gate.promise), run(() => gate.promise)];
    await assert.rejects(
      run(() => gate.promise),
      { message: "full" },
    );
    gate.resolve();
    await Promise.all([first, second]);
    await run(async () => undefined);
  });

  it("goes on after work that failed", async () => {
    const run = boundedConcurrency({ running: 1, waiting: 0, full });
    await assert.rejects(
      run(() => Promise.reject(new Error("broken"))),
      { message: "broken" },
    );
    assert.equal(await run(async () => 7), 7);
  });
});
