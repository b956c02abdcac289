/** `GET` and `POST /api/v1/users`, `GET` and `PATCH /api/v1/users/{user}`. */
import {
  actorOf,
  applyMergePatch,
  type Call,
  type DeclaredRoute,
  declareEnding,
  declareRoute,
  ETAG,
  etagOf,
  IF_MATCH,
  listParameters,
  mergePatchOf,
  readPage,
  requireMatch,
} from "@portcullis/http-api";
import {
  API_SCOPES,
  changedUserSchema,
  ROLES,
  USER_STATUSES,
  userListSchema,
  userSchema,
  userWithRightsSchema,
} from "@portcullis/protocol";
import { z } from "zod";
import type { Bans } from "../../bans/bans.ts";
import { peopleError } from "../../people/errors.ts";
import { passwordSchema } from "../../people/password-rule.ts";
import { countUsers, listUsers, type UserPlace } from "../../people/search-users.ts";
import { type ChangedUser, fieldsOf, type User, type Users } from "../../people/users.ts";
import { OUTAGES, type Receipts, type TryOutOptions, tryOut } from "../../revocations/index.ts";
import { rolesError } from "../../roles/errors.ts";
import type { Roles } from "../../roles/roles.ts";
import { signInError } from "../../sign-in/errors.ts";
import { answerChange, changedAnswer } from "../answer-change.ts";
import { type Authority, authorityOf } from "../check-authority.ts";
import { EXAMPLE_USER, shownBan, shownUser, USER_PATH } from "./shown-user.ts";
import { checkUserFields, userFieldsSchema } from "./user-fields.ts";

export interface UserRoutesOptions extends TryOutOptions {
  readonly users: Users;
  readonly roles: Pick<Roles, "of">;
  readonly bans: Pick<Bans, "standing">;
  /** Hashes a password in turn with those that are checked. Throws `sign_in_busy`. */
  readonly hashInTurn: (password: string) => Promise<string>;
  readonly authority: Authority;
  readonly receipts: Receipts;
}

export const createAndChangeRoutes = (options: UserRoutesOptions): readonly DeclaredRoute[] => [
  listRoute(options),
  createRoute(options),
  readRoute(options),
  changeRoute(options),
];

const TAG = "Users";
const NAMED_ERRORS = [...peopleError.definitions("unknown_subject", "ambiguous_user"), ...OUTAGES];
const TAKEN_ERRORS = peopleError.definitions("username_taken", "email_taken");

const placeSchema = z.strictObject({ key: z.string().max(1000), sub: z.string().max(255) });

const listRoute = ({ storage }: UserRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "listUsers",
    method: "GET",
    path: "/users",
    summary: "List users, or search them",
    description:
      "By username, or by e-mail address where there is none. With `q`, by that of the names which begins with it.",
    scope: API_SCOPES.readUsers,
    parameters: {
      query: z.strictObject({
        ...listParameters(placeSchema),
        q: z.string().max(200).optional().meta({
          description: "Beginning of a username, an e-mail address or a name. Letter case does not count.",
          example: "ali",
        }),
        status: z.enum(USER_STATUSES).optional().meta({ description: "Only users of this status." }),
        role: z.enum(ROLES).optional().meta({ description: "Only users who have this role." }),
      }),
    },
    answers: {
      200: { says: "A page of users.", schema: userListSchema, example: { items: [EXAMPLE_USER] } },
    },
    errors: OUTAGES,
    async handle({ query }) {
      const { q: prefix, status, role } = query;
      const filter = { prefix, status, role };
      const { items, ...rest } = await readPage(query, {
        read: (after, limit) => listUsers(storage, filter, { after, limit }),
        count: () => countUsers(storage, filter),
        placeOf: ({ found_by, id }): UserPlace => ({ key: found_by, sub: id }),
      });
      return { status: 200, body: { items: items.map(shownUser), ...rest } };
    },
  });

const newUserSchema = userFieldsSchema.extend({
  password: passwordSchema
    .optional()
    .describe("The first one. Without it, the user cannot sign in by password."),
});

const createRoute = (options: UserRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "createUser",
    method: "POST",
    path: "/users",
    summary: "Create a user",
    scope: API_SCOPES.writeUsers,
    body: {
      schema: newUserSchema,
      example: {
        username: "alice",
        name: "Alice Example",
        password: "a first password",
        mustChangePassword: true,
      },
    },
    checks: { body: (body) => checkUserFields(newUserSchema, body) },
    answers: {
      201: {
        says: "The new user.",
        schema: userSchema,
        example: EXAMPLE_USER,
        headers: { ...ETAG, Location: "Where the user is." },
      },
    },
    errors: [...TAKEN_ERRORS, ...signInError.definitions("sign_in_busy"), ...OUTAGES],
    async handle({ body: { password, ...fields } }) {
      const user = await create(options, fields, password);
      return {
        status: 201,
        headers: { ...etagOf(user.revision), location: locationOf(user) },
        body: shownUser(user),
      };
    },
  });

