/** `tokens list|create|rotate|revoke`: tokens for scripts, of users and of apps. */
import {
  createdScriptTokenSchema,
  endedScriptTokenSchema,
  rotatedScriptTokenSchema,
  type ScriptToken,
  scriptTokenListSchema,
} from "@portcullis/protocol";
import { type Command, InvalidArgumentError, Option } from "commander";
import { EXIT } from "../exit-codes.ts";
import { type Column, tableOf, visible } from "../print/table.ts";
import { dateTime } from "../print/times.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { usage } from "../settings.ts";
import { addEndingOptions, beforeEnding, type EndingOptions } from "./before-ending.ts";
import { collect } from "./collect.ts";
import { parseWait } from "./numbers.ts";
import { parseTime } from "./parse-time.ts";
import { printHowItGoesOn, printReceipt } from "./print-receipt.ts";

const DEFAULT_WAIT_SECONDS = 5;
const DAY_MS = 86_400_000;
const ID = ["<id>", "id of the token, as listed"] as const;
const WAIT = ["--wait <seconds>", "how long to wait for all verifiers, 0 to 30"] as const;

export function addTokens(program: Command, cli: Cli): void {
  const tokens = program
    .command("tokens")
    .description("list, make, rotate and end tokens for scripts, of users and of apps")
    .helpCommand(false)
    .addHelpText("after", EXAMPLES);
  addList(tokens, cli);
  addCreate(tokens, cli);
  addRotate(tokens, cli);
  addRevoke(tokens, cli);
}

const EXAMPLES = `
Examples:
  portcullis tokens list --user alice
  portcullis tokens create "Nightly export" --user alice --api https://orders.example --permission orders.read --days 30
  portcullis tokens rotate Vt8Vt7mGQf2bqfYkq0hZ0A --app nightly --overlap 3600
  portcullis tokens revoke Vt8Vt7mGQf2bqfYkq0hZ0A --user alice

Needs the scope tokens.read for list, tokens.write for the others.`;

const ofOwner = (command: Command): Command =>
  command
    .option("--user <user>", "of this user: a sub, a username or an e-mail address")
    .option("--app <client-id>", "of the app with this client_id");

interface OwnerOptions {
  readonly user?: string;
  readonly app?: string;
}

/** Where the tokens of the one who is named are. */
function pathOf({ user, app }: OwnerOptions, id?: string): string {
  if ((user === undefined) === (app === undefined))
    throw usage("--user, --app: say whose the token is, with exactly one of them.");
  const owner =
    user === undefined ? `/apps/${encodeURIComponent(app!)}` : `/users/${encodeURIComponent(user)}`;
  return id === undefined ? `${owner}/tokens` : `${owner}/tokens/${encodeURIComponent(id)}`;
}

const STATES = { active: "true", over: "false", any: undefined } as const;

function addList(parent: Command, cli: Cli): void {
  ofOwner(parent.command("list").description("list the tokens of a user or an app, the newest first"))
    .addOption(
      new Option("--state <state>", "those that work, or that are over")
        .choices(Object.keys(STATES))
        .default("active"),
    )
    .addHelpText(
      "after",
      `
What the tokens are is shown to nobody. What is over is listed for 90 days.

Examples:
  portcullis tokens list --user alice
  portcullis tokens list --app nightly --state any --json

Needs the scope tokens.read.`,
    )
    .action(acting(cli, list));
}

async function list(session: Session, command: Command): Promise<number> {
  const options = command.opts<OwnerOptions & { state: keyof typeof STATES }>();
  const path = pathOf(options);
  const api = await session.connect("readTokens");
  const items = await api.everyPage(scriptTokenListSchema, {
    path,
    query: { active: STATES[options.state] },
  });
  if (session.json) printJson(session, { items });
  else
    session.io.stdout.write(
      items.length === 0 ? "No such tokens.\n" : tableOf(COLUMNS, items, session.width),
    );
  return EXIT.ok;
}

const COLUMNS: readonly Column<ScriptToken>[] = [
  { title: "ID", value: ({ id }) => id },
  { title: "NAME", value: ({ name }) => name, least: 8 },
  { title: "API", value: ({ api }) => api, least: 12 },
  { title: "PERMISSIONS", value: ({ permissions }) => permissions.join(" "), least: 12 },
  { title: "EXPIRES", value: ({ expiresAt }) => (expiresAt === undefined ? "never" : dateTime(expiresAt)) },
  { title: "LAST USED", value: ({ lastUsedAt }) => (lastUsedAt === undefined ? "-" : dateTime(lastUsedAt)) },
  { title: "STATE", value: stateOf },
];

function stateOf({ active, reason, rotatedTo }: ScriptToken): string {
  if (active) return rotatedTo === undefined ? "works" : "works, rotated";
  return reason ?? "run out";
}

function addCreate(parent: Command, cli: Cli): void {
  ofOwner(
    parent
      .command("create")
      .description("make a token: it is printed once")
      .argument("<name>", "what its owner calls it"),
  )
    .requiredOption("--api <identifier>", "the API that it is for")
    .requiredOption("--permission <name>", "a permission there; may be given more than once", collect)
    .option("--address <cidr>", "a range that it may be used from; may be given more than once", collect)
    .option("--expires-at <time>", "when it stops working, as in 2027-01-31T12:00:00Z", parseTime)
    .addOption(
      new Option("--days <days>", "how many days it works").argParser(parseDays).conflicts("expiresAt"),
    )
    .addHelpText(
      "after",
      `
It holds no more than its owner may: of a user, permissions that are in personalTokenPermissions of the API; of an app, those
that the app is configured for. Without --expires-at or --days it has no end, if the policy lets it be so.

Examples:
  portcullis tokens create "Nightly export" --user alice --api https://orders.example --permission orders.read --days 30
  portcullis tokens create ci --app nightly --api https://orders.example --permission orders.read --address 203.0.113.0/24 --days 90

Needs the scope tokens.write.`,
    )
    .action(acting(cli, create));
}

