/** `users password`, and the file that a password comes in. */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { acting, type Cli } from "../session.ts";
import { usage } from "../settings.ts";
import { addEndingOptions, beforeEnding, type EndingOptions } from "./before-ending.ts";
import { told } from "./print-user.ts";
import { argumentOf, USER } from "./user-argument.ts";
import { withWait } from "./wait-option.ts";

interface PasswordOptions extends EndingOptions {
  readonly passwordFile: string;
  readonly mustChange?: boolean;
  readonly note?: string;
  readonly wait: number;
}

export function addPassword(users: Command, cli: Cli): void {
  const setting = users
    .command("password")
    .description("set a user's password; every session of the user ends")
    .argument(...USER)
    .requiredOption("--password-file <file>", "file with the password, 8 to 1,024 characters")
    .option("--must-change", "the next sign-in asks for another")
    .option("--note <text>", "why, in your words; kept with the revocation");
  addEndingOptions(withWait(setting), { asks: false })
    .addHelpText(
      "after",
      `
Examples:
  portcullis users password alice --password-file new.txt --must-change

Needs the scope users.write. Exit code: 0 if it is enforced, 3 if a verifier may still allow it.`,
    )
    .action(
      acting(cli, async (session, command) => {
        const { passwordFile, mustChange = false, note, wait, ...options } = command.opts<PasswordOptions>();
        const password = await passwordIn(passwordFile);
        const { users } = await session.connect("writeUsers");
        const user = argumentOf(command);
        const body = { password, mustChange, note };
        const wouldEnd = () => users.wouldSetPassword(user, body);
        const over = await beforeEnding(session, { options, reach: undefined, wouldEnd });
        return over ?? told(session, "Password set", await users.setPassword(user, body, wait));
      }),
    );
}

/** Without the end of its last line, which an editor adds. */
export async function passwordIn(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw usage(`--password-file: cannot read ${file} (${cause.code}).`);
  });
  return text.replace(/\r?\n$/, "");
}
