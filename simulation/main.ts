/** `npm run simulate -- [options]`: see the help text below. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { MUTANTS, REDIS_MUTANTS } from "./checks/mutants.ts";
import { HONEST } from "./checks/mutations.ts";
import { createProgress } from "./progress.ts";
import { createDataFolder } from "./server/data-file.ts";
import { type Outcome, simulate } from "./simulation.ts";

const USAGE = new URL("../tools/usage/simulate.txt", import.meta.url);

const ALL_MUTANTS = { ...MUTANTS, ...REDIS_MUTANTS };
const options = readOptions();
const folder = createDataFolder();
let seed = options.seed;

// What is thrown where nobody waits for it is a defect like any other, and its seed is what is needed.
process.once("uncaughtException", (error) => {
  process.stderr.write(`\nseed ${seed}: something was thrown\n${error.stack}\n`);
  end(1);
});
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.once(signal, () => end(code));
}

end(await runAll());

async function runAll(): Promise<number> {
  const progress = createProgress({ runs: options.runs, output: process.stdout });
  const mutations = options.mutant === undefined ? HONEST : ALL_MUTANTS[options.mutant]!;
  const { lyingRedis, traceLines } = options;
  for (let run = 0; run < options.runs; run++, seed++) {
    const outcome = await simulate({ seed, folder, mutations, lyingRedis, traceLines });
    progress.add(outcome);
    if (outcome.violation === undefined) continue;
    progress.end();
    process.stdout.write(describe(outcome));
    return 1;
  }
  progress.end();
  process.stdout.write(`${progress.summary()}\n`);
  return 0;
}

function describe({ seed, violation, trace, events, simulatedMs, digest }: Outcome): string {
  const mutant = options.mutant === undefined ? "" : ` --mutant ${options.mutant}`;
  const redis = options.lyingRedis ? " --lying-redis" : "";
  return `
Violated: ${violation!.invariant}
  ${violation!.detail}
Seed ${seed}, after ${events} events and ${(simulatedMs / 1000).toFixed(3)} simulated seconds; digest ${digest}.
Replay: npm run simulate -- --seed ${seed} --runs 1${redis}${mutant}

The last lines of the trace (true milliseconds, process, event):
${trace.join("\n")}
`;
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        seed: { type: "string", default: "1" },
        runs: { type: "string", default: "200" },
        trace: { type: "string", default: "40" },
        mutant: { type: "string" },
        "lying-redis": { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      process.stdout.write(readFileSync(USAGE));
      process.exit(0);
    }
    if (values.mutant !== undefined && !Object.hasOwn(ALL_MUTANTS, values.mutant)) {
      throw new Error(
        `--mutant: there is no ${values.mutant}. There are: ${Object.keys(ALL_MUTANTS).join(", ")}.`,
      );
    }
    const seed = wholeNumber("--seed", values.seed, 0);
    const runs = wholeNumber("--runs", values.runs, 1);
    const traceLines = wholeNumber("--trace", values.trace, 1);
    const { mutant, "lying-redis": lyingRedis } = values;
    return { seed, runs, traceLines, mutant, lyingRedis };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nSee npm run simulate -- --help.\n`);
    process.exit(2);
  }
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= least) return value;
  throw new Error(`${name}: found ${JSON.stringify(text)}; give a whole number, ${least} or more.`);
}

function end(code: number): never {
  folder.remove();
  process.exit(code);
}
