/** `apis list|show|create|update|delete|disable|enable`. */
import {
  type Api,
  apiListSchema,
  apiSchema,
  apiStateSchema,
  changedApiSchema,
  createdApiSchema,
  deletedApiSchema,
  SIGNING_ALGORITHMS,
} from "@portcullis/protocol";
import { type Command, Option } from "commander";
import { EXIT } from "../exit-codes.ts";
import { membersText } from "../print/members.ts";
import { type Column, tableOf, visible } from "../print/table.ts";
import { dateTime } from "../print/times.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { sayChanged } from "./apps.ts";
import { addEndingOptions, beforeEnding, type EndingOptions, withdrawnText } from "./before-ending.ts";
import { collect, collectNamed, parseSeconds } from "./collect.ts";
import { parseWait } from "./numbers.ts";
import { printWarning } from "./print-signing-now.ts";

const DEFAULT_WAIT_SECONDS = 5;
const IDENTIFIER = ["<identifier>", "identifier of the API, as in https://orders.example"] as const;
const WAIT = ["--wait <seconds>", "wait so long for all verifiers, 0 to 30"] as const;

export function addApis(parent: Command, cli: Cli): void {
  addList(parent, cli);
  addShow(parent, cli);
  addCreate(parent, cli);
  addUpdate(parent, cli);
  addDelete(parent, cli);
  addDisable(parent, cli);
  addEnable(parent, cli);
}

const pathOf = (identifier: string): string => `/apis/${encodeURIComponent(identifier)}`;

function addList(parent: Command, cli: Cli): void {
  parent
    .command("list")
    .description("list the APIs")
    .option("--name <text>", "only APIs whose name begins so")
    .option("--disabled", "only those that are disabled")
    .addHelpText(
      "after",
      `
Examples:
  portcullis apis list

Needs the scope apis.read.`,
    )
    .action(acting(cli, list));
}

async function list(session: Session, command: Command): Promise<number> {
  const { name, disabled } = command.opts<{ name?: string; disabled?: boolean }>();
  const api = await session.connect("readApis");
  const query = { name, enabled: disabled ? "false" : undefined };
  const items: Api[] = await api.everyPage(apiListSchema, { path: "/apis", query });
  if (session.json) printJson(session, { items });
  else session.io.stdout.write(tableOf(COLUMNS, items, session.width));
  return EXIT.ok;
}

const COLUMNS: readonly Column<Api>[] = [
  { title: "IDENTIFIER", value: ({ identifier }) => identifier },
  { title: "NAME", value: ({ name }) => name, least: 12 },
  { title: "STATUS", value: ({ enabled }) => (enabled ? "enabled" : "disabled") },
  { title: "TOKENS LIVE", value: ({ accessTokenTtlSeconds }) => `${accessTokenTtlSeconds} s` },
  { title: "PERMISSIONS", value: ({ permissions }) => Object.keys(permissions).join(" ") || "-", least: 12 },
];

function addShow(parent: Command, cli: Cli): void {
  parent
    .command("show")
    .description("show an API and its permissions")
    .argument(...IDENTIFIER)
    .addHelpText(
      "after",
      `
Examples:
  portcullis apis show https://orders.example

Needs the scope apis.read.`,
    )
    .action(acting(cli, show));
}

async function show(session: Session, command: Command): Promise<number> {
  const [identifier] = command.processedArgs as [string];
  const api = await session.connect("readApis");
  const found = await api.administer(apiSchema, { path: pathOf(identifier) });
  if (session.json) printJson(session, found);
  else session.io.stdout.write(apiText(found));
  return EXIT.ok;
}

const apiText = (api: Api): string =>
  membersText({
    identifier: api.identifier,
    name: api.name,
    status: api.enabled ? "enabled" : "disabled",
    "tokens live": `${api.accessTokenTtlSeconds} s`,
    "session idle": secondsText(api.sessionIdleSeconds),
    "session in all": secondsText(api.sessionAbsoluteSeconds),
    "tokens signed": api.algorithm,
    ...Object.fromEntries(
      Object.entries(api.permissions).map(([scope, says]) => [`- ${visible(scope)}`, says]),
    ),
    "personal tokens": api.personalTokenPermissions.join(" "),
    claims: Object.entries(api.claims)
      .map(([claim, source]) => `${claim}=${source}`)
      .join(" "),
    created: api.createdAt && dateTime(api.createdAt),
    changed: api.changedAt && dateTime(api.changedAt),
  });

const secondsText = (seconds: number | undefined): string | undefined =>
  seconds === undefined ? undefined : `${seconds} s`;

