import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { addApis } from "./commands/apis.ts";
import { addApps } from "./commands/apps.ts";
import { addAppsSecrets } from "./commands/apps-secrets.ts";
import { addBans } from "./commands/bans.ts";
import { addAppsVerbs, addUsersVerbs } from "./commands/change-state.ts";
import { addCompletion } from "./commands/completion.ts";
import { addConsents } from "./commands/consents.ts";
import { addDeliveries } from "./commands/deliveries.ts";
import { addKeysList } from "./commands/keys-list.ts";
import { addKeysRetire } from "./commands/keys-retire.ts";
import { addKeysRotate } from "./commands/keys-rotate.ts";
import { addLogDeclareLoss } from "./commands/log-declare-loss.ts";
import { addLogVerify } from "./commands/log-verify.ts";
import { addLogin } from "./commands/login.ts";
import { addLogout } from "./commands/logout.ts";
import { addPolicies } from "./commands/policies.ts";
import { addRevocationsList } from "./commands/revocations-list.ts";
import { addRevocationsShow } from "./commands/revocations-show.ts";
import { addRevocationsWatch } from "./commands/revocations-watch.ts";
import { addRevoke } from "./commands/revoke.ts";
import { addRoles } from "./commands/roles.ts";
import { addSessions } from "./commands/sessions.ts";
import { addTokens } from "./commands/tokens.ts";
import { addUsers } from "./commands/users.ts";
import { addVerifiers } from "./commands/verifiers.ts";
import { addWhoami } from "./commands/whoami.ts";
import type { Cli } from "./session.ts";

const MAX_TIMEOUT_SECONDS = 3600;

/** A key is random text, and may begin as an option does. */
const OF_A_VALUE = "Put a value that begins with - at the end, after --.\n";

/** Returns the program with all verbs; each adds itself. */
export function createProgram(cli: Cli): Command {
  const { io } = cli;
  const program = new Command("portcullis")
    .description("Revoke tokens, sessions and access, and see which verifiers enforce it.")
    .version(versionOf(), "--version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      // For a machine run.ts says it, as every other error.
      writeErr: (text) => void (cli.json || io.stderr.write(text)),
      outputError: (text, write) => write(/unknown option/.test(text) ? text + OF_A_VALUE : text),
      getOutHelpWidth: () => (io.isTerminal ? io.columns() : 100),
      getErrHelpWidth: () => (io.isTerminal ? io.columns() : 100),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .configureHelp({ showGlobalOptions: false })
    .showHelpAfterError("Add --help to see what the command takes.")
    .option("--issuer <url>", "URL of the authorization server (or set PORTCULLIS_ISSUER)")
    .option("--client-id <id>", "client to act as (or set PORTCULLIS_CLIENT_ID)")
    .option("--client-secret-file <file>", "file with the client's secret (or set PORTCULLIS_CLIENT_SECRET)")
    .option("--insecure", "allow plain http to another machine: the secret travels unencrypted")
    .option("--json", "print JSON for machines")
    .option("--no-color", "no colours (or set NO_COLOR)")
    .option("--timeout <seconds>", "how long to wait for an answer", parseTimeout, 10)
    .addHelpText("after", EXAMPLES)
    .addHelpText("afterAll", ({ command }) => (command.parent === null ? "" : COMMON_OPTIONS));
  addLogin(program, cli);
  addLogout(program, cli);
  addWhoami(program, cli);
  addCompletion(program, cli);
  addRevoke(program, cli);
  const revocations = program
    .command("revocations")
    .description("see what was revoked")
    .helpCommand(false)
    .addHelpText("after", REVOCATIONS_EXAMPLES);
  addRevocationsList(revocations, cli);
  addRevocationsShow(revocations, cli);
  addRevocationsWatch(revocations, cli);
  addVerifiers(program, cli);
  const users = program
    .command("users")
    .description("find, create, change, import, disable and delete users")
    .helpCommand(false);
  addUsersVerbs(users.addHelpText("after", USERS_EXAMPLES), cli);
  addUsers(users, cli);
  addRoles(program, cli);
  addSessions(program, cli);
  addBans(program, cli);
  addConsents(program, cli);
  addTokens(program, cli);
  addPolicies(program, cli);
  addDeliveries(program, cli);
  const apps = program
    .command("apps")
    .description("create, change, disable and delete apps, and their secrets")
    .helpCommand(false);
  apps.addHelpText("after", APPS_EXAMPLES);
  addApps(apps, cli);
  addAppsVerbs(apps, cli);
  addAppsSecrets(apps, cli);
  const apis = program
    .command("apis")
    .description("create, change, disable and delete APIs")
    .helpCommand(false);
  addApis(apis.addHelpText("after", APIS_EXAMPLES), cli);
  const keys = program.command("keys").description("list, rotate and retire signing keys").helpCommand(false);
  keys.addHelpText("after", KEYS_EXAMPLES);
  addKeysList(keys, cli);
  addKeysRotate(keys, cli);
  addKeysRetire(keys, cli);
  const log = program.command("log").description("check the log of revocations, or declare a loss");
  log.helpCommand(false).addHelpText("after", LOG_EXAMPLES);
  addLogVerify(log, cli);
  addLogDeclareLoss(log, cli);
  return program;
}

const EXAMPLES = `
Every command takes these options, before or after its name.

Examples:
  export PORTCULLIS_ISSUER=https://login.example.com PORTCULLIS_CLIENT_ID=admin PORTCULLIS_CLIENT_SECRET=...
  portcullis revoke session Vt8Vt7mGQf2bqfYkq0hZ0A --reason kicked --note "lost phone"
  portcullis revocations watch
  portcullis verifiers
  portcullis log verify

Needs a client with the grant client_credentials; the help of each command names the scopes that the client needs. Without a
client the commands act as you, if you are an administrator and have signed in: portcullis login

Exit codes: 0 done, 1 error, 2 wrong command line, 3 revoked but not yet enforced everywhere, 4 the log or a verifier differs.`;

const COMMON_OPTIONS = `
Options of all commands, such as --issuer and --json: portcullis --help`;

const REVOCATIONS_EXAMPLES = `
Examples:
  portcullis revocations list --key alice
  portcullis revocations show 812

Needs the scope revocations.inspect; watch needs revocations.read as well.`;

const USERS_EXAMPLES = `
Examples:
  portcullis users list ali
  portcullis users disable alice --note "left the company"
  portcullis users import users.ndjson

Needs the scope users.read for list, show and export, users.write for the others.`;

const APPS_EXAMPLES = `
Examples:
  portcullis apps list
  portcullis apps create mail --type spa --name Mail --redirect-uri https://mail.example/callback
  portcullis apps disable mail --note "no longer used"

Needs the scopes apps.read or apps.write.`;

const APIS_EXAMPLES = `
Examples:
  portcullis apis list
  portcullis apis create https://orders.example --name Orders --permission "orders.read=See your orders"

Needs the scopes apis.read or apis.write.`;

const KEYS_EXAMPLES = `
Examples:
  portcullis keys list
  portcullis keys rotate

Needs the scope keys.read for list, keys.write for rotate and retire.`;

const LOG_EXAMPLES = `
Examples:
  portcullis log verify
  portcullis log declare-loss --note "restored the backup of Sunday"

Needs the scopes revocations.read and revocations.inspect for verify, revocations.write for declare-loss.`;

function parseTimeout(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds <= MAX_TIMEOUT_SECONDS) return seconds;
  throw new InvalidArgumentError(`Give seconds, more than 0 and at most ${MAX_TIMEOUT_SECONDS}.`);
}

function versionOf(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
