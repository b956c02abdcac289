/** `GET`, `PATCH` and `DELETE /account/v1`: the account itself. */
import {
  applyMergePatch,
  type Call,
  checkInput,
  type DeclaredRoute,
  declareEnding,
  declareRoute,
  ETAG,
  etagOf,
  IF_MATCH,
  mergePatchOf,
  requireMatch,
} from "@portcullis/http-api";
import {
  ACCOUNT_SCOPES,
  type Account,
  accountSchema,
  changedAccountSchema,
  userStateSchema,
} from "@portcullis/protocol";
import { z } from "zod";
import { peopleError } from "../../people/errors.ts";
import { type ChangedUser, fieldsOf, type User, type Users } from "../../people/users.ts";
import {
  type BlastRadiusOf,
  ENFORCED,
  EXAMPLE_SID,
  OUTAGES,
  PENDING,
  type Receipts,
  tryOut,
} from "../../revocations/index.ts";
import { rolesError } from "../../roles/errors.ts";
import type { Storage } from "../../storage/storage.ts";
import { answerChange, changedAnswer } from "../answer-change.ts";
import { EXAMPLE_USER, shownUser } from "../users/shown-user.ts";
import { userFieldsSchema } from "../users/user-fields.ts";
import type { DeleteOwnAccount } from "./delete-own-account.ts";
import { FRESH_SECONDS, ownerOf } from "./owner.ts";

export interface ProfileRoutesOptions {
  readonly users: Users;
  readonly storage: Storage;
  readonly deleteOwnAccount: DeleteOwnAccount;
  readonly blastRadiusOf: BlastRadiusOf;
  readonly receipts: Receipts;
}

export const profileRoutes = (options: ProfileRoutesOptions): readonly DeclaredRoute[] => [
  readRoute(options),
  changeRoute(options),
  deleteRoute(options),
];

const TAG = "Account";
const GONE = [...peopleError.definitions("unknown_subject"), ...OUTAGES];

/** Without what the operator keeps for himself, such as attributes. */
const shownAccount = (user: User): Account => accountSchema.parse(shownUser(user));

const EXAMPLE_ACCOUNT = accountSchema.parse(EXAMPLE_USER);

const readRoute = ({ users, storage }: ProfileRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "getAccount",
    method: "GET",
    path: "",
    summary: "Get the account and the version to change",
    scope: ACCOUNT_SCOPES.readAccount,
    answers: {
      200: { says: "The account.", schema: accountSchema, example: EXAMPLE_ACCOUNT, headers: ETAG },
    },
    errors: GONE,
    async handle({ caller }) {
      const user = await users.findNamed({ db: storage.read }, ownerOf(caller).sub);
      return { status: 200, headers: etagOf(user.revision), body: shownAccount(user) };
    },
  });

/** The rest is the operator's to say: by it a person is found, and trusted. */
const ownFieldsSchema = userFieldsSchema.pick({ name: true, picture: true, locale: true });

const changeHeaders = z.object(IF_MATCH);

const changeRoute = (options: ProfileRoutesOptions) =>
  declareEnding({
    tag: TAG,
    operationId: "updateAccount",
    method: "PATCH",
    path: "",
    summary: "Change the name, the picture or the language",
    description:
      "A merge patch (RFC 7396): what it has is set, `null` takes away, and the rest stays. The username and the e-mail address are the operator's to change. Where an API has in its tokens what is now another or gone, the person's tokens for it are stale, with the reason `claims_changed`, and the next refresh brings what is true. Anything else ends nothing.",
    scope: ACCOUNT_SCOPES.writeAccount,
    parameters: { headers: changeHeaders },
    body: {
      schema: mergePatchOf(ownFieldsSchema),
      example: { name: "Alice Young", locale: null },
      isMergePatch: true,
    },
    answer: changedAnswer("The account", { schema: changedAccountSchema, example: EXAMPLE_ACCOUNT }),
    errors: GONE,
    wouldEnd: (call) => tryOut(options, (storage) => change({ users: options.users, storage }, call)),
    async handle(call) {
      const { user, appended } = await change(options, call);
      const state = shownAccount(user);
      const { revision } = user;
      return answerChange({ state, seq: appended?.seq, revision }, options.receipts, call);
    },
  });

type ChangeCall = Pick<
  Call<
    unknown,
    unknown,
    z.output<typeof changeHeaders>,
    z.output<ReturnType<typeof mergePatchOf<typeof ownFieldsSchema>>>
  >,
  "headers" | "body" | "caller"
>;

const change = (
  { users, storage }: Pick<ProfileRoutesOptions, "users" | "storage">,
  { headers, body, caller }: ChangeCall,
): Promise<ChangedUser> =>
  storage.write(async (transaction) => {
    const { sub } = ownerOf(caller);
    const before = await users.findRow(transaction, sub);
    requireMatch(headers["If-Match"], before.revision);
    const fields = fieldsOf(before);
    const { name, picture, locale } = fields;
    const own = checkInput(ownFieldsSchema, applyMergePatch({ name, picture, locale }, body));
    const changed = { ...fields, name: own.name, picture: own.picture, locale: own.locale };
    return users.update(transaction, before, { fields: changed, actor: sub });
  });

const EXAMPLE = { sub: EXAMPLE_SID, username: "alice", status: "deleted", changed: true } as const;

const deleteRoute = (options: ProfileRoutesOptions) =>
  declareEnding({
    tag: TAG,
    operationId: "deleteAccount",
    method: "DELETE",
    path: "",
    summary: "Delete the account: everything of it ends, for good",
    description:
      "Every session, grant and token of the person ends, that of this call too, with the reason `account_deleted`. It asks for a sign-in in the last five minutes. The last administrator cannot do it.",
    scope: ACCOUNT_SCOPES.writeAccount,
    maxSignInAgeSeconds: FRESH_SECONDS,
    answer: {
      schema: userStateSchema,
      examples: {
        enforced: { ...EXAMPLE, receipt: ENFORCED },
        pending: { ...EXAMPLE, receipt: PENDING },
      },
    },
    errors: [...rolesError.definitions("last_administrator"), ...GONE],
    wouldEnd: ({ caller }) =>
      tryOut(options, (storage) => options.deleteOwnAccount(ownerOf(caller).sub, { into: storage })),
    async handle(call) {
      const change = await options.deleteOwnAccount(ownerOf(call.caller).sub);
      return answerChange(change, options.receipts, call);
    },
  });
