/** `users list`, `show`, `create`, `update`, `delete`, `password`, `unlock`, `import` and `export`. */
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import {
  type ChangedUser,
  type Receipt,
  ROLES,
  USER_STATUSES,
  type UserAnswer,
  type UserList,
  type UserWithRights,
} from "@portcullis/protocol";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { UsersApi } from "../api/users-api.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { type Column, tableOf, visible } from "../print/table.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { usage } from "../settings.ts";
import { banText } from "./bans.ts";
import { addEndingOptions, beforeEnding, type EndingOptions } from "./before-ending.ts";
import { parseWait } from "./numbers.ts";
import { printHowItGoesOn, printReceipt } from "./print-receipt.ts";

const DEFAULT_WAIT_SECONDS = 5;
const USER = ["<user>", "a sub, a username or a verified e-mail address"] as const;

export function addUsers(users: Command, cli: Cli): void {
  addList(users, cli);
  addShow(users, cli);
  addCreate(users, cli);
  addUpdate(users, cli);
  addDelete(users, cli);
  addPassword(users, cli);
  addUnlock(users, cli);
  addImport(users, cli);
  addExport(users, cli);
}

function addList(users: Command, cli: Cli): void {
  users
    .command("list")
    .description("list users, or search them")
    .argument("[beginning]", "of a username, an e-mail address or a name")
    .addOption(new Option("--status <status>", "only these").choices([...USER_STATUSES]))
    .addOption(new Option("--role <role>", "only those who have this role").choices([...ROLES]))
    .option("--limit <count>", "how many at most; 0 for all", parseCount, 50)
    .addHelpText(
      "after",
      `
Examples:
  portcullis users list
  portcullis users list ali --status active
  portcullis users list --role administrator

Needs the scope users.read.`,
    )
    .action(acting(cli, list));
}

function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give a whole number.");
}

const COLUMNS: readonly Column<UserAnswer>[] = [
  { title: "USER", value: nameOf, least: 8 },
  { title: "NAME", value: ({ name }) => name ?? "", least: 8 },
  { title: "E-MAIL", value: ({ email, emailVerified }) => markedEmail(email, emailVerified), least: 12 },
  { title: "STATUS", value: ({ status }) => status },
  { title: "SUB", value: ({ sub }) => sub },
];

const markedEmail = (email: string | undefined, isVerified: boolean): string =>
  email === undefined ? "" : isVerified ? email : `${email} (not verified)`;

function nameOf({
  username,
  email,
  sub,
}: {
  username?: string | undefined;
  email?: string | undefined;
  sub: string;
}) {
  return username ?? email ?? sub;
}

async function list(session: Session, command: Command): Promise<number> {
  const [q] = command.processedArgs as [string | undefined];
  const { status, role, limit } = command.opts<{ status?: string; role?: string; limit: number }>();
  const { users } = await session.connect("readUsers");
  const found = await users.list({ q, status, role }, limit === 0 ? Number.POSITIVE_INFINITY : limit);
  if (session.json) printJson(session, found satisfies UserList);
  else session.io.stdout.write(shownList(found, session));
  return EXIT.ok;
}

export function shownList({ items, next }: UserList, { width }: Session): string {
  if (items.length === 0) return "No such users.\n";
  const more = next === undefined ? "" : "There are more: raise --limit, or say how the name begins.\n";
  return `${tableOf(COLUMNS, items, width)}${more}`;
}

function addShow(users: Command, cli: Cli): void {
  users
    .command("show")
    .description("show all that is kept of a user, the roles, and what bans stand")
    .argument(...USER)
    .addHelpText("after", "\nExamples:\n  portcullis users show alice\n\nNeeds the scope users.read.")
    .action(
      acting(cli, async (session, command) => {
        const { users } = await session.connect("readUsers");
        return showWithRights(session, await users.get(argumentOf(command)));
      }),
    );
}

