/** `users disable`, `users enable`, `apps disable`, `apps enable`: one way to say it, to ask, and to tell what came of it. */
import { type AppState, hasCode, type UserState } from "@portcullis/protocol";
import type { Command } from "commander";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { visible } from "../print/table.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { usage } from "../settings.ts";
import { addEndingOptions, beforeEnding, type EndingOptions } from "./before-ending.ts";
import { parseWait } from "./numbers.ts";
import { printHowItGoesOn, printReceipt } from "./print-receipt.ts";

const DEFAULT_WAIT_SECONDS = 5;

type State = UserState | AppState;

interface Thing {
  readonly path: "users" | "apps";
  readonly scope: "writeUsers" | "writeApps";
  readonly scopeName: string;
  readonly argument: readonly [name: string, says: string];
  readonly example: string;
  readonly exampleNote: string;
  readonly disabling: string;
  readonly enabling: string;
  /** What disabling it ends, when that is more than one person's; asked before. */
  readonly reach?: (key: string) => string;
  readonly nameOf: (state: State) => string;
}

const USERS: Thing = {
  path: "users",
  scope: "writeUsers",
  scopeName: "users.write",
  argument: ["<user>", "a sub, a username or an e-mail address"],
  example: "alice",
  exampleNote: "left the company",
  disabling: `The user can no longer sign in. Every session, grant, refresh token and access token of the user ends.`,
  enabling: `The user may sign in again. What has ended stays ended.`,
  nameOf: (state) => ("sub" in state ? visible(state.username ?? state.email ?? state.sub) : ""),
};

const APPS: Thing = {
  path: "apps",
  scope: "writeApps",
  scopeName: "apps.write",
  argument: ["<client-id>", "the client_id of the app"],
  example: "mail",
  exampleNote: "no longer used",
  disabling: `The app gets no more tokens, for any user. Every grant, refresh token and access token that it has ends. An app cannot
disable itself: act as another client (--client-id).`,
  enabling: `The app may ask for tokens again. What has ended stays ended: its users sign in again.`,
  reach: (key) => `every grant and token of the app ${key}, for all users`,
  nameOf: (state) => ("clientId" in state ? visible(state.clientId) : ""),
};

export const addUsersVerbs = (parent: Command, cli: Cli): void => addVerbs(parent, cli, USERS);
export const addAppsVerbs = (parent: Command, cli: Cli): void => addVerbs(parent, cli, APPS);

function addVerbs(parent: Command, cli: Cli, thing: Thing): void {
  const { path, argument, example, exampleNote, scopeName } = thing;
  const one = path === "users" ? "a user" : "an app";
  const disable = parent
    .command("disable")
    .description(`disable ${one}, and say which verifiers enforce it`)
    .argument(...argument)
    .option("--note <text>", "why, in your words; kept with the revocation")
    .option(
      "--wait <seconds>",
      "how long to wait for all verifiers, 0 to 30",
      parseWait,
      DEFAULT_WAIT_SECONDS,
    );
  addEndingOptions(disable, { asks: thing.reach !== undefined })
    .addHelpText(
      "after",
      `
${thing.disabling}

Examples:
  portcullis ${path} disable ${example} --note "${exampleNote}"
  portcullis ${path} disable ${example} --dry-run
  portcullis ${path} disable ${example}${thing.reach === undefined ? "" : " --yes"} --wait 30

Needs the scope ${scopeName}. Exit code: 0 if it is enforced, 3 if a verifier may still allow it.`,
    )
    .action(acting(cli, (session, command) => runDisable(session, command, thing)));
  parent
    .command("enable")
    .description(`enable ${one} that was disabled`)
    .argument(...argument)
    .addHelpText(
      "after",
      `
${thing.enabling}

Examples:
  portcullis ${path} enable ${example}

Needs the scope ${scopeName}.`,
    )
    .action(acting(cli, (session, command) => runEnable(session, command, thing)));
}

interface DisableOptions extends EndingOptions {
  readonly note?: string;
  readonly wait: number;
}

async function runDisable(session: Session, command: Command, thing: Thing): Promise<number> {
  const [key] = command.processedArgs as [string];
  const options = command.opts<DisableOptions>();
  const { note, wait } = options;
  assertNamed(key, thing);
  const reach = thing.reach?.(visible(key));
  const wouldEnd = async () => (await session.connect(thing.scope)).wouldDisable(thing.path, key);
  const over = await beforeEnding(session, { options, reach, wouldEnd });
  if (over !== undefined) return over;
  const state = await change(session, thing, { key, verb: "disable", body: { note }, wait });
  const { receipt } = state;
  if (session.json) printJson(session, state);
  else if (receipt !== undefined) {
    session.io.stdout.write(`${doneText(thing.nameOf(state), "disabled", state.changed)}\n`);
    printReceipt(session, receipt, "Revoked");
    printHowItGoesOn(session, receipt);
  }
  return receipt?.state === "pending" ? EXIT.pending : EXIT.ok;
}

async function runEnable(session: Session, command: Command, thing: Thing): Promise<number> {
  const [key] = command.processedArgs as [string];
  const state = await change(session, thing, { key, verb: "enable", body: {}, wait: 0 });
  if (session.json) printJson(session, state);
  else session.io.stdout.write(`${doneText(thing.nameOf(state), "enabled", state.changed)}\n`);
  return EXIT.ok;
}

function doneText(name: string, done: "disabled" | "enabled", changed: boolean): string {
  if (!changed) return `${name} was already ${done}.`;
  return `${done === "disabled" ? "Disabled" : "Enabled"}: ${name}.`;
}

interface Asked {
  readonly key: string;
  readonly verb: "disable" | "enable";
  readonly body: object;
  readonly wait: number;
}

function assertNamed(key: string, { argument }: Thing): void {
  if (key === "") throw usage(`${argument[0]}: found nothing; give ${argument[1]}.`);
}

async function change(session: Session, thing: Thing, asked: Asked): Promise<State> {
  const { path, scope } = thing;
  const { key, verb, body, wait } = asked;
  assertNamed(key, thing);
  const api = await session.connect(scope);
  const sending =
    path === "users" ? api.changeUser(key, verb, { body, wait }) : api.changeApp(key, verb, { body, wait });
  return sending.catch(explained);
}

/** No answer is not a no. */
function explained(error: unknown): never {
  if (!hasCode(error, "timed_out")) throw error;
  const text = `${error.message} It may be done all the same. Repeat the command: that does no harm.`;
  throw cliError("timed_out", { text, cause: error });
}
