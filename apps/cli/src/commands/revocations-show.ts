import type { Command } from "commander";
import { EXIT } from "../exit-codes.ts";
import { receiptText } from "../print/receipt.ts";
import { detailsOf } from "../print/revocation.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { parseCount, parseWait } from "./numbers.ts";

export function addRevocationsShow(parent: Command, cli: Cli): void {
  parent
    .command("show")
    .description("show one revocation, and which verifiers enforce it")
    .argument("<seq>", "its place in the log", parseCount)
    .option("--wait <seconds>", "how long to wait for all verifiers, 0 to 30", parseWait)
    .addHelpText("after", EXAMPLES)
    .action(acting(cli, show));
}

const EXAMPLES = `
Examples:
  portcullis revocations show 812
  portcullis revocations show 812 --wait 30

Needs the scope revocations.inspect. Exit code: 0 if it is enforced, 3 if a verifier may still allow it.`;

async function show(session: Session, command: Command): Promise<number> {
  const [seq] = command.processedArgs as [number];
  const api = await session.connect("inspectRevocations");
  const status = await api.show(seq, command.opts<{ wait?: number }>().wait);
  const { revocation, receipt } = status;
  if (session.json) printJson(session, status);
  else session.io.stdout.write(`${detailsOf(revocation)}${receiptText(receipt, session.io.now())}\n`);
  return receipt.state === "pending" ? EXIT.pending : EXIT.ok;
}
