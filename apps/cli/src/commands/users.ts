/** `users list`, `show`, `create`, `update`, `delete`, `password`, `unlock`, `import` and `export`. */
import { ROLES, USER_STATUSES, type UserAnswer, type UserList } from "@portcullis/protocol";
import { type Command, InvalidArgumentError, Option } from "commander";
import { EXIT } from "../exit-codes.ts";
import { type Column, tableOf, visible } from "../print/table.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { usage } from "../settings.ts";
import { addEndingOptions, beforeEnding, type EndingOptions } from "./before-ending.ts";
import { nameOf, show, showChanged, showWithRights, told } from "./print-user.ts";
import { argumentOf, USER } from "./user-argument.ts";
import { addExport } from "./users-export.ts";
import { addImport } from "./users-import.ts";
import { addPassword, passwordIn } from "./users-password.ts";
import { withWait } from "./wait-option.ts";

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
    .option("--limit <count>", "how many at most; 0 for all", parseLimit, 50)
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

function parseLimit(text: string): number {
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

/** What can be said of a user, as options. Empty takes away, of one that is changed. */
function addFields(command: Command): Command {
  return command
    .option("--email <address>", "e-mail address")
    .option("--email-verified <yes|no>", "whether it is known to be the user's", parseYesNo)
    .option("--name <name>", "name of the person")
    .option("--picture <url>", "picture of the person")
    .option("--locale <tag>", "language, such as en or pt-BR")
    .option("--profile <json>", "what apps may be told of the person, too: a JSON object", parseObject)
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
  "profile",
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
What is not named stays as it is. An empty value takes away. Profile and attributes are merged: null takes one away. Tokens that have a
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
