/** What the account page does with the password: change it, and delete the account. */
import { RetryLaterError } from "@portcullis/http-api";
import { hasCode } from "@portcullis/protocol";
import type { SignInFields } from "../pages/sign-in-page.ts";
import { UNFIT_PASSWORDS, unfitnessOf } from "../people/password-rule.ts";
import type { StillHas } from "../sign-in/own-password.ts";

/** What to say of the form that was sent. */
export interface Refused extends Pick<SignInFields, "fields"> {
  readonly problem?: string;
}

/** Throws what `OwnPassword` throws, and `last_administrator`. Gives the place of the record in the log. */
export type DeleteAccount = (sub: string, stillHas: StillHas) => Promise<number>;

export interface TypedIn {
  readonly password: string;
  readonly newPassword: string;
  readonly repeatedPassword: string;
}

/** What there is to say before the password is looked at. */
export function problemOfTypedIn({ password, newPassword, repeatedPassword }: TypedIn): Refused | undefined {
  if (password === "") return { fields: { password: "Enter your password." } };
  const unfit = unfitnessOf(newPassword);
  if (unfit !== undefined) return { fields: { newPassword: UNFIT_PASSWORDS[unfit] } };
  if (newPassword === repeatedPassword) return undefined;
  return { fields: { repeatedPassword: "This is not the same as the new password. Enter both again." } };
}

/** Returns what the person reads of a refusal. Throws what is none of theirs. */
export function refusedBy(error: unknown): Refused {
  if (hasCode(error, "wrong_password")) return { fields: { password: "This is not your password." } };
  if (hasCode(error, "password_not_new"))
    return { fields: { newPassword: "This is the password that you have. Choose another." } };
  if (hasCode(error, "no_password"))
    return { problem: "You have no password. Ask whoever runs this service to set one." };
  if (hasCode(error, "last_administrator"))
    return {
      problem:
        "You are the only administrator. Make somebody else an administrator first. Nothing was changed.",
    };
  if (hasCode(error, "sign_in_busy")) return { problem: error.message };
  if (error instanceof RetryLaterError) return { problem: waitText(error.retryAfterSeconds) };
  throw error;
}

const waitText = (seconds: number): string =>
  `The password was wrong too often. Wait ${seconds} ${seconds === 1 ? "second" : "seconds"}, then try again. Trying sooner does not help.`;

/** `delay`: until when something may still get through. */
export const changedText = (ended: number, delay: string | undefined): string =>
  ["Your password is changed.", ended > 0 && "All other devices are signed out.", delay]
    .filter(Boolean)
    .join(" ");
