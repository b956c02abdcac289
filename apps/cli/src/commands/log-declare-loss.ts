import { hasCode } from "@portcullis/protocol";
import type { Command } from "commander";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { isMeant } from "./is-meant.ts";
import { parseCount } from "./numbers.ts";

interface DeclareLossOptions {
  readonly note?: string;
  readonly beyond?: number;
  readonly yes?: boolean;
}

export function addLogDeclareLoss(parent: Command, cli: Cli): void {
  parent
    .command("declare-loss")
    .description("say that the database has lost revocations, and sign everybody out")
    .option("--note <text>", "what happened, in your words")
    .option(
      "--beyond <seq>",
      "a seq that the lost log never reached (default: 10000 past the end of the log)",
      parseCount,
    )
    .option("--yes", "do not ask first")
    .addHelpText("after", EXAMPLES)
    .action(acting(cli, declareLoss));
}

const EXAMPLES = `
Use it after the database was restored from a backup, or replaced by an incomplete copy. Revocations may be missing
then, and what they had ended would be good again.

The log starts anew, every session ends, and every token that was issued before is refused with the reason
possible_loss. Everybody signs in again.

The server does this by itself when a verifier proves the loss. Use the command when no such verifier is left.

Examples:
  portcullis log declare-loss --note "restored the backup of Sunday"
  portcullis log declare-loss --beyond 250000 --yes

Needs the scope revocations.write.`;

async function declareLoss(session: Session, command: Command): Promise<number> {
  const { note, beyond, yes = false } = command.opts<DeclareLossOptions>();
  if (!yes && !(await isMeant(session, REACH))) return EXIT.error;
  const api = await session.connect("writeRevocations");
  const declared = await api.declareLoss({ note, beyond }).catch(explained);
  if (session.json) printJson(session, declared);
  else {
    const { io } = session;
    io.stdout.write(`A new log has begun (${declared.incarnation}, head ${declared.head}).\n`);
    io.stdout.write(
      "Everybody has to sign in again. See which verifiers follow the new log: portcullis verifiers\n",
    );
  }
  return EXIT.ok;
}

const REACH = "every session and every token of this issuer: everybody is signed out";

/** No answer is not a no, and to repeat it would sign out those who have just signed in. */
function explained(error: unknown): never {
  if (!hasCode(error, "timed_out")) throw error;
  const text = `${error.message} It may be done all the same: then portcullis verifiers --json shows another incarnation. Look before you repeat it.`;
  throw cliError("timed_out", { text, cause: error });
}
