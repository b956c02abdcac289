import assert from "node:assert/strict";
import { after, test } from "node:test";
import { MUTANTS, REDIS_MUTANTS } from "../checks/mutants.ts";
import { createDataFolder } from "../server/data-file.ts";
import { type Outcome, simulate } from "../simulation.ts";

const SEEDS = Array.from({ length: 30 }, (_, index) => index + 1);
const REDIS_SEEDS = SEEDS.slice(0, 4);
/** A mutant that takes more worlds than this to be seen is hardly looked for. */
const MAX_SEEDS = 60;

const folder = createDataFolder();
after(() => folder.remove());

test("every invariant holds in worlds that do their worst, and enough happens in them", async () => {
  const total: Record<string, number> = {};
  for (const seed of SEEDS) {
    const { violation, trace, counts } = await simulate({ seed, folder });
    assert.equal(violation, undefined, `seed ${seed}: ${violation?.detail}\n${trace.join("\n")}`);
    for (const [name, count] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count;
  }
  for (const name of ["records", "enforced", "pending", "requests", "allowed"]) {
    assert.ok(total[name]! > 5 * SEEDS.length, `${name}: ${total[name]}`);
  }
});

test("whatever somebody does who may write to Redis, every invariant holds, and Redis is used", async () => {
  let fromRedis = 0;
  for (const seed of REDIS_SEEDS) {
    const { violation, trace, counts } = await simulate({ seed, folder, lyingRedis: true });
    assert.equal(violation, undefined, `seed ${seed}: ${violation?.detail}\n${trace.join("\n")}`);
    fromRedis += counts.fromRedis!;
  }
  assert.ok(fromRedis > 5 * REDIS_SEEDS.length, String(fromRedis));
});

for (const [name, mutations] of Object.entries(REDIS_MUTANTS)) {
  test(`${name} is caught`, async () => {
    await firstViolation((seed) => simulate({ seed, folder, mutations, lyingRedis: true }));
  });
}

test("a seed is the same world every time, and another seed another world", async () => {
  const digests = [];
  for (const seed of [4, 5, 4]) digests.push((await simulate({ seed, folder })).digest);
  assert.equal(digests[0], digests[2]);
  assert.notEqual(digests[0], digests[1]);
});

/** Whatever the mistake breaks first ends the run. */
for (const [name, mutations] of Object.entries(MUTANTS)) {
  test(`${name} is caught, and its seed catches it again`, async () => {
    const caught = await firstViolation((seed) => simulate({ seed, folder, mutations }));
    const again = await simulate({ seed: caught.seed, folder, mutations });
    assert.deepEqual(again, caught);
    const honest = await simulate({ seed: caught.seed, folder });
    assert.equal(honest.violation, undefined);
  });
}

async function firstViolation(run: (seed: number) => Promise<Outcome>): Promise<Outcome> {
  for (let seed = 1; seed <= MAX_SEEDS; seed++) {
    const outcome = await run(seed);
    if (outcome.violation !== undefined) return outcome;
  }
  return assert.fail(`not caught in ${MAX_SEEDS} worlds`);
}
