/** `npm run faults`: causes faults on real servers under load, and writes down what held (README.md). */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { removeAtExit } from "./bed/undo.ts";
import { FAULTS } from "./faults.ts";
import { Progress } from "./report/progress.ts";
import type { Fault } from "./rounds/fault.ts";
import { runAll } from "./rounds/run-all.ts";

const USAGE = readFileSync(new URL("../tools/usage/faults.txt", import.meta.url), "utf8").trimEnd();
const DEFAULT_ROUNDS = 10;
const MAX_ROUNDS = 1000;

interface Choice {
  readonly faults: readonly Fault[];
  readonly rounds: number;
  readonly logFolder: string | undefined;
}

function readChoice(): Choice {
  const { values } = readArguments();
  if (values.help === true) leave(0, USAGE);
  if (values.list === true)
    leave(0, FAULTS.map(({ name, title }) => `${name.padEnd(24)}${title}`).join("\n"));
  return { faults: chosen(values.only ?? []), rounds: roundsOf(values.rounds), logFolder: values.logs };
}

function readArguments() {
  const options = {
    only: { type: "string", multiple: true },
    rounds: { type: "string" },
    logs: { type: "string" },
    list: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  } as const;
  try {
    return parseArgs({ options });
  } catch (error) {
    return leave(2, `${(error as Error).message}\n\n${USAGE}`);
  }
}

function chosen(names: readonly string[]): readonly Fault[] {
  const unknown = names.filter((name) => !FAULTS.some((fault) => fault.name === name));
  if (unknown.length > 0) {
    leave(
      2,
      `There is no fault ${unknown.join(", ")}. There are: ${FAULTS.map(({ name }) => name).join(", ")}.`,
    );
  }
  return names.length === 0 ? FAULTS : FAULTS.filter(({ name }) => names.includes(name));
}

function roundsOf(text: string | undefined): number {
  const rounds = Number(text ?? DEFAULT_ROUNDS);
  if (Number.isInteger(rounds) && rounds >= 1 && rounds <= MAX_ROUNDS) return rounds;
  return leave(2, `--rounds is ${text}: give a whole number from 1 to ${MAX_ROUNDS}.`);
}

function leave(status: number, text: string): never {
  (status === 0 ? process.stdout : process.stderr).write(`${text}\n`);
  process.exit(status);
}

/** Exit handlers end every process and take back every rule, mount and folder (bed/undo.ts). */
function endWhenTold(): void {
  for (const [signal, status] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    process.prependListener(signal, () => process.exit(status));
  }
  // The program that started this one over a channel is gone: nobody could stop us any more.
  process.once("disconnect", () => process.exit(143));
}

/** All folders of all servers in one, which goes when this process goes. PostgreSQL's own user must get through. */
function useFolderOfOwn(): void {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-faults-"));
  chmodSync(folder, 0o711);
  removeAtExit(folder);
  process.env.TMPDIR = folder;
}

const { faults, rounds, logFolder } = readChoice();
if (logFolder !== undefined) mkdirSync(logFolder, { recursive: true });
endWhenTold();
useFolderOfOwn();
const isRoot = process.getuid?.() === 0;
const possible = faults.filter(({ needsRoot }) => isRoot || needsRoot !== true);
for (const { name } of faults.filter((fault) => !possible.includes(fault))) {
  process.stderr.write(`${name} is left out: it needs root, to drop packets or to mount.\n`);
}
const failed = await runAll({
  faults: possible,
  rounds,
  logFolder,
  progress: new Progress(process.stderr, possible.length),
});
if (failed.length > 0) process.stderr.write(`Did not hold: ${failed.join(", ")}.\n`);
process.exit(failed.length === 0 ? 0 : 1);
