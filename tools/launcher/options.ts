import { resolve } from "node:path";
import { parseArgs } from "node:util";

export interface LauncherOptions {
  readonly dataDirectory: string;
  readonly portBase: number;
  /** One line of JSON on standard output, for scripts. */
  readonly json: boolean;
}

export const USAGE = `Usage: npm start [-- OPTIONS]

Starts Portcullis with a demo service and a demo web app, on embedded defaults.

  --data DIR       where state, secrets and logs are kept (default ./.portcullis)
  --port-base N    first of five neighbouring ports (default 8400)
  --json           print one line of JSON when everything is ready; for scripts
  --help           print this

Ctrl-C stops all of it.`;

export class UsageError extends Error {}

const DEFAULT_PORT_BASE = 8400;
/** From the first unprivileged port; the last of the five must exist too. */
const LOWEST = 1024;
const HIGHEST = 65_535 - 4;

/** "help", or the options. Throws `UsageError` with a text for the user. */
export function parseOptions(argv: readonly string[], directory: string): LauncherOptions | "help" {
  const values = parse(argv);
  if (values.help) return "help";
  return {
    dataDirectory: resolve(directory, values.data ?? ".portcullis"),
    portBase: parsePortBase(values["port-base"]),
    json: values.json ?? false,
  };
}

function parse(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        data: { type: "string" },
        "port-base": { type: "string" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
    return values;
  } catch (cause) {
    throw new UsageError(`${(cause as Error).message.split(". ")[0]}.\n\n${USAGE}`, { cause });
  }
}

function parsePortBase(text: string | undefined): number {
  if (text === undefined) return DEFAULT_PORT_BASE;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port >= LOWEST && port <= HIGHEST) return port;
  throw new UsageError(
    `--port-base must be a number from ${LOWEST} to ${HIGHEST}, not ${JSON.stringify(text)}.`,
  );
}
