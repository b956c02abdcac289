import { SIGNING_ALGORITHMS } from "@portcullis/protocol";
import { type Command, Option } from "commander";
import { EXIT } from "../exit-codes.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { printSigningNow } from "./print-signing-now.ts";

export function addKeysRotate(parent: Command, cli: Cli): void {
  parent
    .command("rotate")
    .description("let the next key sign from now on; nobody is signed out")
    .addOption(
      new Option("--algorithm <name>", "the algorithm whose key to rotate (default: ES256)").choices(
        SIGNING_ALGORITHMS,
      ),
    )
    .addHelpText("after", EXAMPLES)
    .action(acting(cli, rotate));
}

const EXAMPLES = `
The next key signs, and a new key becomes the next one. The next key has been published for some time, so verifiers
know it. If that was less than 30 minutes, the command warns you: verifiers that are not ours may refuse its tokens
until they fetch the keys again.

Each algorithm has keys of its own. An algorithm that has none yet gets them. Do that 30 minutes before the first app or
API uses it, and nobody is warned.

The old key stays published, and its tokens stay good, until its longest token has ended.

If somebody else may have the key, do not rotate it. Use: portcullis keys retire

Examples:
  portcullis keys rotate
  portcullis keys rotate --algorithm RS256

Needs the scope keys.write.`;

async function rotate(session: Session, command: Command): Promise<number> {
  const { algorithm } = command.opts<{ readonly algorithm?: string }>();
  const api = await session.connect("writeKeys");
  const rotated = await api.rotateKey(algorithm);
  if (session.json) printJson(session, rotated);
  else {
    printSigningNow(session, rotated);
    session.io.stdout.write(`${rotated.next} is the next key. See all keys: portcullis keys list\n`);
  }
  return EXIT.ok;
}
