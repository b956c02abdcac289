/** `npm run interop -- [NAME...]`: see tools/usage/interop.txt. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { launchChromium } from "@portcullis/testing/end-to-end";
import type { Browser } from "playwright-core";
import { installFor } from "./install.ts";
import { type Outcome, tableOf } from "./table.ts";
import {
  OTHER_SERVICE_TRIALS,
  OTHER_WEB_TRIALS,
  PAGE_TRIALS,
  SERVICE_TRIALS,
  type Step,
  type Trial,
  WEB_TRIALS,
} from "./trials.ts";
import { tryPage } from "./try-page.ts";
import { tryService } from "./try-service.ts";
import { tryWebApp } from "./try-web-app.ts";
import { INTEROP, startWorld, versionOf } from "./world.ts";

const names = process.argv.slice(2);
const isWanted = ({ name }: Trial): boolean =>
  names.length === 0 || names.some((wanted) => name.toLowerCase().includes(wanted.toLowerCase()));
const wanted = [
  ...WEB_TRIALS,
  ...OTHER_WEB_TRIALS,
  ...PAGE_TRIALS,
  ...SERVICE_TRIALS,
  ...OTHER_SERVICE_TRIALS,
].filter(isWanted);
if (wanted.length === 0) throw new Error(`no client is called ${names.join(" or ")}`);

const missing = installFor(wanted);
const skipped = wanted.filter(({ from }) => missing.has(from.registry));
for (const { name, from } of skipped) say(`skip ${name}: ${missing.get(from.registry)}`);
const isTried = (trial: Trial): boolean => isWanted(trial) && !missing.has(trial.from.registry);
const webTrials = [...WEB_TRIALS, ...OTHER_WEB_TRIALS].filter(isTried);
const pageTrials = PAGE_TRIALS.filter(isTried);
const serviceTrials = [...SERVICE_TRIALS, ...OTHER_SERVICE_TRIALS].filter(isTried);
const trials = [...webTrials, ...pageTrials, ...serviceTrials];
const world = await startWorld(trials);
const outcomes: Outcome[] = [];
let chromium: Browser | undefined;
try {
  for (const trial of webTrials)
    outcomes.push(await outcomeOf(trial, (passed) => tryWebApp(world, trial, passed)));
  for (const trial of serviceTrials)
    outcomes.push(await outcomeOf(trial, (passed) => tryService(world, trial, passed)));
  for (const trial of pageTrials) {
    chromium ??= await launchChromium();
    const tried = { world, chromium, trial };
    outcomes.push(await outcomeOf(trial, (passed) => tryPage(tried, passed)));
  }
} finally {
  await chromium?.close();
  await world.stop();
}
// A table without those that could not be tried would read as if they were none of ours.
if (names.length === 0 && skipped.length === 0)
  writeFileSync(join(INTEROP, "../docs/reference/interop.md"), tableOf(outcomes));
const failed = outcomes.filter(({ failure }) => failure !== undefined);
say(
  `${outcomes.length - failed.length} of ${outcomes.length} clients work, ${skipped.length} could not be tried.`,
);
process.exitCode = failed.length === 0 ? 0 : 1;

async function outcomeOf(
  trial: Trial,
  attempt: (passed: (step: Step) => void) => Promise<void>,
): Promise<Outcome> {
  const passed: Step[] = [];
  const failure = await attempt((step) => passed.push(step)).then(
    () => undefined,
    (error: unknown) => error,
  );
  say(`${failure === undefined ? "ok  " : "FAIL"} ${trial.name}: ${passed.join(", ")}`);
  if (failure !== undefined) process.stderr.write(`${(failure as Error).stack}\n`);
  return { trial, version: versionOf(trial), passed, failure };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
