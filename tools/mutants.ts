/**
 * `npm run mutants [-- NAME...]`: runs tests against mistakes that were put in on purpose (tools/mutants).
 * Every mistake must make a test fail; one that none notices is a hole in the suite.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensurePrograms } from "./debian-packages.ts";
import { memoryFolder } from "./memory-folder.ts";
import { unfitMutants } from "./mutants/fits.ts";
import { MUTANTS } from "./mutants/list.ts";
import type { Mutant } from "./mutants/mutant.ts";
import { mistypes } from "./mutants/types.ts";
import { usageOf } from "./usage.ts";
import { root } from "./workspace.ts";

/** As many as test files of the suite at a time. */
const LANES = 2;
const FILE_LIMIT_MS = 120_000;
/** With a mistake, what is waited for never comes: some twenty times as long as a busy machine makes it come otherwise. */
const MUTANT_PATIENCE_MS = 20_000;
const FLAGS = ["--conditions=@portcullis/source", "--test-reporter=tap"];
const APPLY = join(root, "tools", "mutants", "apply.ts");
const FAILURE = /^\s*not ok /m;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: "boolean" },
    "suite-passed": { type: "boolean" },
    help: { type: "boolean", short: "h" },
  },
});
const unknown = positionals.filter((name) => !MUTANTS.some((mutant) => mutant.name === name));

if (values.help) {
  process.stdout.write(usageOf("mutants"));
} else if (values.list) {
  for (const { name, says } of MUTANTS) console.log(`${name}\n    ${says}`);
} else if (unknown.length > 0) {
  console.error(`There is no mutant ${unknown.join(", ")}. See them with --list.`);
  process.exitCode = 2;
} else {
  process.exitCode = await runAll(
    MUTANTS.filter(({ name }) => positionals.length === 0 || positionals.includes(name)),
  );
}

async function runAll(mutants: readonly Mutant[]): Promise<number> {
  // `npm run check` has looked at all types before the suite ran.
  const mistyped = values["suite-passed"] ? [] : mistypes(undefined, mutants);
  const unfit = [...unfitMutants(undefined, mutants), ...mistyped];
  if (unfit.length > 0) {
    console.error(unfit.join("\n"));
    return 1;
  }
  ensurePrograms(["postgresql", "redis-server"]);
  Object.assign(process.env, memoryFolder());
  // A test that fails without a mistake would seem to kill every mutant.
  if (!values["suite-passed"] && !(await passWithoutMistake(mutants))) return 1;
  const survivors = await survivorsOf(mutants);
  if (survivors.length > 0) console.error(`No test notices: ${survivors.join(", ")}.`);
  return survivors.length === 0 ? 0 : 1;
}

async function passWithoutMistake(mutants: readonly Mutant[]): Promise<boolean> {
  const tests = [...new Set(mutants.flatMap((mutant) => mutant.tests))];
  console.log(`${tests.length} test files without a mistake`);
  const bounds = [`--test-concurrency=${LANES}`, `--test-timeout=${FILE_LIMIT_MS}`];
  const failure = await firstFailure(["--test", ...bounds, ...tests]);
  if (failure !== undefined) console.error(`${failure}\nThey do not pass as they are: mend that first.`);
  return failure === undefined;
}

async function survivorsOf(mutants: readonly Mutant[]): Promise<string[]> {
  const survivors: string[] = [];
  const tookMs = new Map<string, number>();
  const waiting = [...mutants];
  const lane = async () => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const beganAt = performance.now();
      const survived = await survives(mutant);
      tookMs.set(mutant.name, performance.now() - beganAt);
      if (survived) survivors.push(mutant.name);
      const outcome = survived ? "SURVIVED" : "killed  ";
      console.log(`${tookMs.size} of ${mutants.length}  ${outcome}  ${mutant.name}: ${mutant.says}`);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  console.log(`The longest, in seconds:\n${longestOf(tookMs).join("\n")}`);
  return survivors;
}

/** One file after the other, each without the test runner's own process: what is loaded once less is a third of a quick test. */
async function survives({ name, tests }: Mutant): Promise<boolean> {
  for (const test of tests) {
    if ((await firstFailure(["--import", APPLY, test], name)) !== undefined) return false;
  }
  return true;
}

/**
 * Text of the first failure, which ends the run: one is enough. None when all passed. With a mistake, a process that is not over
 * at its time limit hangs, and that is a failure as well.
 */
function firstFailure(command: readonly string[], mutant?: string): Promise<string | undefined> {
  const child = spawn(process.execPath, [...FLAGS, ...command], {
    cwd: root,
    env: { ...process.env, ...(mutant === undefined ? {} : variablesFor(mutant)) },
    stdio: ["ignore", "pipe", "ignore"],
    // Its own group: what the tests have started ends with it.
    detached: true,
  });
  let failure: string | undefined;
  const fail = (text: string) => {
    if (failure !== undefined) return;
    failure = text;
    process.kill(-child.pid!, "SIGTERM");
  };
  const limit = mutant === undefined ? undefined : setTimeout(fail, FILE_LIMIT_MS, "It hangs.");
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (FAILURE.test(text)) fail(text.slice(text.search(FAILURE)).trim());
  });
  return new Promise((resolve) => {
    child.on("exit", (code) => {
      clearTimeout(limit);
      resolve(failure ?? (code === 0 ? undefined : `It ended with ${code}.`));
    });
  });
}

function variablesFor(mutant: string) {
  return { PORTCULLIS_MUTANT: mutant, PORTCULLIS_TEST_PATIENCE_MS: String(MUTANT_PATIENCE_MS) };
}

function longestOf(tookMs: ReadonlyMap<string, number>): string[] {
  const mutants = [...tookMs].toSorted(([, left], [, right]) => right - left).slice(0, 15);
  return mutants.map(([name, ms]) => `${(ms / 1000).toFixed(1).padStart(7)}  ${name}`);
}
