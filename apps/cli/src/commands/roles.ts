/** `roles list`, `give` and `take`: who administers. */
import { type RoleState, roleListSchema, roleStateSchema } from "@portcullis/protocol";
import { type Command, InvalidArgumentError } from "commander";
import { EXIT } from "../exit-codes.ts";
import { visible } from "../print/table.ts";
import { acting, type Cli, printJson, type Session } from "../session.ts";
import { usage } from "../settings.ts";
import { sayChanged } from "./apps.ts";
import { addEndingOptions, beforeEnding, type EndingOptions } from "./before-ending.ts";
import { parseWait } from "./numbers.ts";
import { shownList } from "./users.ts";

type Role = RoleState["role"];
const ROLES: readonly Role[] = roleStateSchema.shape.role.options;

const DEFAULT_WAIT_SECONDS = 5;
const USER = ["<user>", "a sub, a username or a verified e-mail address"] as const;
const ROLE = ["<role>", `there is one: ${ROLES.join(", ")}`, parseRole] as const;

export function addRoles(program: Command, cli: Cli): void {
  const roles = program
    .command("roles")
    .description("see who administers, and give and take the role")
    .helpCommand(false)
    .addHelpText("after", EXAMPLES);
  addList(roles, cli);
  addGive(roles, cli);
  addTake(roles, cli);
}

const EXAMPLES = `
Examples:
  portcullis roles list
  portcullis roles list alice
  portcullis roles give alice administrator
  portcullis roles take alice administrator

Needs the scope users.read for list, users.write for the others.`;

function parseRole(text: string): Role {
  const role = ROLES.find((known) => known === text);
  if (role === undefined) throw new InvalidArgumentError(`Give one of: ${ROLES.join(", ")}.`);
  return role;
}

function pathOf(user: string): string {
  if (user === "") throw usage(`${USER[0]}: found nothing; give ${USER[1]}.`);
  return `/users/${encodeURIComponent(user)}/roles`;
}

function addList(parent: Command, cli: Cli): void {
  parent
    .command("list")
    .description("list who administers, or the roles that a user has")
    .argument("[user]", USER[1])
    .addHelpText("after", LIST_HELP)
    .action(acting(cli, list));
}

const LIST_HELP = `
Without a user, it lists the users who have a role, as users list --role administrator does.

Examples:
  portcullis roles list
  portcullis roles list alice

Needs the scope users.read.`;

async function list(session: Session, command: Command): Promise<number> {
  const [user] = command.processedArgs as [string | undefined];
  return user === undefined ? listAdministrators(session) : listOf(session, user);
}

async function listAdministrators(session: Session): Promise<number> {
  const { users } = await session.connect("readUsers");
  const found = await users.list({ role: "administrator" }, Number.POSITIVE_INFINITY);
  if (session.json) printJson(session, found);
  else session.io.stdout.write(shownList(found, session));
  return EXIT.ok;
}

async function listOf(session: Session, user: string): Promise<number> {
  const api = await session.connect("readUsers");
  const found = await api.administer(roleListSchema, { path: pathOf(user) });
  const lines = found.items.map(({ role }) => `${role}\n`).join("");
  if (session.json) printJson(session, found);
  else session.io.stdout.write(lines || `${visible(user)} has no role.\n`);
  return EXIT.ok;
}

function addGive(parent: Command, cli: Cli): void {
  parent
    .command("give")
    .description("give a user a role")
    .argument(...USER)
    .argument(...ROLE)
    .addHelpText(
      "after",
      `
An administrator may do all that this command can do. Only an administrator, or a client that has every scope of the API, gives
the role.

Examples:
  portcullis roles give alice administrator

Needs the scope users.write.`,
    )
    .action(acting(cli, give));
}

async function give(session: Session, command: Command): Promise<number> {
  const [user, role] = command.processedArgs as [string, Role];
  const api = await session.connect("writeUsers");
  const state = await api.administer(roleStateSchema, { method: "PUT", path: `${pathOf(user)}/${role}` });
  return sayChanged(session, state, doneText(state, "Given", "had it already"));
}

function addTake(parent: Command, cli: Cli): void {
  const taking = parent
    .command("take")
    .description("take a role from a user, and say which verifiers enforce it")
    .argument(...USER)
    .argument(...ROLE)
    .option(
      "--wait <seconds>",
      "how long to wait for all verifiers, 0 to 30",
      parseWait,
      DEFAULT_WAIT_SECONDS,
    );
  addEndingOptions(taking, { asks: false })
    .addHelpText(
      "after",
      `
Every token that the user has for the API of the issuer is stale, and is not refreshed. The user stays signed in. The last
administrator who can sign in keeps the role.

Examples:
  portcullis roles take alice administrator --dry-run
  portcullis roles take alice administrator

Needs the scope users.write. Exit code: 0 if it is enforced, 3 if a verifier may still allow it.`,
    )
    .action(acting(cli, take));
}

async function take(session: Session, command: Command): Promise<number> {
  const [user, role] = command.processedArgs as [string, Role];
  const { wait, ...options } = command.opts<EndingOptions & { readonly wait: number }>();
  const api = await session.connect("writeUsers");
  const call = { method: "DELETE", path: `${pathOf(user)}/${role}`, waitSeconds: wait } as const;
  const over = await beforeEnding(session, { options, reach: undefined, wouldEnd: () => api.tryOut(call) });
  if (over !== undefined) return over;
  const state = await api.administer(roleStateSchema, call);
  return sayChanged(session, state, doneText(state, "Taken", "did not have it"));
}

function doneText(state: RoleState, done: string, undone: string): string {
  const name = visible(state.username ?? state.email ?? state.sub);
  return state.changed === false ? `${name} ${undone}: ${state.role}.` : `${done}: ${state.role}, ${name}.`;
}
