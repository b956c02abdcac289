import { PortcullisError } from "@portcullis/protocol";
import { CommanderError } from "commander";
import { EXIT } from "./exit-codes.ts";
import type { Io } from "./io.ts";
import { createProgram } from "./program.ts";
import type { Cli } from "./session.ts";

/** Runs one command line (without the program's own name) to its end; gives the exit code. Never throws. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const cli: Cli = { io, exitCode: EXIT.ok };
  try {
    await createProgram(cli).parseAsync([...argv], { from: "user" });
    return cli.exitCode;
  } catch (error) {
    // Commander has said what was wrong.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (io.signal.aborted) {
      io.stderr.write("Interrupted; what was already sent to the server may have been done.\n");
      return EXIT.interrupted;
    }
    return tell(error, { io, json: argv.includes("--json") });
  }
}

function tell(error: unknown, { io, json }: { readonly io: Io; readonly json: boolean }): number {
  const isOurs = error instanceof PortcullisError;
  const message = error instanceof Error ? error.message : String(error);
  const code = isOurs ? error.code : "unexpected";
  const text = json ? JSON.stringify({ error: code, message }) : `portcullis: ${message}`;
  io.stderr.write(`${text}\n`);
  if (!isOurs) io.stderr.write(`${(error as Error).stack}\n`);
  return code === "usage" ? EXIT.usage : EXIT.error;
}
