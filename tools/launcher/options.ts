import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { usageOf } from "../usage.ts";
import { MAX_PORTS } from "./addresses.ts";

export interface LauncherOptions {
  readonly dataDirectory: string;
  readonly portBase: number;
  /** Where others on the network reach this machine; undefined: nobody else can. */
  readonly host?: string;
  /** Configuration files that were edited are written anew too. */
  readonly resetConfig: boolean;
  /** One line of JSON on standard output, for scripts. */
  readonly json: boolean;
}

export class UsageError extends Error {}

const DEFAULT_PORT_BASE = 8400;
/** From the first unprivileged port; the last of them must exist too. */
const LOWEST = 1024;
const HIGHEST = 65_535 - MAX_PORTS + 1;

/** "help", or the options. Throws `UsageError` with a text for the user. */
export function parseOptions(argv: readonly string[], directory: string): LauncherOptions | "help" {
  const values = parse(argv);
  if (values.help) return "help";
  return {
    dataDirectory: resolve(directory, values.data ?? ".portcullis"),
    portBase: parsePortBase(values["port-base"]),
    ...(values.host === undefined ? {} : { host: parseHost(values.host) }),
    resetConfig: values["reset-config"] ?? false,
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
        host: { type: "string" },
        "reset-config": { type: "boolean" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
    return values;
  } catch (cause) {
    throw new UsageError(
      `${(cause as Error).message.split(". ")[0]}.${hintFor(cause)}\n\n${usageOf("start")}`,
      {
        cause,
      },
    );
  }
}

/** Without `--` npm takes the names of options for its own, and leaves us their values. */
const hintFor = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code === "ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL"
    ? " Did you forget --? Options come after it: npm start -- --port-base 9400"
    : "";

function parsePortBase(text: string | undefined): number {
  if (text === undefined) return DEFAULT_PORT_BASE;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port >= LOWEST && port <= HIGHEST) return port;
  throw new UsageError(
    `--port-base must be a number from ${LOWEST} to ${HIGHEST}, not ${JSON.stringify(text)}.`,
  );
}

/** An IPv4 address or a name: it becomes part of URLs that browsers are sent to. */
function parseHost(text: string): string {
  const isName =
    /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/.test(text);
  if (isName && text !== "0.0.0.0") return text;
  throw new UsageError(
    `--host must be the lower-case name or the IPv4 address by which others reach this machine, such as 192.168.1.5, not ${JSON.stringify(text)}.`,
  );
}
