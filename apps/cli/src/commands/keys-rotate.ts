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
The next key signs, and a new key becomes the next one. The next key has been published for some time, so verifiers
know it. If that was less than 30 minutes, the command warns you: verifiers that are not ours may refuse its tokens
until they fetch the keys again.

The old key stays published, and its tokens stay good, until its longest token has ended.

If somebody else may have the key, do not rotate it. Use: portcullis keys retire

Examples:
  portcullis keys rotate

Needs the scope keys.write.`;

async function rotate(session: Session): Promise<number> {
  const api = await session.connect("writeKeys");
  const rotated = await api.rotateKey();
  if (session.json) printJson(session, rotated);
  else {
    printSigningNow(session, rotated);
    session.io.stdout.write(`${rotated.next} is the next key. See all keys: portcullis keys list\n`);
  }
  return EXIT.ok;
}