async function create(
  { users, storage, hashInTurn }: UserRoutesOptions,
  fields: z.output<typeof userFieldsSchema>,
  password: string | undefined,
): Promise<User> {
  const passwordHash = password === undefined ? null : await hashInTurn(password);
  return storage.write((transaction) =>
    users.create(transaction, { ...fields, passwordHash, origin: "api" }),
  );
}

const locationOf = ({ id }: User): string => `/api/v1/users/${encodeURIComponent(id)}`;

const readRoute = ({ users, roles, bans, storage }: UserRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "getUser",
    method: "GET",
    path: "/users/{user}",
    summary: "Get a user and the version to change",
    description:
      "With the roles that the user has and the bans that stand. The version is that of what can be changed: it says nothing of these two.",
    scope: API_SCOPES.readUsers,
    parameters: { path: USER_PATH },
    answers: {
      200: {
        says: "The user.",
        schema: userWithRightsSchema,
        example: { ...EXAMPLE_USER, roles: [], standingBans: [] },
        headers: ETAG,
      },
    },
    errors: NAMED_ERRORS,
    async handle({ path }) {
      const user = await users.findNamed({ db: storage.read }, path.user);
      const standingBans = (await bans.standing(user.id)).map(shownBan);
      const body = { ...shownUser(user), roles: await roles.of(user.id), standingBans };
      return { status: 200, headers: etagOf(user.revision), body };
    },
  });

const changeParameters = { path: USER_PATH, headers: z.object(IF_MATCH) };

const changeRoute = (options: UserRoutesOptions) =>
  declareEnding({
    tag: TAG,
    operationId: "updateUser",
    method: "PATCH",
    path: "/users/{user}",
    summary: "Change a user",
    description:
      "A merge patch (RFC 7396): what it has is set, `null` takes away, and the rest stays. A changed e-mail address or phone number is not verified unless the patch says so. Where an API has in its tokens what is now another or gone, the tokens of the user for it are stale, with the reason `claims_changed`, and the next refresh brings what is true. Anything else ends nothing. The last administrator who can sign in keeps a username or a verified e-mail address.",
    scope: API_SCOPES.writeUsers,
    parameters: changeParameters,
    body: {
      schema: mergePatchOf(userFieldsSchema),
      example: { name: "Alice Young", attributes: { department: null } },
      isMergePatch: true,
    },
    answer: changedAnswer("The user", { schema: changedUserSchema, example: EXAMPLE_USER }),
    errors: [
      ...TAKEN_ERRORS,
      ...rolesError.definitions("administrator_needed", "last_administrator"),
      ...NAMED_ERRORS,
    ],
    wouldEnd: (call) => tryOut(options, (storage) => change({ ...options, storage }, call)),
    async handle(call) {
      const { user, appended } = await change(options, call);
      const { revision } = user;
      return answerChange({ state: shownUser(user), seq: appended?.seq, revision }, options.receipts, call);
    },
  });

type ChangeCall = Pick<
  Call<z.output<typeof changeParameters.path>, unknown, z.output<typeof changeParameters.headers>, Patch>,
  "path" | "headers" | "body" | "caller"
>;

/** Row and records in one transaction: a token that says of the user what was so is stale as soon as it is so no more. */
async function change(
  { users, storage, authority }: Pick<UserRoutesOptions, "users" | "storage" | "authority">,
  { path, headers, body, caller }: ChangeCall,
): Promise<ChangedUser> {
  const requireOver = await authorityOf(authority, caller);
  return storage.write(async (transaction) => {
    const before = await users.findRow(transaction, path.user);
    await requireOver(transaction, before.id);
    requireMatch(headers["If-Match"], before.revision);
    return users.update(transaction, before, { fields: patched(before, body), actor: actorOf(caller) });
  });
}

type Patch = z.output<ReturnType<typeof mergePatchOf<typeof userFieldsSchema>>>;

/** What a former administrator found out about one address, or one number, says nothing of the next. */
function patched(before: User, patch: Patch) {
  const fields = fieldsOf(before);
  const isOtherEmail = patch.email !== undefined && patch.email !== fields.email;
  const phone = patch.profile?.phoneNumber;
  const isOtherPhone = phone !== undefined && phone !== fields.profile.phoneNumber;
  const { phoneNumberVerified, ...profile } = fields.profile;
  const start = {
    ...fields,
    ...(isOtherEmail ? { emailVerified: false } : {}),
    ...(isOtherPhone ? { profile } : {}),
  };
  return checkUserFields(userFieldsSchema, applyMergePatch(start, patch));
}
