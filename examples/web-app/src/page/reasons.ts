/** What to tell the user for each reason that a service may give (docs/reference/revocations.md). */
export interface ReasonText {
  readonly title: string;
  readonly text: string;
}

const TEXTS: Readonly<Record<string, ReasonText>> = {
  logged_out: {
    title: "You were signed out",
    text: "You signed out in another tab, in another window or on another device.",
  },
  kicked: {
    title: "This device was signed out",
    text: "You signed this device out from your account page, or an administrator did.",
  },
  replaced: { title: "You signed in elsewhere", text: "Your newer sign-in took the place of this one." },
  banned: { title: "Your account was locked", text: "An administrator has locked your account." },
  user_disabled: { title: "Your account was disabled", text: "An administrator has disabled your account." },
  consent_withdrawn: {
    title: "This app lost its access",
    text: "You removed its access on your account page, or an administrator did.",
  },
  client_disabled: {
    title: "This app was switched off",
    text: "An administrator has switched this app off.",
  },
  password_changed: { title: "Your password was changed", text: "Sign in again with the new password." },
  refresh_reuse: {
    title: "Signed out for safety",
    text: "A token was used twice, so somebody may have copied it. To be safe, you were signed out.",
  },
  code_replay: {
    title: "Signed out for safety",
    text: "A sign-in code was used twice, so somebody may have copied it. To be safe, you were signed out.",
  },
  key_retired: { title: "Signed out for safety", text: "The key that your sign-in relied on was replaced." },
  account_deleted: { title: "Your account was deleted", text: "This account no longer exists." },
  possible_loss: {
    title: "Signed out for safety",
    text: "Data may have been lost on the server. To be safe, everybody was signed out.",
  },
};

const REVOKED: ReasonText = { title: "You were signed out", text: "This sign-in was ended." };

export const textOfReason = (reason: string | undefined): ReasonText => TEXTS[reason ?? ""] ?? REVOKED;
