import type { Command } from "commander";
import { EXIT } from "../exit-codes.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";

export function addKeysRotate(parent: Command, cli: Cli): void {
  parent
    .command("rotate")
    .description("make a new key that signs from now on; nobody is signed out")
    .addHelpText("after", EXAMPLES)
    .action(acting(cli, rotate));
}

const EXAMPLES = `
The old key stays published until its longest token has ended, and then leaves by itself: its tokens are good until
then. For a key that somebody else may have, it is the wrong command: portcullis keys retire.

Examples:
  portcullis keys rotate

Needs the scope keys.write.`;

async function rotate(session: Session): Promise<number> {
  const api = await session.connect("writeKeys");
  const rotated = await api.rotateKey();
  if (session.json) printJson(session, rotated);
  else session.io.stdout.write(`${rotated.kid} signs from now on. See the others: portcullis keys list\n`);
  return EXIT.ok;
}
