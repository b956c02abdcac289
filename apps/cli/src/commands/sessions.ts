/** `sessions list`, `show`, `rename` and `end`. */
import { DEVICE_TYPES, type SessionEntry, type SessionList } from "@portcullis/protocol";
import { type Command, Option } from "commander";
import type { SessionsToEnd } from "../api/sessions-api.ts";
import { EXIT } from "../exit-codes.ts";
import { membersText } from "../print/members.ts";
import { type Column, tableOf, visible } from "../print/table.ts";
import { dateTime } from "../print/times.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { usage } from "../settings.ts";
import { addEndingOptions, beforeEnding, type EndingOptions } from "./before-ending.ts";
import { parseCount, parseWait } from "./numbers.ts";
import { parseTime } from "./parse-time.ts";
import { printHowItGoesOn, printReceipt } from "./print-receipt.ts";

const DEFAULT_WAIT_SECONDS = 5;
const SID = ["<sid>", "the sid of the session, which sessions list shows"] as const;

export function addSessions(program: Command, cli: Cli): void {
  const sessions = program
    .command("sessions")
    .description("see who is signed in on what, and end sessions")
    .helpCommand(false)
    .addHelpText("after", EXAMPLES);
  addList(sessions, cli);
  addShow(sessions, cli);
  addRename(sessions, cli);
  addEnd(sessions, cli);
}

const EXAMPLES = `
Examples:
  portcullis sessions list --user alice
  portcullis sessions end Vt8Vt7mGQf2bqfYkq0hZ0A
  portcullis sessions end --user alice --all

Needs the scope sessions.read for list and show, sessions.write for rename and end.`;

const deviceTypeOption = (words: string) =>
  new Option("--device-type <type>", words).choices([...DEVICE_TYPES]);

const STATES = { active: "true", over: "false", any: undefined } as const;

function addList(sessions: Command, cli: Cli): void {
  sessions
    .command("list")
    .description("list sessions, the newest first")
    .option("--user <user>", "those of this user: a sub, a username or an e-mail address")
    .option("--app <app>", "those that the app with this client_id has something below")
    .addOption(deviceTypeOption("those on this type of device"))
    .option("--before <time>", "those that were signed in to before this time", parseTime)
    .addOption(
      new Option("--state <state>", "those that go on, or that are over")
        .choices(Object.keys(STATES))
        .default("active"),
    )
    .option("--limit <count>", "how many at most", parseCount, 50)
    .addHelpText("after", LIST_HELP)
    .action(acting(cli, list));
}

const LIST_HELP = `
Examples:
  portcullis sessions list
  portcullis sessions list --user alice --device-type mobile
  portcullis sessions list --before 2026-03-01T00:00:00Z --json

Needs the scope sessions.read.`;

interface ListOptions {
  readonly user?: string;
  readonly app?: string;
  readonly deviceType?: string;
  readonly before?: string;
  readonly state: keyof typeof STATES;
  readonly limit: number;
}

async function list(session: Session, command: Command): Promise<number> {
  const { user, app, deviceType, before, state, limit } = command.opts<ListOptions>();
  const { sessions } = await session.connect("readSessions");
  const found = await sessions.list({ user, app, deviceType, before, active: STATES[state] }, limit);
  if (session.json) printJson(session, found);
  else session.io.stdout.write(listText(found, session));
  return EXIT.ok;
}

const COLUMNS: readonly Column<SessionEntry>[] = [
  { title: "SID", value: ({ sid }) => sid },
  { title: "USER", value: nameOf, least: 8 },
  { title: "DEVICE", value: ({ device }) => device.name, least: 8 },
  { title: "TYPE", value: ({ device }) => device.type },
  { title: "ADDRESS", value: ({ address }) => address ?? "-" },
  { title: "SIGNED IN", value: ({ authTime }) => dateTime(authTime) },
  { title: "LAST SEEN", value: ({ lastSeenAt }) => dateTime(lastSeenAt) },
  { title: "STATE", value: stateOf },
];

function listText({ items, next }: SessionList, { width }: Session): string {
  if (items.length === 0) return "No such sessions.\n";
  const more = next === undefined ? "" : "There are more: raise --limit, or say whose.\n";
  return `${tableOf(COLUMNS, items, width)}${more}`;
}

function nameOf({ user: { username, label, sub } }: SessionEntry): string {
  return username ?? label ?? sub;
}

function stateOf({ active, replacedBy, endedAt }: SessionEntry): string {
  if (active) return "active";
  if (replacedBy !== undefined) return "replaced";
  return endedAt === undefined ? "run out" : "ended";
}

function addShow(sessions: Command, cli: Cli): void {
  sessions
    .command("show")
    .description("show all that is kept of a session")
    .argument(...SID)
    .addHelpText("after", SHOW_HELP)
    .action(acting(cli, show));
}

const SHOW_HELP = `
A session that has ended is shown until its last token has ended.

Examples:
  portcullis sessions show Vt8Vt7mGQf2bqfYkq0hZ0A

Needs the scope sessions.read.`;

async function show(session: Session, command: Command): Promise<number> {
  const sid = sidOf(command);
  const { sessions } = await session.connect("readSessions");
  const found = await sessions.get(sid);
  if (session.json) printJson(session, found);
  else session.io.stdout.write(sessionText(found));
  return EXIT.ok;
}

function sidOf(command: Command): string {
  const [sid] = command.processedArgs as [string];
  if (sid === "") throw usage(`${SID[0]}: found nothing; give ${SID[1]}.`);
  return sid;
}

