/** Runs a process of ours: from its command line and configuration to its end. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { PortcullisError } from "@portcullis/protocol";
import type { Logger } from "pino";
import type { z } from "zod";
import {
  CONFIGURATION_VARIABLE,
  misspelt,
  type Overridden,
  readEnvironment,
} from "../configuration/environment.ts";
import {
  type ConfigurationDefinition,
  configurationFrom,
  type ReadSettings,
  readSettings,
} from "../configuration/read-configuration.ts";
import { settingsOf } from "../configuration/settings.ts";
import { serviceError } from "../errors.ts";
import { createLog } from "../log/create-log.ts";
import type { LogDestination } from "../log/log-destination.ts";
import { openStandardError } from "../log/standard-error.ts";
import { type Arguments, helpText, readArguments, type Switch } from "./arguments.ts";
import { EndOfProcess } from "./end-of-process.ts";

export interface ProcessDefinition<Schema extends z.ZodObject, Configuration> {
  /** In its lines, and in front of what it says before it can log. */
  readonly name: string;
  /** One sentence or two for `--help`. */
  readonly about: string;
  /** The page with all settings. */
  readonly reference: string;
  /** Its `package.json`, which has its version. */
  readonly packageFile: URL;
  readonly configuration: ConfigurationDefinition<Schema, Configuration>;
  readonly switches?: readonly Switch[];
  /** Resolves when it listens. Whatever it has opened by then, it closes if it fails. */
  readonly start: (starting: Starting<Configuration>) => Promise<RunningProcess>;
}

export interface Starting<Configuration> {
  readonly configuration: Configuration;
  readonly log: Logger;
  readonly droppedLogLines: () => number;
  readonly switches: ReadonlySet<string>;
}

export interface RunningProcess {
  /** Where it listens: told to the log, and to the parent process if there is one. */
  readonly addresses: { readonly url: string; readonly management: string; readonly [name: string]: string };
  /** Takes no new requests and finishes those under way. Called once. */
  stop(): Promise<void>;
}

/** Runs the process that is defined, with the command line and the environment of this one. */
export async function runProcess<Schema extends z.ZodObject, Configuration>(
  definition: ProcessDefinition<Schema, Configuration>,
): Promise<void> {
  // Whatever this process makes is for its owner alone.
  process.umask(0o077);
  const lines = openStandardError();
  const log = createLog({ name: definition.name, destination: lines });
  try {
    const given = readArguments(process.argv.slice(2), definition.switches ?? []);
    const text = textInstead(definition, given, lines);
    if (text !== undefined) process.stdout.write(text);
    else await run(definition, given, { log, lines });
  } catch (error) {
    // Mistakes that an operator can put right need their text, not our stack.
    if (error instanceof PortcullisError) lines.write(`${definition.name}: ${error.message}\n`);
    else log.fatal({ event: "start_failed", error });
    process.exit(1);
  }
}

/** What is printed instead of running; undefined: it is to run. `warnings` takes what does not stop it. */
function textInstead<Schema extends z.ZodObject, Configuration>(
  definition: ProcessDefinition<Schema, Configuration>,
  given: Arguments,
  warnings: Pick<LogDestination, "write">,
): string | undefined {
  switch (given.task) {
    case "help":
      return helpText({ switches: [], ...definition });
    case "version":
      return `${definition.name} ${versionOf(definition.packageFile)}\n`;
    case "check":
      check(definition, given, warnings);
      return `${definition.name}: the configuration is valid\n`;
    case "run":
      return undefined;
  }
}

/** Throws what is wrong. What it warns of comes before: a problem may be one of a variable that nobody meant to be in force. */
function check<Schema extends z.ZodObject, Configuration>(
  definition: ProcessDefinition<Schema, Configuration>,
  given: Arguments,
  warnings: Pick<LogDestination, "write">,
): void {
  const settings = read(definition, given);
  const texts = [...overridingIn(settings).map(({ text }) => text), ...ignored(definition)];
  for (const text of texts) warnings.write(`${definition.name}: ${text}\n`);
  configurationFrom(definition.configuration, settings);
}

