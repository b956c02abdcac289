import { join } from "node:path";
import type { Contender, Scenario } from "./contender.ts";

type Bench = typeof import("../index/measure.ts");

const ENTRIES = 1_000_000;
const BATCH = 1000;

/** Both indexes in this process, with the same keys. */
export const index: Scenario = { rounds: 8, warmUp: 1, open: (trees) => Promise.all(trees.map(open)) };

async function open(tree: string): Promise<Contender> {
  const bench = (await import(join(tree, "bench/index/measure.ts"))) as Bench;
  const filled = bench.grow(ENTRIES, BATCH);
  return {
    async measure() {
      const { seconds } = bench.timeGrowth(ENTRIES, BATCH, 1);
      const { hitNs, missNs, tokenMissNs } = bench.lookUp(filled, ENTRIES);
      return {
        "insert, ns": (seconds * 1e9) / ENTRIES,
        "hit, ns": hitNs,
        "miss, ns": missNs,
        "whole token, ns": tokenMissNs,
      };
    },
    close: async () => {},
  };
}
