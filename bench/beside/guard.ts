import { join } from "node:path";
import type { Contender, Scenario } from "./contender.ts";

type Bench = typeof import("../guard/scenario.ts");

const SEEN_PER_WINDOW = 50_000;

/** Both guards in this process: what one does to V8 (shapes, code caches) it does to the other. */
export const guard: Scenario = { rounds: 24, warmUp: 4, open: (trees) => Promise.all(trees.map(open)) };

async function open(tree: string): Promise<Contender> {
  const bench = (await import(join(tree, "bench/guard/scenario.ts"))) as Bench;
  const revocations = bench.revocationsOf();
  const checks = bench.ALGORITHMS.map(
    (algorithm) => [algorithm, bench.scenarioOf(algorithm, revocations).candidates] as const,
  );
  return {
    async measure() {
      const figures: Record<string, number> = {};
      for (const [algorithm, { seen, firstSeen }] of checks) {
        figures[`${algorithm} seen, us`] = await cpuOf(seen, SEEN_PER_WINDOW);
        figures[`${algorithm} first seen, us`] = await cpuOf(firstSeen, bench.TOKENS);
      }
      return figures;
    },
    close: async () => {},
  };
}

/** CPU microseconds a check. */
async function cpuOf(check: (count: number) => void | Promise<void>, count: number): Promise<number> {
  const before = process.cpuUsage();
  await check(count);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}
