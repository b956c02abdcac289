/** Disabling and enabling users: `POST /api/v1/users/{user}/disable` and `/enable`. */
import {
  type DeclaredRoute,
  declareEnding,
  declareRoute,
  IF_MATCH,
  requireMatch,
} from "@portcullis/http-api";
import { API_SCOPES, type UserState, userStateSchema } from "@portcullis/protocol";
import { z } from "zod";
import { peopleError } from "../../people/errors.ts";
import { ENFORCED, EXAMPLE_SID, OUTAGES, PENDING } from "../../revocations/index.ts";
import { rolesError } from "../../roles/errors.ts";
import { keepAnAdministrator } from "../../roles/keep-an-administrator.ts";
import { answerChange, CHANGE_BODY, type Change } from "../answer-change.ts";
import { authorityOf } from "../check-authority.ts";
import { type Ending, type EndingUsersOptions, endUser, wouldEndUser } from "./end-user.ts";
import { calledOf, USER_PATH } from "./shown-user.ts";

export const disableAndEnableRoutes = (options: EndingUsersOptions): readonly DeclaredRoute[] => [
  disableRoute(options),
  enableRoute(options),
];

const COMMON = {
  tag: "Users",
  method: "POST",
  scope: API_SCOPES.writeUsers,
  parameters: { path: USER_PATH, headers: z.object(IF_MATCH) },
  body: CHANGE_BODY,
  errors: [...peopleError.definitions("unknown_subject", "ambiguous_user"), ...OUTAGES],
} as const;

const EXAMPLE = { sub: EXAMPLE_SID, username: "alice", changed: true } as const;

const disableRoute = (options: EndingUsersOptions) =>
  declareEnding({
    ...COMMON,
    operationId: "disableUser",
    path: "/users/{user}/disable",
    summary: "Disable a user: everything of the user ends, and the user cannot sign in",
    description:
      "Every session, grant and token of the user ends, with the reason `user_disabled`. If the user was disabled already, `changed` is false and the receipt is the earlier one.",
    errors: [...COMMON.errors, ...rolesError.definitions("last_administrator", "administrator_needed")],
    answer: {
      schema: userStateSchema,
      examples: {
        enforced: { ...EXAMPLE, status: "disabled", receipt: ENFORCED },
        pending: { ...EXAMPLE, status: "disabled", receipt: PENDING },
      },
    },
    wouldEnd: ({ path, caller, headers }) =>
      wouldEndUser(options, {
        caller,
        locksOut: true,
        async find(transaction) {
          const user = await options.users.findRow(transaction, path.user);
          requireMatch(headers["If-Match"], user.revision);
          return user.disabled_at === null ? user : undefined;
        },
      }),
    async handle(call) {
      const { path, caller, body, headers } = call;
      const by = { name: path.user, caller, note: body.note, ifMatch: headers["If-Match"] };
      return answerChange(await disable(options, by), options.receipts, call);
    },
  });

/** Row, sessions and record in one transaction: no token of before outlives it, and none can follow. */
async function disable(
  { users, storage, endBelow, revoker, authority }: EndingUsersOptions,
  { name, caller, note, ifMatch }: Ending,
): Promise<Change<UserState>> {
  const requireOver = await authorityOf(authority, caller);
  const { user, appended } = await storage.write(async (transaction) => {
    const user = await users.findRow(transaction, name);
    requireMatch(ifMatch, user.revision);
    if (user.disabled_at !== null) return { user };
    await requireOver(transaction, user.id);
    await keepAnAdministrator(transaction, user.id);
    await users.disable(transaction, user.id);
    const ending = { sub: user.id, reason: "user_disabled", caller, note } as const;
    return { user, appended: await endUser(transaction, endBelow, ending) };
  });
  const seq = appended?.seq ?? (await revoker.seqOf([{ scope: "subject", key: user.id }]));
  return { state: { ...calledOf(user), status: "disabled", changed: appended !== undefined }, seq };
}

const enableRoute = (options: EndingUsersOptions) =>
  declareRoute({
    ...COMMON,
    operationId: "enableUser",
    path: "/users/{user}/enable",
    summary: "Let a disabled user sign in again",
    description: "It brings nothing back: what has ended stays ended.",
    answers: {
      200: {
        says: "The new state.",
        schema: userStateSchema,
        example: { ...EXAMPLE, status: "active" },
      },
    },
    errors: [...COMMON.errors, ...rolesError.definitions("administrator_needed")],
    async handle({ path, caller, headers }) {
      const by = { name: path.user, caller, ifMatch: headers["If-Match"] };
      return { status: 200, body: await enable(options, by) };
    },
  });

async function enable(
  { users, storage, authority }: EndingUsersOptions,
  { name, caller, ifMatch }: Omit<Ending, "note">,
): Promise<UserState> {
  const requireOver = await authorityOf(authority, caller);
  const user = await storage.write(async (transaction) => {
    const found = await users.findRow(transaction, name);
    requireMatch(ifMatch, found.revision);
    if (found.disabled_at === null) return found;
    await requireOver(transaction, found.id);
    await users.enable(transaction, found.id);
    return found;
  });
  return { ...calledOf(user), status: "active", changed: user.disabled_at !== null };
}
