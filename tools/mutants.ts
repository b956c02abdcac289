/**
 * `npm run mutants [-- NAME...]`: runs tests against mistakes that were put in on purpose (tools/mutants).
 * Every mistake must make a test fail; one that none notices is a hole in the suite.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensurePrograms } from "./debian-packages.ts";
import { unfitMutants } from "./mutants/fits.ts";
import { MUTANTS } from "./mutants/list.ts";
import type { Mutant } from "./mutants/mutant.ts";
import { mistypes } from "./mutants/types.ts";
import { usageOf } from "./usage.ts";
import { root } from "./workspace.ts";

const TEST_LIMIT_MS = 120_000;
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
  const unfit = [...unfitMutants(undefined, mutants), ...mistypes(undefined, mutants)];
  if (unfit.length > 0) {
    console.error(unfit.join("\n"));
    return 1;
  }
  ensurePrograms(["postgresql", "redis-server"]);
  // A test that fails without a mistake would seem to kill every mutant.
  if (!values["suite-passed"] && !(await passWithoutMistake(mutants))) return 1;
  const survivors: string[] = [];
  const waiting = [...mutants];
  let over = 0;
  const lane = async () => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const survived = await passes(mutant.tests, mutant.name);
      if (survived) survivors.push(mutant.name);
      const outcome = survived ? "SURVIVED" : "killed  ";
      console.log(`${++over} of ${mutants.length}  ${outcome}  ${mutant.name}: ${mutant.says}`);
    }
  };
  await Promise.all([lane(), lane()]);
  if (survivors.length > 0) console.error(`No test notices: ${survivors.join(", ")}.`);
  return survivors.length === 0 ? 0 : 1;
}

async function passWithoutMistake(mutants: readonly Mutant[]): Promise<boolean> {
  const tests = [...new Set(mutants.flatMap((mutant) => mutant.tests))];
  console.log(`${tests.length} test files without a mistake`);
  const pass = await passes(tests, undefined, (failure) => console.error(failure));
  if (!pass) console.error("They do not pass as they are: mend that first.");
  return pass;
}

/** Ends with the first failure: one is enough, and `tell` is given its text. A test that hangs fails by its time limit. */
function passes(
  tests: readonly string[],
  mutant?: string,
  tell: (failure: string) => void = () => {},
): Promise<boolean> {
  const hook = mutant === undefined ? [] : ["--import", join(root, "tools", "mutants", "apply.ts")];
  const flags = ["--conditions=@portcullis/source", ...hook, "--test", "--test-reporter=tap"];
  // Mutants have two lanes, most of them one test file.
  const bounds = [`--test-concurrency=${mutant === undefined ? 2 : 1}`, `--test-timeout=${TEST_LIMIT_MS}`];
  const env = { ...process.env, ...(mutant === undefined ? {} : { PORTCULLIS_MUTANT: mutant }) };
  const child = spawn(process.execPath, [...flags, ...bounds, ...tests], {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "ignore"],
    // Its own group: the test runner's children end with it.
    detached: true,
  });
  let failed = false;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (failed || !FAILURE.test(text)) return;
    failed = true;
    tell(text.slice(text.search(FAILURE)).trim());
    process.kill(-child.pid!, "SIGTERM");
  });
  return new Promise((resolve) => child.on("exit", (code) => resolve(code === 0 && !failed)));
}
