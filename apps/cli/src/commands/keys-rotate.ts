import type { Command } from "commander";
import { EXIT } from "../exit-codes.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { printSigningNow } from "./print-signing-now.ts";

export function addKeysRotate(parent: Command, cli: Cli): void {
  parent
    .command("rotate")
    .description("let the next key sign from now on; nobody is signed out")
    .addHelpText("after", EXAMPLES)
    .action(acting(cli, rotate));
}

const EXAMPLES = `
The next key was published all the time that it was next, so that verifiers know it. If that was less than 30 minutes,
the answer warns: verifiers of others may refuse its tokens until they fetch the keys again. Another is next then.

The old key stays published until its longest token has ended, and then leaves by itself: its tokens are good until
then. For a key that somebody else may have, it is the wrong command: portcullis keys retire.

Examples:
  portcullis keys rotate

Needs the scope keys.write.`;

async function rotate(session: Session): Promise<number> {
  const api = await session.connect("writeKeys");
  const rotated = await api.rotateKey();
  if (session.json) printJson(session, rotated);
  else {
    printSigningNow(session, rotated);
    session.io.stdout.write(`${rotated.next} is next. See the others: portcullis keys list\n`);
  }
  return EXIT.ok;
}
