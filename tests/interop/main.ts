/** `npm run interop -- [NAME...]`: see tools/usage/interop.txt. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { installClients } from "./install.ts";
import { type Outcome, tableOf } from "./table.ts";
import { WEB_TRIALS, type WebTrial } from "./trials.ts";
import { type Step, tryWebApp } from "./try-web-app.ts";
import { INTEROP, startWorld, versionOf, type World } from "./world.ts";

const names = process.argv.slice(2);
const isWanted = ({ name }: { readonly name: string }): boolean =>
  names.length === 0 || names.some((wanted) => name.toLowerCase().includes(wanted.toLowerCase()));
const webTrials = WEB_TRIALS.filter(isWanted);
if (webTrials.length === 0) throw new Error(`no client is called ${names.join(" or ")}`);

installClients();
const world = await startWorld(webTrials);
const outcomes: Outcome[] = [];
try {
  for (const trial of webTrials) outcomes.push(await outcomeOf(world, trial));
} finally {
  await world.stop();
}
if (names.length === 0) writeFileSync(join(INTEROP, "../docs/reference/interop.md"), tableOf(outcomes));
const failed = outcomes.filter(({ failure }) => failure !== undefined);
say(`${outcomes.length - failed.length} of ${outcomes.length} clients work.`);
process.exitCode = failed.length === 0 ? 0 : 1;

async function outcomeOf(world: World, trial: WebTrial): Promise<Outcome> {
  const passed: Step[] = [];
  const failure = await tryWebApp(world, trial, (step) => passed.push(step)).then(
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