function argumentOf(command: Command): string {
  const [user] = command.processedArgs as [string];
  if (user === "") throw usage(`${USER[0]}: found nothing; give ${USER[1]}.`);
  return user;
}

function show(session: Session, user: UserAnswer, done?: string): number {
  if (session.json) printJson(session, user);
  else session.io.stdout.write(`${done === undefined ? "" : `${done}\n`}${linesOf(user)}`);
  return EXIT.ok;
}

function showWithRights(session: Session, user: UserWithRights): number {
  const { roles, standingBans, ...rest } = user;
  const shown = {
    ...rest,
    roles: roles.join(", ") || "none",
    "bans that stand": standingBans.map(banText).join("; ") || "none",
  };
  if (session.json) printJson(session, user);
  else session.io.stdout.write(linesOf(shown));
  return EXIT.ok;
}

function linesOf(shown: Readonly<Record<string, unknown>>): string {
  const fields = Object.entries(shown).map(([name, value]) => [name, shownValue(value)] as const);
  const width = Math.max(...fields.map(([name]) => name.length));
  return fields.map(([name, value]) => `${name.padEnd(width)}  ${visible(value)}\n`).join("");
}

const shownValue = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** What can be said of a user, as options. Empty takes away, of one that is changed. */
function addFields(command: Command): Command {
  return command
    .option("--email <address>", "e-mail address")
    .option("--email-verified <yes|no>", "whether it is known to be the user's", parseYesNo)
    .option("--name <name>", "name of the person")
    .option("--picture <url>", "picture of the person")
    .option("--locale <tag>", "language, such as en or pt-BR")
    .option("--attributes <json>", "what else you keep of the user: a JSON object", parseObject)
    .option("--must-change-password <yes|no>", "whether the next sign-in asks for a new one", parseYesNo);
}

function parseYesNo(text: string): boolean {
  if (text === "yes" || text === "no") return text === "yes";
  throw new InvalidArgumentError("Give yes or no.");
}

function parseObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {}
  throw new InvalidArgumentError('Give a JSON object, such as {"department":"sales"}.');
}

const FIELDS = [
  "username",
  "email",
  "emailVerified",
  "name",
  "picture",
  "locale",
  "attributes",
  "mustChangePassword",
] as const;

function fieldsIn(command: Command): Record<string, unknown> {
  const options = command.opts<Record<string, unknown>>();
  const given = FIELDS.filter((field) => options[field] !== undefined);
  return Object.fromEntries(given.map((field) => [field, options[field] === "" ? null : options[field]]));
}

function addCreate(users: Command, cli: Cli): void {
  addFields(
    users
      .command("create")
      .description("create a user")
      .argument("[username]", "what the user signs in with")
      .option("--username <name>", "the same, as an option"),
  )
    .option("--password-file <file>", "file with the first password; without it, there is none")
    .addHelpText(
      "after",
      `
Examples:
  portcullis users create alice --name "Alice Example" --password-file first.txt --must-change-password yes
  portcullis users create --email bob@example.com --email-verified yes

Needs the scope users.write.`,
    )
    .action(
      acting(cli, async (session, command) => {
        const [username] = command.processedArgs as [string | undefined];
        const { passwordFile } = command.opts<{ passwordFile?: string }>();
        const password = passwordFile === undefined ? {} : { password: await passwordIn(passwordFile) };
        const fields = fieldsIn(command);
        if (username !== undefined && fields.username !== undefined)
          throw usage("--username: found beside the argument that says the same. Give one of them.");
        const named = username === undefined ? {} : { username };
        const { users } = await session.connect("writeUsers");
        const user = await users.create({ ...fields, ...named, ...password });
        return show(session, user, `Created: ${visible(nameOf(user))}.`);
      }),
    );
}

/** Without the end of its last line, which an editor adds. */
async function passwordIn(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw usage(`--password-file: cannot read ${file} (${cause.code}).`);
  });
  return text.replace(/\r?\n$/, "");
}

