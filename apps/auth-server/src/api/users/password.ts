/** What an administrator does for somebody who cannot sign in: `POST /api/v1/users/{user}/password` and `/unlock`. */
import {
  type DeclaredRoute,
  declareEnding,
  declareRoute,
  IF_MATCH,
  requireMatch,
} from "@portcullis/http-api";
import { API_SCOPES, type UserState, userStateSchema, userUnlockedSchema } from "@portcullis/protocol";
import { z } from "zod";
import { peopleError } from "../../people/errors.ts";
import { passwordSchema } from "../../people/password-rule.ts";
import { namesOf } from "../../people/users.ts";
import { ENFORCED, EXAMPLE_SID, OUTAGES, PENDING } from "../../revocations/index.ts";
import { rolesError } from "../../roles/errors.ts";
import { signInError } from "../../sign-in/errors.ts";
import type { GuessLimit } from "../../sign-in/guess-limit.ts";
import { answerChange, type Change, changeSchema } from "../answer-change.ts";
import { authorityOf } from "../check-authority.ts";
import { type Ending, type EndingUsersOptions, endUser, wouldEndUser } from "./end-user.ts";
import { calledOf, USER_PATH } from "./shown-user.ts";

export interface PasswordRoutesOptions extends EndingUsersOptions {
  readonly guesses: Pick<GuessLimit, "forget">;
  /** Hashes a password in turn with those that are checked. Throws `sign_in_busy`. */
  readonly hashInTurn: (password: string) => Promise<string>;
}

export const passwordRoutes = (options: PasswordRoutesOptions): readonly DeclaredRoute[] => [
  setPasswordRoute(options),
  unlockRoute(options),
];

const COMMON = {
  tag: "Users",
  method: "POST",
  scope: API_SCOPES.writeUsers,
  errors: [
    ...peopleError.definitions("unknown_subject", "ambiguous_user"),
    ...rolesError.definitions("administrator_needed"),
    ...signInError.definitions("sign_in_busy"),
    ...OUTAGES,
  ],
} as const;

const EXAMPLE = { sub: EXAMPLE_SID, username: "alice", status: "active", changed: true } as const;

const setPasswordRoute = (options: PasswordRoutesOptions) =>
  declareEnding({
    ...COMMON,
    operationId: "setPassword",
    path: "/users/{user}/password",
    summary: "Set a user's password: every session ends",
    description:
      "Every session, grant and token of the user ends, with the reason `password_changed`: whoever knew the old password is out.",
    parameters: { path: USER_PATH, headers: z.object(IF_MATCH) },
    body: {
      schema: z.strictObject({
        password: passwordSchema,
        mustChange: z
          .boolean()
          .default(false)
          .describe(
            "Whether the next sign-in with it asks for another: the user then has one that nobody else knows.",
          ),
        note: changeSchema.shape.note,
      }),
      example: { password: "a first password", mustChange: true },
    },
    answer: {
      schema: userStateSchema,
      examples: {
        enforced: { ...EXAMPLE, receipt: ENFORCED },
        pending: { ...EXAMPLE, receipt: PENDING },
      },
    },
    wouldEnd: ({ path, caller, headers }) =>
      wouldEndUser(options, {
        caller,
        locksOut: false,
        ifMatch: headers["If-Match"],
        find: (transaction) => options.users.findRow(transaction, path.user),
      }),
    async handle(call) {
      const { password, mustChange, note } = call.body;
      const ifMatch = call.headers["If-Match"];
      const by = { name: call.path.user, caller: call.caller, note, ifMatch };
      const change = await setPassword(options, by, { password, mustChange });
      return answerChange(change, options.receipts, call);
    },
  });

async function setPassword(
  { users, storage, endBelow, hashInTurn, authority }: PasswordRoutesOptions,
  { name, caller, note, ifMatch }: Ending,
  { password, mustChange }: { readonly password: string; readonly mustChange: boolean },
): Promise<Change<UserState>> {
  // Whoever is not there costs nobody the work of a hash.
  await users.findNamed({ db: storage.read }, name);
  const requireOver = await authorityOf(authority, caller);
  const hash = await hashInTurn(password);
  const { user, appended } = await storage.write(async (transaction) => {
    const { id, revision } = await users.findRow(transaction, name);
    await requireOver(transaction, id);
    requireMatch(ifMatch, revision);
    const user = await users.setPassword(transaction, id, { hash, mustChange });
    const ending = { sub: id, reason: "password_changed", caller, note } as const;
    return { user, appended: await endUser(transaction, endBelow, ending) };
  });
  const status = user.disabled_at === null ? "active" : "disabled";
  return { state: { ...calledOf(user), status, changed: true }, seq: appended.seq };
}

const unlockRoute = ({ users, storage, guesses, authority }: PasswordRoutesOptions) =>
  declareRoute({
    ...COMMON,
    operationId: "unlockUser",
    path: "/users/{user}/unlock",
    summary: "Forget the failed sign-ins of a user, so that nobody has to wait for them",
    description:
      "A user is never locked for good: after many wrong passwords, the next must wait. This ends the waiting for this account. What one address has guessed for many accounts is not forgotten.",
    parameters: { path: USER_PATH },
    body: { schema: z.strictObject({}), example: {}, mayBeAbsent: true },
    answers: {
      200: {
        says: "Forgotten.",
        schema: userUnlockedSchema,
        example: { sub: EXAMPLE_SID, username: "alice", changed: true },
      },
    },
    async handle({ path, caller }) {
      const requireOver = await authorityOf(authority, caller);
      const body = await storage.write(async (transaction) => {
        const user = await users.findNamed(transaction, path.user);
        await requireOver(transaction, user.id);
        const forgotten = await guesses.forget(transaction, { id: user.id, usernameKeys: namesOf(user) });
        return { ...calledOf(user), changed: forgotten > 0 };
      });
      return { status: 200, body };
    },
  });
