import { hasCode } from "@portcullis/protocol";
import type { Command } from "commander";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { addEndingOptions, beforeEnding, type EndingOptions } from "./before-ending.ts";
import { parseWait } from "./numbers.ts";
import { printHowItGoesOn, printReceipt } from "./print-receipt.ts";
import { printSigningNow } from "./print-signing-now.ts";

const DEFAULT_WAIT_SECONDS = 5;

interface RetireOptions extends EndingOptions {
  readonly note?: string;
  readonly wait: number;
}

export function addKeysRetire(parent: Command, cli: Cli): void {
  const command = parent
    .command("retire")
    .description("refuse a signing key for good, and say which verifiers enforce it")
    .argument("<kid>", "the key; portcullis keys list shows them")
    .option("--note <text>", "why, in your words; kept with the revocation")
    .option(
      "--wait <seconds>",
      "how long to wait for all verifiers, 0 to 30",
      parseWait,
      DEFAULT_WAIT_SECONDS,
    );
  addEndingOptions(command, { asks: true }).addHelpText("after", EXAMPLES).action(acting(cli, retire));
}

const EXAMPLES = `
Use it for a key that somebody else has, or may have. Every token that was signed with the key is refused, with the
reason key_retired. Sessions live on, and clients get new tokens by themselves.

If the key is the active one, the next key of its algorithm signs in its place. Verifiers know that key already.

Whoever has read the database, or a copy of it, has the next key as well: retire both, in any order.

Examples:
  portcullis keys retire h5e-kLS6ngpL8GtoC2RTzaZYVk7_b4ZDIJSJs0ARDNE --note "in a public repository"
  portcullis keys retire h5e-kLS6ngpL8GtoC2RTzaZYVk7_b4ZDIJSJs0ARDNE --dry-run

Needs the scope keys.write. Exit code: 0 if it is enforced, 3 if a verifier may still allow it.`;

async function retire(session: Session, command: Command): Promise<number> {
  const [kid] = command.processedArgs as [string];
  const options = command.opts<RetireOptions>();
  const { note, wait } = options;
  const wouldEnd = async () => (await session.connect("writeKeys")).wouldRetireKey(kid, { note });
  const over = await beforeEnding(session, { options, reach: reachOf(kid), wouldEnd });
  if (over !== undefined) return over;
  const api = await session.connect("writeKeys");
  const answer = await api.retireKey(kid, { note }, wait).catch(explained);
  if (session.json) printJson(session, answer);
  else {
    printReceipt(session, answer, answer.repeated ? "It was retired already" : "Retired");
    if (answer.signing.changed !== false) printSigningNow(session, answer.signing);
    printHowItGoesOn(session, answer);
  }
  return answer.state === "pending" ? EXIT.pending : EXIT.ok;
}

const reachOf = (kid: string): string =>
  `every token that was signed with the key ${kid}, for all users and clients`;

/** No answer is not a no. */
function explained(error: unknown): never {
  if (!hasCode(error, "timed_out")) throw error;
  const text = `${error.message} It may be retired all the same. Repeat the command: that does no harm.`;
  throw cliError("timed_out", { text, cause: error });
}
