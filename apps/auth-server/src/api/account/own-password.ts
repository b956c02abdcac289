/** `POST /account/v1/password`. */
import { type DeclaredRoute, declareEnding } from "@portcullis/http-api";
import { ACCOUNT_SCOPES, ownPasswordChangedSchema } from "@portcullis/protocol";
import { z } from "zod";
import { isTooLong, passwordSchema } from "../../people/password-rule.ts";
import {
  type BlastRadiusOf,
  ENFORCED,
  EXAMPLE_SID,
  OUTAGES,
  PENDING,
  type Receipts,
  tryOut,
} from "../../revocations/index.ts";
import { signInError } from "../../sign-in/errors.ts";
import type { OwnPassword } from "../../sign-in/own-password.ts";
import type { Storage } from "../../storage/storage.ts";
import { answerChange } from "../answer-change.ts";
import { FRESH_SECONDS, ownerOf } from "./owner.ts";

export interface OwnPasswordRouteOptions {
  readonly ownPassword: OwnPassword;
  readonly storage: Storage;
  readonly blastRadiusOf: BlastRadiusOf;
  readonly receipts: Receipts;
}

const bodySchema = z.strictObject({
  currentPassword: z
    .string()
    .refine((password) => !isTooLong(password), "is longer than a password may be")
    .describe("The one that it takes the place of."),
  newPassword: passwordSchema,
});

const EXAMPLE = { sub: EXAMPLE_SID, ended: 2 } as const;

export const ownPasswordRoute = (options: OwnPasswordRouteOptions): DeclaredRoute =>
  declareEnding({
    tag: "Account",
    operationId: "changeOwnPassword",
    method: "POST",
    path: "/password",
    summary: "Change the password: all other sessions end",
    description:
      "All other sessions end, with the reason `password_changed`; the session of this call lives on. It asks for a sign-in in the last five minutes, and for the password. Wrong ones are slowed down as at a sign-in; a dry run looks at the password too.",
    scope: ACCOUNT_SCOPES.writeAccount,
    maxSignInAgeSeconds: FRESH_SECONDS,
    body: {
      schema: bodySchema,
      example: { currentPassword: "a first password", newPassword: "another horse battery staple" },
    },
    answer: {
      schema: ownPasswordChangedSchema,
      examples: {
        enforced: { ...EXAMPLE, receipt: ENFORCED },
        pending: { ...EXAMPLE, receipt: PENDING },
      },
    },
    errors: [
      ...signInError.definitions(
        "wrong_password",
        "no_password",
        "password_not_new",
        "too_many_guesses",
        "sign_in_busy",
      ),
      ...OUTAGES,
    ],
    wouldEnd: (call) => tryOut(options, (storage) => options.ownPassword.change(wantedBy(call), storage)),
    async handle(call) {
      const { ended, appended } = await options.ownPassword.change(wantedBy(call));
      const state = { sub: ownerOf(call.caller).sub, ended };
      return answerChange({ state, seq: appended?.seq }, options.receipts, call);
    },
  });

interface Calling {
  readonly caller: Parameters<typeof ownerOf>[0];
  readonly body: z.output<typeof bodySchema>;
  gone(): AbortSignal;
}

function wantedBy({ caller, body, gone }: Calling) {
  const { sub: accountId, sid } = ownerOf(caller);
  const { currentPassword: password, newPassword } = body;
  return { accountId, sid, password, newPassword, signal: gone() };
}