function addUpdate(users: Command, cli: Cli): void {
  const updating = addFields(
    users
      .command("update")
      .description("change what is kept of a user")
      .argument(...USER)
      .option("--username <name>", "another username"),
  );
  addEndingOptions(withWait(updating), { asks: false })
    .addHelpText(
      "after",
      `
What is not named stays as it is. An empty value takes away. Attributes are merged: null takes one away. Tokens that have a
claim of what is now another are stale: the next refresh brings what is true.

Examples:
  portcullis users update alice --name "Alice Young" --attributes '{"department":null}'

Needs the scope users.write. Exit code: 0 if it is enforced, 3 if a verifier may still allow what has ended.`,
    )
    .action(
      acting(cli, async (session, command) => {
        const { wait, ...options } = command.opts<EndingOptions & { wait: number }>();
        const fields = fieldsIn(command);
        if (Object.keys(fields).length === 0) throw usage("Nothing to change: name a field, such as --name.");
        const { users } = await session.connect("writeUsers");
        const named = argumentOf(command);
        const wouldEnd = () => users.wouldUpdate(named, fields);
        const over = await beforeEnding(session, { options, reach: undefined, wouldEnd });
        return over ?? showChanged(session, await users.update(named, fields, wait));
      }),
    );
}

function showChanged(session: Session, changed: ChangedUser): number {
  if (session.json) {
    printJson(session, changed);
    return exitCodeOf(changed.receipt);
  }
  const { receipt, ...user } = changed;
  show(session, user, `Changed: ${visible(nameOf(user))}.`);
  return sayReceipt(session, receipt);
}

const withWait = (command: Command): Command =>
  command.option(
    "--wait <seconds>",
    "how long to wait for all verifiers, 0 to 30",
    parseWait,
    DEFAULT_WAIT_SECONDS,
  );

function addDelete(users: Command, cli: Cli): void {
  const deleting = users
    .command("delete")
    .description("delete a user, and say which verifiers enforce it")
    .argument(...USER)
    .option("--note <text>", "why, in your words; kept with the revocation");
  addEndingOptions(withWait(deleting), { asks: false })
    .addHelpText(
      "after",
      `
Everything of the user ends and is deleted. The sub is never given to anybody again. It cannot be undone: to keep a user out for a while,
disable the user.

Examples:
  portcullis users delete alice --dry-run
  portcullis users delete alice --note "asked for it"

Needs the scope users.write. Exit code: 0 if it is enforced, 3 if a verifier may still allow it.`,
    )
    .action(
      acting(cli, async (session, command) => {
        const { note, wait, ...options } = command.opts<EndingOptions & { note?: string; wait: number }>();
        const { users } = await session.connect("writeUsers");
        const user = argumentOf(command);
        const wouldEnd = () => users.wouldDelete(user);
        const over = await beforeEnding(session, { options, reach: undefined, wouldEnd });
        return over ?? told(session, "Deleted", await users.delete(user, note, wait));
      }),
    );
}

type Ended = Awaited<ReturnType<UsersApi["delete"]>>;

function told(session: Session, done: string, state: Ended): number {
  if (!session.json) {
    session.io.stdout.write(`${done}: ${visible(nameOf(state))}.\n`);
    return sayReceipt(session, state.receipt);
  }
  printJson(session, state);
  return exitCodeOf(state.receipt);
}

function sayReceipt(session: Session, receipt: Receipt | undefined): number {
  if (receipt !== undefined) {
    printReceipt(session, receipt, "Revoked");
    printHowItGoesOn(session, receipt);
  }
  return exitCodeOf(receipt);
}

const exitCodeOf = (receipt: Receipt | undefined): number =>
  receipt?.state === "pending" ? EXIT.pending : EXIT.ok;

interface PasswordOptions extends EndingOptions {
  readonly passwordFile: string;
  readonly mustChange?: boolean;
  readonly note?: string;
  readonly wait: number;
}