interface CreateOptions extends OwnerOptions {
  readonly api: string;
  readonly permission: readonly string[];
  readonly address?: readonly string[];
  readonly expiresAt?: string;
  readonly days?: number;
}

async function create(session: Session, command: Command): Promise<number> {
  const [name] = command.processedArgs as [string];
  const options = command.opts<CreateOptions>();
  const { days, expiresAt } = options;
  const body = {
    name,
    api: options.api,
    permissions: options.permission,
    allowedAddresses: options.address,
    expiresAt: days === undefined ? expiresAt : new Date(session.io.now() + days * DAY_MS).toISOString(),
  };
  const path = pathOf(options);
  const api = await session.connect("writeTokens");
  const made = await api.administer(createdScriptTokenSchema, { method: "POST", path, body });
  if (session.json) printJson(session, made);
  else session.io.stdout.write(`Made: ${visible(made.name)}, ${made.id}.\n${textOf(made.token)}\n`);
  return EXIT.ok;
}

const textOf = (token: string): string => `Token (it is not shown again): ${token}`;

function parseDays(text: string): number {
  const days = Number(text);
  if (/^\d{1,4}$/.test(text) && days > 0) return days;
  throw new InvalidArgumentError("Give whole days, 1 or more.");
}

function parseOverlap(text: string): number {
  const seconds = Number(text);
  if (/^\d{1,6}$/.test(text) && seconds <= 604_800) return seconds;
  throw new InvalidArgumentError("Give whole seconds from 0 to 604800 (a week).");
}

function addRotate(parent: Command, cli: Cli): void {
  const rotating = ofOwner(
    parent
      .command("rotate")
      .description("put a new token in the place of one: it is printed once")
      .argument(...ID),
  )
    .option("--overlap <seconds>", "how long the one of before still works", parseOverlap, 0)
    .option("--expires-at <time>", "when the new one stops working", parseTime)
    .option(...WAIT, parseWait, DEFAULT_WAIT_SECONDS);
  addEndingOptions(rotating, { asks: false })
    .addHelpText(
      "after",
      `
The new one has what the one of before has, as far as its owner may still have it, and works for as long as that one was made
for. A token is rotated once.

Examples:
  portcullis tokens rotate Vt8Vt7mGQf2bqfYkq0hZ0A --app nightly --overlap 3600

Needs the scope tokens.write. Exit code: 0 if it is enforced, 3 if a verifier may still allow the one of before.`,
    )
    .action(acting(cli, rotate));
}

interface RotateOptions extends OwnerOptions, EndingOptions {
  readonly overlap: number;
  readonly expiresAt?: string;
  readonly wait: number;
}

async function rotate(session: Session, command: Command): Promise<number> {
  const [id] = command.processedArgs as [string];
  const options = command.opts<RotateOptions>();
  const { overlap: overlapSeconds, expiresAt, wait: waitSeconds } = options;
  const path = `${pathOf(options, id)}/rotate`;
  const api = await session.connect("writeTokens");
  const call = { method: "POST", path, body: { overlapSeconds, expiresAt }, waitSeconds } as const;
  const over = await beforeEnding(session, { options, reach: undefined, wouldEnd: () => api.tryOut(call) });
  if (over !== undefined) return over;
  const made = await api.administer(rotatedScriptTokenSchema, call);
  const { receipt, replaces } = made;
  if (session.json) printJson(session, made);
  else {
    const until = overlapSeconds === 0 ? "has ended" : `works until ${dateTime(replaces.worksUntil)}`;
    session.io.stdout.write(
      `Made: ${visible(made.name)}, ${made.id}. The one of before ${until}.\n${textOf(made.token)}\n`,
    );
    printReceipt(session, receipt, "Revoked");
    printHowItGoesOn(session, receipt);
  }
  return receipt.state === "pending" ? EXIT.pending : EXIT.ok;
}

function addRevoke(parent: Command, cli: Cli): void {
  const revoking = ofOwner(
    parent
      .command("revoke")
      .description("end a token, and say which verifiers enforce it")
      .argument(...ID),
  ).option(...WAIT, parseWait, DEFAULT_WAIT_SECONDS);
  addEndingOptions(revoking, { asks: false })
    .addHelpText(
      "after",
      `
A token that was made in its place goes on.

Examples:
  portcullis tokens revoke Vt8Vt7mGQf2bqfYkq0hZ0A --user alice

Needs the scope tokens.write. Exit code: 0 if it is enforced, 3 if a verifier may still allow it.`,
    )
    .action(acting(cli, revoke));
}

async function revoke(session: Session, command: Command): Promise<number> {
  const [id] = command.processedArgs as [string];
  const options = command.opts<OwnerOptions & EndingOptions & { wait: number }>();
  const path = pathOf(options, id);
  const api = await session.connect("writeTokens");
  const call = { method: "DELETE", path, waitSeconds: options.wait } as const;
  const over = await beforeEnding(session, { options, reach: undefined, wouldEnd: () => api.tryOut(call) });
  if (over !== undefined) return over;
  const ended = await api.administer(endedScriptTokenSchema, call);
  const { receipt, changed, name } = ended;
  if (session.json) printJson(session, ended);
  else {
    session.io.stdout.write(`${changed ? "Ended" : "Had ended before"}: ${visible(name)}.\n`);
    printReceipt(session, receipt, "Revoked");
    printHowItGoesOn(session, receipt);
  }
  return receipt.state === "pending" ? EXIT.pending : EXIT.ok;
}
