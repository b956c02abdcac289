import { PortcullisError } from "@portcullis/protocol";
import { CommanderError } from "commander";
import { EXIT } from "./exit-codes.ts";
import type { Io } from "./io.ts";
import { createProgram } from "./program.ts";
import type { Cli } from "./session.ts";

/** Runs one command line (without the program's own name) to its end; gives the exit code. Never throws. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const cli: Cli = { io, json: asksForJson(argv), exitCode: EXIT.ok };
  try {
    await createProgram(cli).parseAsync([...argv], { from: "user" });
    return cli.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return misread(error, cli);
    if (io.signal.aborted) return interrupted(cli);
    return tell(error, cli);
  }
}

/** Also of a command line that cannot be read: what is wrong with it is an answer for a machine too. */
function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return argv.slice(0, end < 0 ? undefined : end).includes("--json");
}

/** Commander has printed help and version, and for people what was wrong. */
function misread({ code, exitCode, message }: CommanderError, cli: Cli): number {
  if (exitCode === 0) return EXIT.ok;
  const what = code === "commander.help" ? "No command was given." : message.replace(/^error: /, "");
  if (cli.json)
    tellMachine(cli, { error: "usage", message: `${what} Add --help to see what the command takes.` });
  return EXIT.usage;
}

function interrupted(cli: Cli): number {
  const message = "Interrupted. The server may still have done what was already sent.";
  if (cli.json) tellMachine(cli, { error: "interrupted", message });
  else cli.io.stderr.write(`${message}\n`);
  return EXIT.interrupted;
}

function tell(error: unknown, cli: Cli): number {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof PortcullisError ? error.code : "unexpected";
  const stack = code === "unexpected" && error instanceof Error ? error.stack : undefined;
  if (cli.json) tellMachine(cli, { error: code, message, stack });
  else cli.io.stderr.write(`portcullis: ${message}\n${stack === undefined ? "" : `${stack}\n`}`);
  return code === "usage" ? EXIT.usage : EXIT.error;
}

interface ErrorDocument {
  readonly error: string;
  readonly message: string;
  /** Of a fault of the command itself: for whoever mends it. */
  readonly stack?: string | undefined;
}

/** One line of JSON, whatever went wrong. */
const tellMachine = ({ io }: Cli, document: ErrorDocument): unknown =>
  io.stderr.write(`${JSON.stringify(document)}\n`);
