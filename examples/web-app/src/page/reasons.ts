/** What to tell the user for each reason that a service may give (docs/reference/revocations.md). */
export interface ReasonText {
  readonly title: string;
  readonly text: string;
}

const TEXTS: Readonly<Record<string, ReasonText>> = {
  logged_out: {
    title: "You were signed out everywhere",
    text: "Somebody with your account, most likely you, ended this session from another window or device.",
  },
  kicked: {
    title: "This device was signed out",
    text: "The session was ended from the account page or by an administrator.",
  },
  replaced: { title: "You signed in elsewhere", text: "A newer session took the place of this one." },
  banned: { title: "Your account was locked", text: "An administrator has locked the account." },
  user_disabled: { title: "Your account was disabled", text: "An administrator has disabled the account." },
  consent_withdrawn: { title: "This app lost its access", text: "The consent for this app was withdrawn." },
  client_disabled: { title: "This app was switched off", text: "An administrator has disabled the app." },
  password_changed: { title: "The password was changed", text: "Sign in again with the new password." },
  refresh_reuse: {
    title: "Signed out for safety",
    text: "A spent token was used a second time, so somebody may have copied it. The session was ended.",
  },
  code_replay: {
    title: "Signed out for safety",
    text: "A sign-in code was used twice, so somebody may have copied it. The session was ended.",
  },
  key_retired: { title: "Signed out for safety", text: "The key that signed your token was retired." },
  account_deleted: { title: "The account was deleted", text: "There is no such account any more." },
  possible_loss: {
    title: "Signed out for safety",
    text: "All sessions were ended after a possible loss of data.",
  },
};

const REVOKED: ReasonText = { title: "You were signed out", text: "The session was ended before its time." };

export const textOfReason = (reason: string | undefined): ReasonText => TEXTS[reason ?? ""] ?? REVOKED;
