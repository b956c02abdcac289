/** Disabling and enabling users: `POST /api/v1/users/{user}/disable` and `/enable`. */
import { actorOf, type DeclaredRoute, declareRoute } from "@portcullis/http-api";
import { API_SCOPES, type UserState, userStateSchema } from "@portcullis/protocol";
import { z } from "zod";
import { peopleError } from "../people/errors.ts";
import type { User, Users } from "../people/users.ts";
import {
  ENFORCED,
  type EndBelow,
  EXAMPLE_SID,
  OUTAGES,
  PENDING,
  preferSchema,
  type Receipts,
  type Revoker,
} from "../revocations/index.ts";
import { rolesError } from "../roles/errors.ts";
import { keepAnAdministrator } from "../roles/keep-an-administrator.ts";
import type { Storage } from "../storage/storage.ts";
import { answerChange, CHANGE_BODY, type Change, changeAnswers } from "./answer-change.ts";

export interface UsersRoutesOptions {
  readonly users: Users;
  readonly storage: Storage;
  readonly endBelow: EndBelow;
  readonly revoker: Pick<Revoker, "seqOf">;
  readonly receipts: Receipts;
}

export const usersRoutes = (options: UsersRoutesOptions): readonly DeclaredRoute[] => [
  disableRoute(options),
  enableRoute(options),
];

const COMMON = {
  tag: "Users",
  method: "POST",
  scope: API_SCOPES.writeUsers,
  parameters: {
    path: z.object({
      user: z.string().meta({
        description:
          "A `sub`, a username or an e-mail address. If it is the `sub` of one user and a name of another, the `sub` counts.",
        example: "alice",
      }),
    }),
    headers: preferSchema,
  },
  body: CHANGE_BODY,
  errors: [...peopleError.definitions("unknown_subject", "ambiguous_user"), ...OUTAGES],
} as const;

const EXAMPLE = { sub: EXAMPLE_SID, username: "alice", changed: true } as const;

const disableRoute = (options: UsersRoutesOptions) =>
  declareRoute({
    ...COMMON,
    operationId: "disableUser",
    path: "/users/{user}/disable",
    summary: "Disable a user: everything of the user ends, and the user cannot sign in",
    description:
      "Every session, grant and token of the user ends, with the reason `user_disabled`. If the user was disabled already, `changed` is false and the receipt is the earlier one.",
    answers: changeAnswers(userStateSchema, {
      enforced: { ...EXAMPLE, status: "disabled", receipt: ENFORCED },
      pending: { ...EXAMPLE, status: "disabled", receipt: PENDING },
    }),
    errors: [...COMMON.errors, ...rolesError.definitions("last_administrator")],
    async handle(call) {
      const by = { name: call.path.user, actor: actorOf(call.caller), note: call.body.note };
      return answerChange(await disable(options, by), options.receipts, call);
    },
  });

/** Row, sessions and record in one transaction: no token of before outlives it, and none can follow. */
async function disable(
  { users, storage, endBelow, revoker }: UsersRoutesOptions,
  { name, actor, note }: { readonly name: string; readonly actor: string; readonly note: string | undefined },
): Promise<Change<UserState>> {
  const { user, appended } = await storage.write(async (transaction) => {
    const user = await users.findRow(transaction, name);
    if (user.disabled_at !== null) return { user };
    await keepAnAdministrator(transaction, user.id);
    await users.disable(transaction, user.id);
    const target = { scope: "subject", key: user.id, mode: "kill", reason: "user_disabled" } as const;
    await endBelow(transaction, target);
    const by = { actor, ...(note === undefined ? {} : { note }) };
    return { user, appended: transaction.append([{ ...target, ...by }]) };
  });
  const seq = appended?.seq ?? (await revoker.seqOf([{ scope: "subject", key: user.id }]));
  return { state: stateOf(user, "disabled", appended !== undefined), seq };
}

const enableRoute = (options: UsersRoutesOptions) =>
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
    handle: async ({ path }) => ({ status: 200, body: await enable(options, path.user) }),
  });

async function enable({ users, storage }: UsersRoutesOptions, name: string): Promise<UserState> {
  const user = await storage.write(async (transaction) => {
    const found = await users.findRow(transaction, name);
    if (found.disabled_at !== null) await users.enable(transaction, found.id);
    return found;
  });
  return stateOf(user, "active", user.disabled_at !== null);
}

const stateOf = (user: User, status: UserState["status"], changed: boolean): UserState => ({
  sub: user.id,
  username: user.username,
  status,
  changed,
});