interface SettingOptions {
  readonly name?: string;
  readonly permission?: Record<string, string>;
  readonly removePermission?: string[];
  readonly claim?: Record<string, string>;
  readonly removeClaim?: string[];
  readonly personalTokenPermission?: string[];
  readonly ttl?: number;
  readonly sessionIdle?: number;
  readonly sessionAbsolute?: number;
  readonly algorithm?: string;
}

const withSettings = (command: Command): Command =>
  command
    .option("--permission <scope=words>", "a permission, and what it lets an app do", collectNamed)
    .option(
      "--claim <name=source>",
      "a claim of its tokens: username, name, email or attributes.NAME",
      collectNamed,
    )
    .option(
      "--personal-token-permission <scope>",
      "a permission that users may have in tokens for scripts; all of them are given anew",
      collect,
    )
    .option("--ttl <seconds>", "lifetime of its access tokens", parseSeconds)
    .option(
      "--session-idle <seconds>",
      "how long an app with access may be unused in a session",
      parseSeconds,
    )
    .option("--session-absolute <seconds>", "how long such an app may go on after a sign-in", parseSeconds)
    .addOption(
      new Option("--algorithm <name>", "what its access tokens are signed with").choices(SIGNING_ALGORITHMS),
    );

const settingsFrom = (options: SettingOptions) => ({
  name: options.name,
  permissions: patchOf(options.permission, options.removePermission),
  claims: patchOf(options.claim, options.removeClaim),
  personalTokenPermissions: options.personalTokenPermission,
  accessTokenTtlSeconds: options.ttl,
  sessionIdleSeconds: options.sessionIdle,
  sessionAbsoluteSeconds: options.sessionAbsolute,
  algorithm: options.algorithm,
});

function patchOf(given: Record<string, string> | undefined, removed: readonly string[] = []) {
  if (given === undefined && removed.length === 0) return undefined;
  return { ...given, ...Object.fromEntries(removed.map((name) => [name, null])) };
}

function addCreate(parent: Command, cli: Cli): void {
  const command = parent
    .command("create")
    .description("create an API that takes tokens of this issuer")
    .argument(...IDENTIFIER)
    .requiredOption("--name <text>", "name that users see");
  withSettings(command)
    .addHelpText(
      "after",
      `
The identifier is what its tokens have as audience, and cannot be changed. Apps get tokens for it once they are given its
permissions: portcullis apps update.

Examples:
  portcullis apis create https://orders.example --name Orders \\
    --permission "orders.read=See your orders" --permission "orders.write=Place orders for you"

Needs the scope apis.write.`,
    )
    .action(acting(cli, create));
}

async function create(session: Session, command: Command): Promise<number> {
  const [identifier] = command.processedArgs as [string];
  const body = { identifier, ...settingsFrom(command.opts<SettingOptions>()) };
  const api = await session.connect("writeApis");
  const made = await api.administer(createdApiSchema, { method: "POST", path: "/apis", body });
  if (session.json) printJson(session, made);
  else {
    session.io.stdout.write(`Created: ${visible(made.identifier)}.\n`);
    printWarning(session, made.warning);
  }
  return EXIT.ok;
}

function addUpdate(parent: Command, cli: Cli): void {
  const command = parent
    .command("update")
    .description("change settings of an API")
    .argument(...IDENTIFIER)
    .option("--name <text>", "name that users see");
  withSettings(command)
    .option("--remove-permission <scope>", "a permission that is no more", collect)
    .option("--remove-claim <name>", "a claim that its tokens have no more", collect)
    .option(
      "--unset <setting>",
      "sessionIdleSeconds, sessionAbsoluteSeconds or personalTokenPermissions",
      collect,
    )
    .option(...WAIT, parseWait, DEFAULT_WAIT_SECONDS);
  addEndingOptions(command, { asks: true })
    .addHelpText(
      "after",
      `
What is not named stays as it is. A permission or a claim that is removed makes all tokens for the API stale: the next
refresh goes without it; that is asked for first.

Examples:
  portcullis apis update https://orders.example --claim tier=attributes.plan.tier
  portcullis apis update https://orders.example --algorithm EdDSA
  portcullis apis update https://orders.example --permission "orders.cancel=Cancel your orders"
  portcullis apis update https://orders.example --remove-permission orders.write --dry-run

Needs the scope apis.write. Ends with 0 when it is enforced, 3 when a verifier may still allow what has ended.`,
    )
    .action(acting(cli, update));
}

