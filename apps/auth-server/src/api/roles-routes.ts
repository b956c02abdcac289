/** Who administers: `/api/v1/users/{user}/roles`. */
import { actorOf, type Call, type DeclaredRoute, declareEnding, declareRoute } from "@portcullis/http-api";
import {
  API_SCOPES,
  type BlastRadius,
  type RoleState,
  roleListSchema,
  roleStateSchema,
} from "@portcullis/protocol";
import { z } from "zod";
import { peopleError } from "../people/errors.ts";
import type { User, Users } from "../people/users.ts";
import {
  type BlastRadiusOf,
  ENFORCED,
  EXAMPLE_SID,
  NOTHING,
  OUTAGES,
  PENDING,
  type Receipts,
} from "../revocations/index.ts";
import { rolesError } from "../roles/errors.ts";
import { keepAnAdministrator } from "../roles/keep-an-administrator.ts";
import { ADMINISTRATOR, assertRole, type Role, type Roles } from "../roles/roles.ts";
import type { Storage } from "../storage/storage.ts";
import { answerChange, type Change } from "./answer-change.ts";
import { type Authority, requireAdministrator } from "./check-authority.ts";
import { calledOf } from "./users/shown-user.ts";

export interface RolesRoutesOptions {
  readonly users: Users;
  readonly roles: Roles;
  readonly storage: Storage;
  readonly authority: Authority;
  readonly blastRadiusOf: BlastRadiusOf;
  readonly receipts: Receipts;
}

export const rolesRoutes = (options: RolesRoutesOptions): readonly DeclaredRoute[] => [
  listRoute(options),
  readRoute(options),
  giveRoute(options),
  takeRoute(options),
];

const user = z.string().meta({
  description:
    "A `sub`, a username or an e-mail address. If it is the `sub` of one user and a name of another, the `sub` counts.",
  example: "alice",
});
const role = z
  .string()
  .meta({ description: "Name of a built-in role. There is one: `administrator`.", example: ADMINISTRATOR });
const ofRole = z.object({ user, role });
type OfRole = z.output<typeof ofRole>;

const READING = { tag: "Roles", scope: API_SCOPES.readUsers } as const;
const CHANGING = { tag: "Roles", scope: API_SCOPES.writeUsers } as const;
const NOBODY = peopleError.definitions("unknown_subject", "ambiguous_user");
const NO_ROLE = rolesError.definitions("unknown_role");
const EXAMPLE = { sub: EXAMPLE_SID, username: "alice", role: ADMINISTRATOR } as const;

const listRoute = ({ users, roles, storage }: RolesRoutesOptions) =>
  declareRoute({
    ...READING,
    operationId: "listRolesOfUser",
    method: "GET",
    path: "/users/{user}/roles",
    summary: "List the roles that a user has",
    parameters: { path: z.object({ user }) },
    answers: {
      200: { says: "All of them.", schema: roleListSchema, example: { items: [{ role: ADMINISTRATOR }] } },
    },
    errors: [...NOBODY, ...OUTAGES],
    async handle({ path }) {
      const { id } = await users.findNamed({ db: storage.read }, path.user);
      return { status: 200, body: { items: (await roles.of(id)).map((name) => ({ role: name })) } };
    },
  });

const readRoute = ({ users, roles, storage }: RolesRoutesOptions) =>
  declareRoute({
    ...READING,
    operationId: "readRoleOfUser",
    method: "GET",
    path: "/users/{user}/roles/{role}",
    summary: "Say whether a user has a role",
    parameters: { path: ofRole },
    answers: {
      200: { says: "Whether it is so.", schema: roleStateSchema, example: { ...EXAMPLE, held: true } },
    },
    errors: [...NOBODY, ...NO_ROLE, ...OUTAGES],
    async handle({ path }) {
      assertRole(path.role);
      const found = await users.findNamed({ db: storage.read }, path.user);
      const held = (await roles.of(found.id)).includes(path.role);
      return { status: 200, body: stateOf(found, path.role, held) };
    },
  });