function addPassword(users: Command, cli: Cli): void {
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

function addUnlock(users: Command, cli: Cli): void {
  users
    .command("unlock")
    .description("forget a user's failed sign-ins, so that nobody has to wait for them")
    .argument(...USER)
    .addHelpText("after", "\nExamples:\n  portcullis users unlock alice\n\nNeeds the scope users.write.")
    .action(
      acting(cli, async (session, command) => {
        const { users } = await session.connect("writeUsers");
        const state = await users.unlock(argumentOf(command));
        const { changed } = state;
        const text = changed ? "Failed sign-ins forgotten" : "There were no failed sign-ins to forget";
        if (session.json) printJson(session, state);
        else session.io.stdout.write(`${text}: ${visible(nameOf(state))}.\n`);
        return EXIT.ok;
      }),
    );
}

/** As many as fit into a request, whatever the machine: a line may cost a second. */
const LINES_PER_REQUEST = 200;

function addImport(users: Command, cli: Cli): void {
  users
    .command("import")
    .description("create users from a file of JSON lines")
    .argument("<file>", "a JSON text a line; docs/reference/api.md says what it may have")
    .option("--from <line>", "begin at this line", parseCount, 1)
    .addHelpText(
      "after",
      `
A bad line is named, and the rest goes on. Users who are there already as the file says are left alone: after a failure, run it again.

Examples:
  portcullis users import users.ndjson

Needs the scope users.write. Exit code: 1 if a line failed.`,
    )
    .action(acting(cli, importFile));
}

interface Counts {
  created: number;
  unchanged: number;
  failed: number;
}

async function importFile(session: Session, command: Command): Promise<number> {
  const [file] = command.processedArgs as [string];
  const { from } = command.opts<{ from: number }>();
  const { users } = await session.connect("writeUsers");
  const counts: Counts = { created: 0, unchanged: 0, failed: 0 };
  let next = from;
  try {
    for await (const { first, lines } of parts(file, from)) {
      await importPart(session, users, { first, lines, counts });
      next = first + lines.length;
      if (!session.json) session.io.stderr.write(`${next - 1} lines: ${counted(counts)}\n`);
    }
  } catch (cause) {
    if (!session.json) session.io.stderr.write(`Stopped before line ${next}. To go on: add --from ${next}\n`);
    throw cause;
  }
  if (session.json) printJson(session, { lines: next - from, ...counts });
  else session.io.stdout.write(`Imported: ${counted(counts)}.\n`);
  return counts.failed === 0 ? EXIT.ok : EXIT.error;
}

const counted = ({ created, unchanged, failed }: Counts): string =>
  `${created} created, ${unchanged} unchanged, ${failed} failed`;

interface Part {
  /** Number of its first line in the file. */
  readonly first: number;
  readonly lines: readonly string[];
}

async function importPart(
  session: Session,
  users: UsersApi,
  { first, lines, counts }: Part & { readonly counts: Counts },
): Promise<void> {
  const results = await users.import(lines);
  for (const { line, ...result } of results) {
    counts[result.result]++;
    if (result.result !== "failed") continue;
    const number = first + line - 1;
    if (session.json) printJson(session, { line: number, ...result });
    else session.io.stderr.write(`line ${number}: ${visible(result.detail ?? result.code ?? "failed")}\n`);
  }
}

async function* parts(file: string, from: number): AsyncGenerator<Part> {
  const input = createReadStream(file, "utf8");
  const failed = new Promise<never>((_, reject) => {
    input.once("error", (error: NodeJS.ErrnoException) =>
      reject(usage(`<file>: cannot read ${file} (${error.code}).`)),
    );
  });
  failed.catch(() => undefined);
  await Promise.race([failed, new Promise((resolve) => input.once("open", resolve))]);
  let number = 0;
  let lines: string[] = [];
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (++number < from) continue;
    lines.push(line);
    if (lines.length < LINES_PER_REQUEST) continue;
    yield { first: number - lines.length + 1, lines };
    lines = [];
  }
  if (lines.length > 0) yield { first: number - lines.length + 1, lines };
}

function addExport(users: Command, cli: Cli): void {
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
