import { parseArgs } from "node:util";
import { serviceError } from "../errors.ts";

/** A switch that only one program has. */
export interface Switch {
  readonly name: string;
  readonly description: string;
}

export interface Arguments {
  readonly config: string | undefined;
  /** What is asked for instead of running. `run` is the last in case several are given. */
  readonly task: "help" | "version" | "check" | "run";
  readonly switches: ReadonlySet<string>;
}

/** Returns what the command line says, or throws `usage_invalid`. */
export function readArguments(parameters: readonly string[], switches: readonly Switch[]): Arguments {
  const values = parse(parameters, switches);
  const task = (["help", "version", "check"] as const).find((name) => values[name] === true) ?? "run";
  return {
    config: values.config as string | undefined,
    task,
    switches: new Set(switches.map(({ name }) => name).filter((name) => values[name] === true)),
  };
}

function parse(parameters: readonly string[], switches: readonly Switch[]): Record<string, unknown> {
  const own = switches.map(({ name }) => [name, { type: "boolean" }] as const);
  try {
    return parseArgs({
      args: [...parameters],
      options: {
        config: { type: "string", short: "c" },
        check: { type: "boolean" },
        version: { type: "boolean", short: "v" },
        help: { type: "boolean", short: "h" },
        ...Object.fromEntries(own),
      },
    }).values;
  } catch (error) {
    const text = `${(error as Error).message.split(". ")[0]}; --help lists the options`;
    throw serviceError("usage_invalid", { text, cause: error });
  }
}

interface HelpOptions {
  /** Of the process: `gateway`. */
  readonly name: string;
  readonly about: string;
  readonly reference: string;
  readonly switches: readonly Switch[];
}

export function helpText({ name: process, about, reference, switches }: HelpOptions): string {
  const own = switches.map(({ name, description }) => `  --${name.padEnd(15)}${description}\n`);
  return `Usage: ${process} --config FILE [--check]

${about}

  --config FILE    the settings, in YAML or JSON; or PORTCULLIS_CONFIG in the environment
  --check          read the settings, say what is wrong with them, and end with 0 or 1
${own.join("")}  --version        print the version and end
  --help           print this help and end

Every setting can come from the environment instead: listen.port is PORTCULLIS_LISTEN_PORT. All settings, with
their names there: ${reference}
`;
}