const giveRoute = (options: RolesRoutesOptions) =>
  declareRoute({
    ...CHANGING,
    operationId: "giveRole",
    method: "PUT",
    path: "/users/{user}/roles/{role}",
    summary: "Give a user a role",
    description:
      "An administrator may do all that this API can do, through an app of the operator's own such as the command `portcullis`. Only an administrator, or a client that has every scope of this API, gives this role.",
    parameters: { path: ofRole },
    answers: {
      200: {
        says: "The user has it. `changed` is false if that was so before.",
        schema: roleStateSchema,
        example: { ...EXAMPLE, held: true, changed: true },
      },
    },
    errors: [...NOBODY, ...NO_ROLE, ...rolesError.definitions("administrator_needed"), ...OUTAGES],
    async handle({ path, caller }) {
      await requireAdministrator(options.authority, caller);
      return { status: 200, body: await give(options, path, actorOf(caller)) };
    },
  });

async function give(
  { users, roles, storage }: RolesRoutesOptions,
  { user: name, role: named }: OfRole,
  by: string,
): Promise<RoleState> {
  assertRole(named);
  const { found, changed } = await storage.write(async (transaction) => {
    const found = await users.findRow(transaction, name);
    return { found, changed: await roles.give(transaction, { userId: found.id, role: named, by }) };
  });
  return { ...stateOf(found, named, true), changed };
}

const takeRoute = (options: RolesRoutesOptions) =>
  declareEnding({
    ...CHANGING,
    operationId: "takeRole",
    method: "DELETE",
    path: "/users/{user}/roles/{role}",
    summary: "Take a role from a user",
    description:
      "Every token that the user has for this API is stale from then on, with the reason `claims_changed`, and the next refresh of it is refused. The user stays signed in. The last administrator who can sign in keeps the role.",
    parameters: { path: ofRole },
    answer: {
      schema: roleStateSchema,
      examples: {
        enforced: { ...EXAMPLE, held: false, changed: true, receipt: ENFORCED },
        pending: { ...EXAMPLE, held: false, changed: true, receipt: PENDING },
      },
    },
    errors: [
      ...NOBODY,
      ...NO_ROLE,
      ...rolesError.definitions("administrator_needed", "last_administrator"),
      ...OUTAGES,
    ],
    async wouldEnd({ path, caller }) {
      await requireAdministrator(options.authority, caller);
      return wouldTake(options, path);
    },
    async handle(call) {
      await requireAdministrator(options.authority, call.caller);
      return answerChange(await take(options, call), options.receipts, call);
    },
  });

const endingOf = (subject: string, audience: string) =>
  ({
    scope: "subject-audience",
    key: { subject, audience },
    mode: "stale",
    reason: "claims_changed",
  }) as const;

async function wouldTake(
  { users, roles, storage, authority, blastRadiusOf }: RolesRoutesOptions,
  { user: name, role: named }: OfRole,
): Promise<BlastRadius> {
  assertRole(named);
  const id = await storage.write(async (transaction) => {
    const { id } = await users.findRow(transaction, name);
    await keepAnAdministrator(transaction, id);
    return id;
  });
  const has = (await roles.of(id)).includes(named);
  return has ? blastRadiusOf(endingOf(id, authority.apiResource)) : NOTHING;
}

/** Row and record in one transaction: a token of before is stale as soon as nobody gets another. */
async function take(
  { users, roles, storage, authority }: RolesRoutesOptions,
  { path, caller }: Pick<Call<OfRole>, "path" | "caller">,
): Promise<Change<RoleState>> {
  const { role: named } = path;
  assertRole(named);
  const { found, appended } = await storage.write(async (transaction) => {
    const found = await users.findRow(transaction, path.user);
    await keepAnAdministrator(transaction, found.id);
    if (!(await roles.take(transaction, { userId: found.id, role: named }))) return { found };
    const ending = endingOf(found.id, authority.apiResource);
    return { found, appended: transaction.append([{ ...ending, actor: actorOf(caller) }]) };
  });
  return {
    state: { ...stateOf(found, named, false), changed: appended !== undefined },
    seq: appended?.seq,
  };
}

const stateOf = (user: User, name: Role, held: boolean): RoleState => ({
  ...calledOf(user),
  role: name,
  held,
});