/** A line for each variable that is nearly one of ours. */
const ignored = ({ configuration }: { configuration: { schema: z.ZodObject } }): readonly string[] =>
  misspelt(process.env, settingsOf(configuration.schema));

const versionOf = (packageFile: URL): string =>
  (JSON.parse(readFileSync(packageFile, "utf8")) as { version: string }).version;

interface Read extends ReadSettings {
  readonly file: string | undefined;
}

function read<Schema extends z.ZodObject, Configuration>(
  { configuration }: ProcessDefinition<Schema, Configuration>,
  given: Arguments,
): Read {
  const file = given.config ?? (process.env[CONFIGURATION_VARIABLE] || undefined);
  const settings = settingsOf(configuration.schema);
  if (file === undefined && readEnvironment(process.env, settings).given.length === 0) {
    const text =
      "found no settings; name their file with --config FILE, or set them in the environment. See --help";
    throw serviceError("usage_invalid", { text });
  }
  return { ...readSettings(configuration, { file, environment: process.env }), file };
}

interface Output {
  readonly log: Logger;
  readonly lines: LogDestination;
}

async function run<Schema extends z.ZodObject, Configuration>(
  definition: ProcessDefinition<Schema, Configuration>,
  given: Arguments,
  { log, lines }: Output,
): Promise<void> {
  lines.whenFlowingAgain((dropped) => log.warn({ event: "log_lines_dropped", lines: dropped }));
  const end = new EndOfProcess({ log: lines, reportFatal: (event) => log.fatal(event) });
  const settings = read(definition, given);
  tellOfEnvironment(definition, settings, log);
  const configuration = configurationFrom(definition.configuration, settings);
  const { switches } = given;
  const running = await definition.start({
    configuration,
    log,
    switches,
    droppedLogLines: () => lines.dropped,
  });
  stopWhenTold(running, { log, end });
  log.info({ event: "listening", ...running.addresses });
  process.send?.({ type: "ready", ...running.addresses });
}

/**
 * Variables reach a process from far away, such as those of the `portcullis` command from the shell in which it was started: it says
 * which it took, which of them the file contradicts, and which look as if it should have taken them.
 */
function tellOfEnvironment<Schema extends z.ZodObject, Configuration>(
  definition: ProcessDefinition<Schema, Configuration>,
  read: Read,
  log: Logger,
): void {
  const names = read.said.given.map(({ name }) => name);
  if (names.length > 0) log.info({ event: "settings_of_environment", names });
  for (const overriding of overridingIn(read)) log.warn({ event: "setting_overridden", ...overriding });
  for (const text of ignored(definition)) log.warn({ event: "variable_ignored", text });
}

/** Names alone: what the two say may be secret. */
const overridingIn = ({ overridden, file }: Read) =>
  overridden.map(({ name, inFile }: Overridden) => {
    const path = resolve(file ?? ".");
    const text = `${name} of the environment is in force, and not what ${path} says of ${inFile}`;
    return { setting: inFile, variable: name, file: path, text };
  });

interface Ending {
  readonly log: Logger;
  readonly end: EndOfProcess;
}

function stopWhenTold(running: RunningProcess, { log, end }: Ending): void {
  let stopping: Promise<void> | undefined;
  const stopOnce = (why: string) => (stopping ??= stop(running, log, why));
  end.stopWith(() => stopOnce("a fault"));
  const told = (why: string): void => {
    // Told twice, it waits for nobody any more: those who wait for its leases then wait until these run out.
    if (stopping !== undefined) process.exit(1);
    void stopOnce(why).then(() => end.exit());
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => told(signal));
  // A parent that started us over IPC and is gone would leave us running with nobody to stop us.
  process.once("disconnect", () => void stopOnce("the parent process is gone").then(() => end.exit()));
}

async function stop(running: RunningProcess, log: Logger, why: string): Promise<void> {
  log.info({ event: "stopping", why });
  try {
    await running.stop();
    log.info({ event: "stopped" });
  } catch (error) {
    log.error({ event: "stop_failed", error });
    process.exitCode = 1;
  }
}
