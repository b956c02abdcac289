/** `bans add`, `bans list` and `bans lift`. */
import { BAN_STATUSES, type Ban, type BanList } from "@portcullis/protocol";
import { type Command, InvalidArgumentError, Option } from "commander";
import { EXIT } from "../exit-codes.ts";
import { type Column, tableOf, visible } from "../print/table.ts";
import { dateTime } from "../print/times.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { usage } from "../settings.ts";
import { addEndingOptions, beforeEnding, type EndingOptions } from "./before-ending.ts";
import { parseWait } from "./numbers.ts";
import { parseTime } from "./parse-time.ts";
import { printHowItGoesOn, printReceipt } from "./print-receipt.ts";

const DEFAULT_WAIT_SECONDS = 5;

export function addBans(program: Command, cli: Cli): void {
  const bans = program
    .command("bans")
    .description("ban users, from everything, one API or one permission, and lift bans")
    .helpCommand(false)
    .addHelpText("after", EXAMPLES);
  addAdd(bans, cli);
  addList(bans, cli);
  addLift(bans, cli);
}

const EXAMPLES = `
Examples:
  portcullis bans add alice --reason "chargebacks, case 4711" --for 7d
  portcullis bans list --status standing
  portcullis bans lift mJ1yW9Zl3v0qUq4sQnq2bQ

Needs the scope bans.read for list, bans.write for add and lift.`;

function addAdd(bans: Command, cli: Cli): void {
  const adding = bans
    .command("add")
    .description("ban a user, and say which verifiers enforce it")
    .argument("<user>", "a sub, a username or an e-mail address")
    .option("--api <identifier>", "from this API alone")
    .option("--permission <name>", "from this permission of the API alone")
    .requiredOption("--reason <text>", "why, for who administers; the user does not see it")
    .option("--message <text>", "what the user is told")
    .option("--until <time>", "when it ends by itself, such as 2026-03-08T12:00:00Z", parseTime)
    .addOption(
      new Option("--for <duration>", "how long it stands: 30m, 12h, 7d, 2w")
        .argParser(parseDuration)
        .conflicts("until"),
    )
    .option(
      "--wait <seconds>",
      "how long to wait for all verifiers, 0 to 30",
      parseWait,
      DEFAULT_WAIT_SECONDS,
    );
  addEndingOptions(adding, { asks: false }).addHelpText("after", ADD_HELP).action(acting(cli, add));
}

const ADD_HELP = `
Without --api, the user cannot sign in, and every session, grant and token of the user ends. With --api, the user's tokens for it
end, and there are no new ones. With --permission, clients refresh, and get tokens without it.
Without --until or --for, it stands until it is lifted. A second ban stands beside the first.

Examples:
  portcullis bans add alice --reason "stolen account" --message "Write to support@example.com."
  portcullis bans add alice --api https://orders.example.com --permission orders.write --reason "unpaid" --for 7d

Needs the scope bans.write. Exit code: 0 if it is enforced, 3 if a verifier may still allow it.`;

interface AddOptions {
  readonly api?: string;
  readonly permission?: string;
  readonly reason: string;
  readonly message?: string;
  readonly until?: string;
  /** Milliseconds. */
  readonly for?: number;
  readonly wait: number;
}

async function add(session: Session, command: Command): Promise<number> {
  const [user] = command.processedArgs as [string];
  const options = command.opts<AddOptions & EndingOptions>();
  if (user === "") throw usage("<user>: found nothing; give a sub, a username or an e-mail address.");
  const api = await session.connect("writeBans");
  const body = bodyOf(options, session);
  const wouldEnd = () => api.wouldBan(user, body);
  const over = await beforeEnding(session, { options, reach: undefined, wouldEnd });
  if (over !== undefined) return over;
  const { receipt, ...ban } = await api.ban(user, { body, wait: options.wait });
  if (session.json) printJson(session, { ...ban, receipt });
  else {
    session.io.stdout.write(`Banned: ${nameOf(ban)} from ${banText(ban)}. Ban ${ban.id}.\n`);
    if (receipt !== undefined) {
      printReceipt(session, receipt, "Revoked");
      printHowItGoesOn(session, receipt);
    }
  }
  return receipt?.state === "pending" ? EXIT.pending : EXIT.ok;
}

