/** Deleting users: `DELETE /api/v1/users/{user}`. */
import { actorOf, type DeclaredRoute, declareEnding, IF_MATCH, requireMatch } from "@portcullis/http-api";
import { API_SCOPES, type UserState, userStateSchema } from "@portcullis/protocol";
import { z } from "zod";
import { peopleError } from "../../people/errors.ts";
import { type User, unknownUser } from "../../people/users.ts";
import { ENFORCED, EXAMPLE_SID, OUTAGES, PENDING } from "../../revocations/index.ts";
import { rolesError } from "../../roles/errors.ts";
import { keepAnAdministrator } from "../../roles/keep-an-administrator.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { answerChange, type Change, changeSchema } from "../answer-change.ts";
import { authorityOf, type RequireOver } from "../check-authority.ts";
import { type Ending, type EndingUsersOptions, endUser, wouldEndUser } from "./end-user.ts";
import { calledOf, USER_PATH } from "./shown-user.ts";

/** What else there is of a user, in other rooms: each forgets its own. */
export type ForgetUser = (transaction: WriteTransaction, sub: string) => Promise<void>;

export interface DeletingUsersOptions extends EndingUsersOptions {
  readonly forget: readonly ForgetUser[];
}

const EXAMPLE = { sub: EXAMPLE_SID, username: "alice", status: "deleted", changed: true } as const;

export const deleteRoute = (options: DeletingUsersOptions): DeclaredRoute =>
  declareEnding({
    tag: "Users",
    operationId: "deleteUser",
    method: "DELETE",
    path: "/users/{user}",
    summary: "Delete a user: everything of the user ends, and nothing is kept but the sub",
    description:
      "Every session, grant and token of the user ends, with the reason `account_deleted`; consents and credentials are deleted. The `sub` is never given again; the username is free. If the user was deleted already and is named by the `sub`, `changed` is false and the receipt is the earlier one.",
    scope: API_SCOPES.writeUsers,
    parameters: {
      path: USER_PATH,
      query: z.strictObject({
        note: changeSchema.shape.note.meta({ description: "Why, in words, for the audit." }),
      }),
      headers: z.object(IF_MATCH),
    },
    answer: {
      schema: userStateSchema,
      examples: {
        enforced: { ...EXAMPLE, receipt: ENFORCED },
        pending: { ...EXAMPLE, receipt: PENDING },
      },
    },
    errors: [
      ...peopleError.definitions("unknown_subject", "ambiguous_user"),
      ...rolesError.definitions("last_administrator", "administrator_needed"),
      ...OUTAGES,
    ],
    wouldEnd: ({ path, caller, headers }) =>
      wouldEndUser(options, {
        caller,
        locksOut: true,
        ifMatch: headers["If-Match"],
        async find(transaction) {
          if ((await options.users.search(transaction, path.user)) !== undefined)
            return options.users.findRow(transaction, path.user);
          await deletedBefore(transaction, path.user);
          return undefined;
        },
      }),
    async handle(call) {
      const { path, caller, query, headers } = call;
      const by = { name: path.user, caller, note: query.note, ifMatch: headers["If-Match"] };
      return answerChange(await deleteUser(options, by), options.receipts, call);
    },
  });

type Deleted = Pick<UserState, "sub" | "username" | "email">;

async function deleteUser(options: DeletingUsersOptions, ending: Ending): Promise<Change<UserState>> {
  const { storage, revoker, authority } = options;
  const requireOver = await authorityOf(authority, ending.caller);
  const { deleted, appended } = await storage.write((transaction) =>
    remove(transaction, options, ending, requireOver),
  );
  const seq = appended?.seq ?? (await revoker.seqOf([{ scope: "subject", key: deleted.sub }]));
  return { state: { ...deleted, status: "deleted", changed: appended !== undefined }, seq };
}

/** The row first: a sign-in that is under way finds nobody to open a session for. */
async function remove(
  transaction: WriteTransaction,
  parts: RemovingUsersOptions,
  { name, caller, note, ifMatch }: Ending,
  requireOver: RequireOver,
) {
  const { users } = parts;
  if ((await users.search(transaction, name)) === undefined)
    return { deleted: await deletedBefore(transaction, name), appended: undefined };
  const user = await users.findRow(transaction, name);
  await requireOver(transaction, user.id);
  requireMatch(ifMatch, user.revision);
  return removeUser(transaction, parts, { user, caller, note });
}

export type RemovingUsersOptions = Pick<DeletingUsersOptions, "users" | "endBelow" | "forget">;

/** The user's row is locked, and whoever asks may do it. Throws `last_administrator`. */
export async function removeUser(
  transaction: WriteTransaction,
  { users, endBelow, forget }: RemovingUsersOptions,
  { user, caller, note }: Omit<Ending, "name" | "ifMatch"> & { readonly user: User },
) {
  await keepAnAdministrator(transaction, user.id);
  await users.remove(transaction, user, actorOf(caller));
  for (const forgetUser of forget) await forgetUser(transaction, user.id);
  const ending = { sub: user.id, reason: "account_deleted", caller, note } as const;
  return { deleted: calledOf(user), appended: await endUser(transaction, endBelow, ending) };
}

async function deletedBefore({ db }: WriteTransaction, sub: string): Promise<Deleted> {
  const tombstone = db.selectFrom("deleted_users").select(["id", "label"]).where("id", "=", sub);
  const found = await tombstone.executeTakeFirst();
  if (found === undefined) throw unknownUser(sub);
  return { sub: found.id, username: found.label };
}