async function update(session: Session, command: Command): Promise<number> {
  const [identifier] = command.processedArgs as [string];
  const options = command.opts<SettingOptions & EndingOptions & { unset?: string[]; wait: number }>();
  const api = await session.connect("writeApis");
  const unset = Object.fromEntries((options.unset ?? []).map((setting) => [setting, null]));
  const body = { ...settingsFrom(options), ...unset };
  const call = { method: "PATCH", path: pathOf(identifier), body, waitSeconds: options.wait } as const;
  const reach = `tokens for the API ${visible(identifier)}, of all users`;
  const wouldEnd = () => api.tryOut(call);
  const over = await beforeEnding(session, { options, reach, wouldEnd, mayEndNothing: true });
  if (over !== undefined) return over;
  const changed = await api.administer(changedApiSchema, call);
  return sayChanged(
    session,
    changed,
    `Changed: ${visible(identifier)}, now at revision ${changed.revision}.${withdrawnText(changed.withdrawnFromApps)}`,
  );
}

function addDelete(parent: Command, cli: Cli): void {
  const deleting = parent
    .command("delete")
    .description("delete an API: every token for it is refused")
    .argument(...IDENTIFIER)
    .option(...WAIT, parseWait, DEFAULT_WAIT_SECONDS);
  addEndingOptions(deleting, { asks: true })
    .addHelpText(
      "after",
      `
Sessions and grants go on for other APIs. What users had allowed there is forgotten, and no app may ask for it any more.

Examples:
  portcullis apis delete https://orders.example --dry-run
  portcullis apis delete https://orders.example

Needs the scope apis.write. Ends with 0 when it is enforced, 3 when a verifier may still allow it.`,
    )
    .action(acting(cli, remove));
}

async function remove(session: Session, command: Command): Promise<number> {
  const [identifier] = command.processedArgs as [string];
  const { wait, ...options } = command.opts<EndingOptions & { wait: number }>();
  const api = await session.connect("writeApis");
  const call = { method: "DELETE", path: pathOf(identifier), waitSeconds: wait } as const;
  const reach = `the API ${visible(identifier)}, with every token for it, for all users`;
  const over = await beforeEnding(session, { options, reach, wouldEnd: () => api.tryOut(call) });
  if (over !== undefined) return over;
  const deleted = await api.administer(deletedApiSchema, call);
  return sayChanged(
    session,
    deleted,
    `Deleted: ${visible(identifier)}.${withdrawnText(deleted.withdrawnFromApps)}`,
  );
}

function addDisable(parent: Command, cli: Cli): void {
  const disabling = parent
    .command("disable")
    .description("disable an API: every token for it is refused, and none is issued")
    .argument(...IDENTIFIER)
    .option("--note <text>", "why, for the audit")
    .option(...WAIT, parseWait, DEFAULT_WAIT_SECONDS);
  addEndingOptions(disabling, { asks: true })
    .addHelpText(
      "after",
      `
Examples:
  portcullis apis disable https://orders.example --note "being moved"

Needs the scope apis.write. Ends with 0 when it is enforced, 3 when a verifier may still allow it.`,
    )
    .action(acting(cli, disable));
}

async function disable(session: Session, command: Command): Promise<number> {
  const [identifier] = command.processedArgs as [string];
  const { wait, note, ...options } = command.opts<EndingOptions & { note?: string; wait: number }>();
  const api = await session.connect("writeApis");
  const path = `${pathOf(identifier)}/disable`;
  const call = { method: "POST", path, body: { note }, waitSeconds: wait } as const;
  const reach = `every token for the API ${visible(identifier)}, of all users`;
  const over = await beforeEnding(session, { options, reach, wouldEnd: () => api.tryOut(call) });
  if (over !== undefined) return over;
  const state = await api.administer(apiStateSchema, call);
  const text = state.changed
    ? `Disabled: ${visible(identifier)}.`
    : `${visible(identifier)} was already disabled.`;
  return sayChanged(session, state, text);
}

function addEnable(parent: Command, cli: Cli): void {
  parent
    .command("enable")
    .description("enable an API that was disabled")
    .argument(...IDENTIFIER)
    .addHelpText(
      "after",
      `
Tokens are issued for it again. What has ended stays ended.

Examples:
  portcullis apis enable https://orders.example

Needs the scope apis.write.`,
    )
    .action(acting(cli, enable));
}

async function enable(session: Session, command: Command): Promise<number> {
  const [identifier] = command.processedArgs as [string];
  const api = await session.connect("writeApis");
  const call = { method: "POST", path: `${pathOf(identifier)}/enable`, body: {} } as const;
  const state = await api.administer(apiStateSchema, call);
  const text = state.changed
    ? `Enabled: ${visible(identifier)}.`
    : `${visible(identifier)} was already enabled.`;
  return sayChanged(session, state, text);
}