function bodyOf({ api, permission, reason, message, until, for: duration }: AddOptions, { io }: Session) {
  if (permission !== undefined && api === undefined)
    throw usage("--permission: found no --api; name the API that the permission is of.");
  const end = duration === undefined ? until : new Date(io.now() + duration).toISOString();
  return {
    scope: api === undefined ? "all" : { api, permission },
    reason,
    message,
    until: end,
  };
}

function addList(bans: Command, cli: Cli): void {
  bans
    .command("list")
    .description("list bans, the newest first, those of the past too")
    .option("--user <user>", "those of this user: a sub, a username or an e-mail address")
    .option("--api <identifier>", "those from this API, or from a permission of it")
    .addOption(
      new Option("--status <status>", "those that stand, are over, or were lifted").choices(BAN_STATUSES),
    )
    .addHelpText("after", LIST_HELP)
    .action(acting(cli, list));
}

const LIST_HELP = `
STATUS:
  standing  keeps the user out
  over      has ended by itself, at its time
  lifted    somebody has ended it

Examples:
  portcullis bans list --user alice
  portcullis bans list --status standing --json

Needs the scope bans.read.`;

async function list(session: Session, command: Command): Promise<number> {
  const {
    user,
    api: identifier,
    status,
  } = command.opts<Record<"user" | "api" | "status", string | undefined>>();
  const api = await session.connect("readBans");
  const found = await api.bans({ user, api: identifier, status });
  if (session.json) printJson(session, found);
  else session.io.stdout.write(bansText(found, session));
  return EXIT.ok;
}

const STYLES = { standing: "yellow", over: "dim", lifted: "dim" } as const;

function bansText({ items }: BanList, { paint, width }: Session): string {
  const columns: readonly Column<Ban>[] = [
    { title: "ID", value: ({ id }) => id },
    { title: "USER", value: nameOf, least: 8 },
    { title: "FROM", value: scopeText, least: 12 },
    {
      title: "STATUS",
      value: ({ status }) => status,
      style: (text, { status }) => paint(STYLES[status], text),
    },
    { title: "SINCE", value: ({ createdAt }) => dateTime(createdAt) },
    { title: "UNTIL", value: ({ until, liftedAt }) => untilText(liftedAt ?? until) },
    { title: "BY", value: ({ createdBy, createdByName }) => createdByName ?? createdBy, least: 8 },
    { title: "REASON", value: ({ reason }) => reason, least: 8 },
  ];
  return tableOf(columns, items, width);
}

const untilText = (time: string | undefined): string => (time === undefined ? "-" : dateTime(time));

function addLift(bans: Command, cli: Cli): void {
  bans
    .command("lift")
    .description("lift a ban: it stands no more")
    .argument("<id>", "the id of the ban")
    .addHelpText("after", LIFT_HELP)
    .action(acting(cli, lift));
}

const LIFT_HELP = `
Other bans of the user stand. What has ended stays ended.

Examples:
  portcullis bans lift mJ1yW9Zl3v0qUq4sQnq2bQ

Needs the scope bans.write.`;

async function lift(session: Session, command: Command): Promise<number> {
  const [id] = command.processedArgs as [string];
  if (id === "") throw usage("<id>: found nothing; give the id of a ban, which bans list shows.");
  const api = await session.connect("writeBans");
  const ban = await api.liftBan(id);
  if (session.json) printJson(session, ban);
  else session.io.stdout.write(`${liftedText(ban)}\n`);
  return EXIT.ok;
}

const liftedText = (ban: Ban & { readonly changed: boolean }): string =>
  ban.changed
    ? `Lifted: ${nameOf(ban)} is no longer banned from ${scopeText(ban)} by this ban.`
    : `The ban of ${nameOf(ban)} stood no more: it is ${ban.status}.`;

const nameOf = ({ user }: Pick<Ban, "user">): string => visible(user.username ?? user.label ?? user.sub);

function scopeText({ scope }: Pick<Ban, "scope">): string {
  if (scope === "all") return "everything";
  return visible(scope.permission === undefined ? scope.api : `${scope.permission} of ${scope.api}`);
}

const endText = ({ until }: Pick<Ban, "until">): string =>
  until === undefined ? "" : ` until ${dateTime(until)}`;

/** From what, and until when. */
export const banText = (ban: Pick<Ban, "scope" | "until">): string => `${scopeText(ban)}${endText(ban)}`;

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

function parseDuration(text: string): number {
  const [, count, unit] = /^([1-9]\d{0,5})([mhdw])$/.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError("Give a number and a unit: 30m, 12h, 7d or 2w.");
  return Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
}
