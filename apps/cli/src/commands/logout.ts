import { revokePersonToken } from "@portcullis/issuer";
import type { Command } from "commander";
import { discover, signInSettingsOf } from "../api/discover.ts";
import { sayingItHere } from "../api/issuer-failure.ts";
import { EXIT } from "../exit-codes.ts";
import { notSignedIn } from "../login/person-token.ts";
import { visible } from "../print/table.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";

export function addLogout(parent: Command, cli: Cli): void {
  parent
    .command("logout")
    .description("end your sign-in of portcullis login, here and at the issuer")
    .addHelpText("after", EXAMPLES)
    .action(acting(cli, logout));
}

const EXAMPLES = `
Every token that the command had is refused from then on. You stay signed in in the browser.

If the issuer cannot be reached, nothing is deleted: run the command again.

Examples:
  portcullis logout
  portcullis logout --issuer https://login.example.com

Needs the sign-in of portcullis login, and no client.`;

/** First at the issuer: a token that is deleted here can be revoked by nobody. */
async function logout(session: Session): Promise<number> {
  const { settings, sending } = session.asking();
  const issuer = await discover(settings, sending);
  const { username } = await session.logins.locked(settings.issuer, async () => {
    const login = session.logins.read(settings.issuer);
    if (login === undefined) throw notSignedIn(settings.issuer);
    await sayingItHere(() => revokePersonToken(signInSettingsOf(issuer, sending), login.refreshToken));
    session.logins.remove(settings.issuer);
    return login;
  });
  if (session.json) printJson(session, { issuer: settings.issuer, username, signedOut: true });
  else session.io.stdout.write(`Signed out at ${settings.issuer}: ${visible(username)}.\n`);
  return EXIT.ok;
}
