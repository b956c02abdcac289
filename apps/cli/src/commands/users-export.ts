/** `users export`. */
import type { Command } from "commander";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { acting, type Cli } from "../session.ts";

export function addExport(users: Command, cli: Cli): void {
  users
    .command("export")
    .description("print all users as JSON lines, as import takes them")
    .option("--secrets", "with password hashes and imported credentials; needs users.write as well")
    .addHelpText(
      "after",
      `
Examples:
  portcullis users export > users.ndjson

Needs the scope users.read.`,
    )
    .action(
      acting(cli, async (session, command) => {
        const { secrets = false } = command.opts<{ secrets?: boolean }>();
        const scopes = secrets ? (["readUsers", "writeUsers"] as const) : (["readUsers"] as const);
        const { users } = await session.connect(...scopes);
        const text = await users.export(secrets);
        if (text !== "" && !text.endsWith("\n"))
          throw cliError("unreadable_answer", { text: "The export broke off. Run the command again." });
        session.io.stdout.write(text);
        return EXIT.ok;
      }),
    );
}
