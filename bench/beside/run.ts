/** See README.md. `run.ts --beside FOLDER [--json FILE] SCENARIO...`: prints a table, and writes the same figures. */
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { saveResult } from "../save-result.ts";
import type { Contender, Scenario } from "./contender.ts";
import { gateway } from "./gateway.ts";
import { guard } from "./guard.ts";
import { index } from "./index-of-revocations.ts";
import { propagation } from "./propagation.ts";
import { tokenEndpoint } from "./token-endpoint.ts";

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  guard,
  gateway,
  "token-endpoint": tokenEndpoint,
  index,
  propagation,
};
const HERE = realpathSync(fileURLToPath(new URL("../../", import.meta.url)));

interface Comparison {
  readonly here: Spread;
  readonly beside: Spread;
  readonly ratioOfMinima: number;
  readonly ratioOfMedians: number;
}

interface Spread {
  readonly min: number;
  readonly median: number;
}

type Windows = Record<string, number[]>;

const { values, positionals } = parseArgs({
  options: { beside: { type: "string" }, json: { type: "string" } },
  allowPositionals: true,
});
const names = positionals.length > 0 ? positionals : Object.keys(SCENARIOS);
const unknown = names.filter((name) => !Object.hasOwn(SCENARIOS, name));
if (values.beside === undefined || unknown.length > 0) {
  console.error(
    `usage: run.ts --beside FOLDER [--json FILE] [SCENARIO...]; there are ${Object.keys(SCENARIOS).join(", ")}`,
  );
  process.exit(2);
}
const trees = [HERE, realpathSync(values.beside)];
const results: Record<string, Record<string, Comparison>> = {};
for (const name of names) {
  results[name] = await compare(SCENARIOS[name]!);
  print(name, results[name]);
}
const method =
  "both checkouts in one run, in windows that alternate and of which each goes first every other time; ratios are this checkout to the other, of the minima and of the medians";
saveResult(values.json, { scenario: "beside", method, ...{ results } });

async function compare(scenario: Scenario): Promise<Record<string, Comparison>> {
  const contenders = await scenario.open(trees);
  try {
    return compared(await alternate(contenders, scenario));
  } finally {
    for (const contender of contenders) await contender.close();
  }
}

async function alternate(
  contenders: readonly Contender[],
  { rounds, warmUp }: Scenario,
): Promise<readonly Windows[]> {
  const windows = contenders.map((): Windows => ({}));
  for (let round = -warmUp; round < rounds; round++) {
    for (const at of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const figures = await contenders[at]!.measure();
      if (round < 0) continue;
      for (const [name, figure] of Object.entries(figures)) {
        const all = windows[at]!;
        all[name] = [...(all[name] ?? []), figure];
      }
    }
  }
  return windows;
}

function compared([here, beside]: readonly Windows[]): Record<string, Comparison> {
  const pairs = Object.keys(here!).map((name) => {
    const [ours, theirs] = [spreadOf(here![name]!), spreadOf(beside![name]!)];
    const ratios = { ratioOfMinima: ours.min / theirs.min, ratioOfMedians: ours.median / theirs.median };
    return [name, { here: ours, beside: theirs, ...ratios }] as const;
  });
  return Object.fromEntries(pairs);
}

function spreadOf(windows: readonly number[]): Spread {
  const sorted = windows.toSorted((left, right) => left - right);
  return { min: sorted[0]!, median: sorted[Math.floor(sorted.length / 2)]! };
}

function print(scenario: string, figures: Readonly<Record<string, Comparison>>): void {
  const show = ({ min, median }: Spread) => `${min.toPrecision(3)} (${median.toPrecision(3)})`;
  console.log(`\n${scenario}: minimum (median) of the windows`);
  console.table(
    Object.fromEntries(
      Object.entries(figures).map(([name, { here, beside, ratioOfMinima, ratioOfMedians }]) => [
        name,
        {
          here: show(here),
          beside: show(beside),
          "ratio of minima": ratioOfMinima.toFixed(3),
          "of medians": ratioOfMedians.toFixed(3),
        },
      ]),
    ),
  );
}