function sessionText(entry: SessionEntry): string {
  const { sid, device, address, amr, apps } = entry;
  return membersText({
    sid,
    user: nameOf(entry),
    device: device.name,
    type: [device.type, device.browser, device.os].filter((part) => part !== undefined).join(", "),
    address,
    "signed in": `${dateTime(entry.authTime)} by ${amr.join(", ")}`,
    "last seen": dateTime(entry.lastSeenAt),
    state: stateText(entry),
    apps: apps.map(({ clientId, name }) => `${name} (${clientId})`).join(", "),
  });
}

function stateText(entry: SessionEntry): string {
  const { active, expiresAt, endedAt, replacedBy } = entry;
  if (active) return `active until ${dateTime(expiresAt)}, if it is not used before`;
  const by = replacedBy === undefined ? "" : ` by ${replacedBy}`;
  return `${stateOf(entry)} ${dateTime(endedAt ?? expiresAt)}${by}`;
}

function addRename(sessions: Command, cli: Cli): void {
  sessions
    .command("rename")
    .description("give the device of a session a name, or take it away")
    .argument(...SID)
    .argument("[name]", "1 to 64 characters; without it the device is called by its browser again")
    .addHelpText("after", RENAME_HELP)
    .action(acting(cli, rename));
}

const RENAME_HELP = `
Examples:
  portcullis sessions rename Vt8Vt7mGQf2bqfYkq0hZ0A "Work laptop"
  portcullis sessions rename Vt8Vt7mGQf2bqfYkq0hZ0A

Needs the scope sessions.write.`;

async function rename(session: Session, command: Command): Promise<number> {
  const [, name = null] = command.processedArgs as [string, string | undefined];
  const sid = sidOf(command);
  const { sessions } = await session.connect("writeSessions");
  const found = await sessions.rename(sid, name);
  if (session.json) printJson(session, found);
  else session.io.stdout.write(`The device is called ${visible(found.device.name)}.\n`);
  return EXIT.ok;
}

function addEnd(sessions: Command, cli: Cli): void {
  const ending = sessions
    .command("end")
    .description("end a session, or sessions of a user, and say which verifiers enforce it")
    .argument("[sid]", SID[1])
    .option("--user <user>", "whose, in place of a sid: a sub, a username or an e-mail address")
    .option("--all", "all of the user's")
    .option("--others <sid>", "all of the user's but this one")
    .addOption(deviceTypeOption("those of the user's on this type of device"))
    .option("--before <time>", "those of the user's that were signed in to before this time", parseTime)
    .option("--note <text>", "why, for the log")
    .option(
      "--wait <seconds>",
      "how long to wait for all verifiers, 0 to 30",
      parseWait,
      DEFAULT_WAIT_SECONDS,
    );
  addEndingOptions(ending, { asks: false }).addHelpText("after", END_HELP).action(acting(cli, end));
}

const END_HELP = `
Give a sid; or --user with one of --all, --others, --device-type and --before.
Every grant and token of the session ends with it. The user may sign in again: to keep a user out, see portcullis bans.

Examples:
  portcullis sessions end Vt8Vt7mGQf2bqfYkq0hZ0A --note "lost phone"
  portcullis sessions end --user alice --device-type mobile
  portcullis sessions end --user alice --before 2026-03-01T00:00:00Z --dry-run

Needs the scope sessions.write. Exit code: 0 if it is enforced, 3 if a verifier may still allow it.`;

interface EndOptions extends EndingOptions {
  readonly user?: string;
  readonly all?: true;
  readonly others?: string;
  readonly deviceType?: string;
  readonly before?: string;
  readonly note?: string;
  readonly wait: number;
}

async function end(session: Session, command: Command): Promise<number> {
  const [sid] = command.processedArgs as [string | undefined];
  const options = command.opts<EndOptions>();
  const which = sid === undefined ? ofUser(options) : ofSid(sid, options);
  const { sessions } = await session.connect("writeSessions");
  const wouldEnd = () => sessions.wouldEnd(which);
  const over = await beforeEnding(session, { options, reach: undefined, wouldEnd });
  if (over !== undefined) return over;
  const answer = await sessions.end(which, options.wait);
  const { receipt } = answer;
  if (session.json) printJson(session, answer);
  else {
    session.io.stdout.write(`${"ended" in answer ? endedText(answer.ended) : changedText(answer.changed)}\n`);
    if (receipt !== undefined) {
      printReceipt(session, receipt, "Revoked");
      printHowItGoesOn(session, receipt);
    }
  }
  return receipt?.state === "pending" ? EXIT.pending : EXIT.ok;
}

const selected = ({ all, others, deviceType, before }: EndOptions) =>
  Object.entries({ all, others, deviceType, before }).filter(([, value]) => value !== undefined);

function ofSid(sid: string, options: EndOptions): SessionsToEnd {
  if (sid === "" || options.user !== undefined || selected(options).length > 0)
    throw usage("[sid]: give either a sid, or --user and which of the user's sessions are meant.");
  return { sid, body: { note: options.note } };
}

/** Nothing that was left out may end more than was meant. */
function ofUser(options: EndOptions): SessionsToEnd {
  const { user = "", note } = options;
  if (user === "") throw usage("[sid]: found neither a sid nor --user; say which session, or whose.");
  const given = selected(options);
  if (given.length === 1) return { user, body: { ...Object.fromEntries(given), note } };
  throw usage(
    `--user: found ${given.length} of --all, --others, --device-type and --before; give exactly one.`,
  );
}

function endedText(count: number): string {
  if (count === 0) return "There was no such session to end.";
  return `Ended: ${count} session${count === 1 ? "" : "s"}.`;
}

const changedText = (changed: boolean): string =>
  changed ? "Ended: the session." : "The session had ended before.";
