/** See README.md. Prints a table, and with `--json FILE` writes the same figures with method and machine. */
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { grow, lookUp, timeGrowth } from "./measure.ts";

const BUDGETS = {
  1000000: { bytes: 16, missNs: 60, insertsPerSecond: 5e6, pauseMs: 5 },
  10000000: { bytes: 16, missNs: 150, insertsPerSecond: 5e6, pauseMs: 5 },
} as const;
type Size = keyof typeof BUDGETS;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

interface Result {
  readonly entries: number;
  readonly bytesPerEntry: number;
  readonly allocatedBytesPerEntry: number;
  readonly insertsPerSecond: number;
  readonly hitNs: number;
  readonly missNs: number;
  readonly tokenMissNs: number;
  readonly longestPauseMs: number;
}

function measure(entries: number, runs: number): Result {
  const inserted = timeGrowth(entries, 1000, runs);
  const paused = timeGrowth(entries, 64, runs);
  collectGarbage();
  const before = process.memoryUsage().arrayBuffers;
  const index = grow(entries, 1000);
  collectGarbage();
  const allocated = process.memoryUsage().arrayBuffers - before;
  const { membership, bytes } = index.statistics();
  return {
    entries: membership,
    bytesPerEntry: bytes / membership,
    allocatedBytesPerEntry: allocated / membership,
    insertsPerSecond: entries / inserted.seconds,
    ...lookUp(index, entries),
    longestPauseMs: paused.longestMs,
  };
}

function judge(result: Result): Record<string, string> {
  const budget = BUDGETS[result.entries as Size];
  const mark = (within: boolean) => (within ? "" : " MISSED");
  return {
    entries: result.entries.toLocaleString("en"),
    "bytes/entry": result.bytesPerEntry.toFixed(2) + mark(result.bytesPerEntry <= budget.bytes),
    "miss ns": result.missNs.toFixed(1) + mark(result.missNs <= budget.missNs),
    "hit ns": result.hitNs.toFixed(1),
    "whole token ns": result.tokenMissNs.toFixed(1),
    "inserts/s":
      `${(result.insertsPerSecond / 1e6).toFixed(2)}M` +
      mark(result.insertsPerSecond >= budget.insertsPerSecond),
    "longest pause ms": result.longestPauseMs.toFixed(2) + mark(result.longestPauseMs <= budget.pauseMs),
  };
}

const { values } = parseArgs({ options: { json: { type: "string" }, only: { type: "string" } } });
const sizes = (Object.keys(BUDGETS) as unknown as Size[])
  .map(Number)
  .filter((size) => !values.only || Number(values.only) === size);
const loadAtStart = loadavg()[0];
grow(200_000, 1000);
const results = sizes.map((size) => measure(size, size > 1_000_000 ? 3 : 6));
console.table(results.map(judge));

if (values.json !== undefined) {
  const report = {
    scenario: "index",
    method: "bench/index/README.md",
    date: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      node: process.version,
      loadAtStart,
      loadAtEnd: loadavg()[0],
    },
    budgets: BUDGETS,
    results,
  };
  writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
}
