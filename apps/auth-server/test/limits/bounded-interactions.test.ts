import assert from "node:assert/strict";
import { test } from "node:test";
import { boundedInteractions } from "../../src/limits/bounded-interactions.ts";
import { MemoryRateLimit } from "../../src/limits/memory-rate-limit.ts";

test("a flood of sign-ins leaves a bounded number in Redis; the rest is for SQL to keep", async () => {
  let now = 0;
  const kept = new Set<string>();
  const cache = boundedInteractions(
    {
      save: async (id) => kept.add(id) !== undefined,
      find: async () => undefined,
      destroy: async (id) => void kept.delete(id),
    },
    new MemoryRateLimit({ most: 10, windowMs: 60_000, clock: { monotonicMs: () => now } }),
  );
  const save = (id: number) => cache.save(String(id), {}, 3600);
  const answers = await Promise.all(Array.from({ length: 50 }, (_, id) => save(id)));
  assert.equal(answers.filter(Boolean).length, 10);
  assert.equal(kept.size, 10);
  now += 60_000;
  assert.equal(await save(100), true);
});
