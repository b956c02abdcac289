import type { Command } from "commander";
import { EXIT } from "../exit-codes.ts";
import { visible } from "../print/table.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";

export function addWhoami(parent: Command, cli: Cli): void {
  parent
    .command("whoami")
    .description("say as whom the commands act, and at which issuer")
    .addHelpText("after", EXAMPLES)
    .action(acting(cli, whoami));
}

const EXAMPLES = `
Asks the issuer, so that it fails if the sign-in is over, or the client is not accepted.

Examples:
  portcullis whoami
  portcullis whoami --json

Needs the scope users.read.`;

async function whoami(session: Session): Promise<number> {
  const api = await session.connect("readUsers");
  const { issuer, client, login } = session.settings();
  if (login !== undefined) {
    const { items } = await api.rolesOf(login.subject);
    const roles = items.map(({ role }) => role);
    const { subject: sub, username } = login;
    if (session.json) printJson(session, { issuer, sub, username, roles });
    else session.io.stdout.write(`${visible(username)} (${sub}), ${roles.join(", ")}, at ${issuer}\n`);
    return EXIT.ok;
  }
  await api.authorize();
  if (session.json) printJson(session, { issuer, clientId: client!.id });
  else session.io.stdout.write(`The client ${client!.id}, at ${issuer}\n`);
  return EXIT.ok;
}
