import type { RevocationEntry } from "@portcullis/protocol";
import type { Command } from "commander";
import { followLog } from "../api/follow-log.ts";
import { EXIT } from "../exit-codes.ts";
import { lineOf } from "../print/revocation.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { parseCount } from "./numbers.ts";

export function addRevocationsWatch(parent: Command, cli: Cli): void {
  parent
    .command("watch")
    .description("print revocations as they are committed, until Ctrl-C")
    .option("--from <seq>", "start with this seq (default: the next revocation)", parseCount)
    .addHelpText("after", EXAMPLES)
    .action(acting(cli, watch));
}

const EXAMPLES = `
Examples:
  portcullis revocations watch
  portcullis revocations watch --from 800 --json

With --json it prints one revocation a line. When the connection is lost, it says so on standard error, connects
again, and goes on where it stopped. Needs the scopes revocations.read and revocations.inspect.`;

async function watch(session: Session, command: Command): Promise<number> {
  const { io, json, paint } = session;
  const api = await session.connect("readRevocations", "inspectRevocations");
  const onNotice = (text: string) => void io.stderr.write(`${text}\n`);
  const onRevocation = (entry: RevocationEntry) => {
    if (json) return printJson(session, entry);
    io.stdout.write(`${paint(entry.mode === "kill" ? "red" : "yellow", lineOf(entry))}\n`);
  };
  if (!json && io.isTerminal) onNotice("Watching for revocations. Press Ctrl-C to stop.");
  await followLog({ api, io, from: command.opts<{ from?: number }>().from, onRevocation, onNotice });
  return EXIT.ok;
}
