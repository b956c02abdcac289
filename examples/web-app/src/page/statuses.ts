import type { EndedSession } from "@portcullis/client";
import { textOfReason } from "./reasons.ts";
import type { Status } from "./status.ts";

/** The words for everything that can be the case. */
export const SIGNED_OUT: Status = {
  view: "signed-out",
  tone: "wait",
  badge: "Signed out",
  title: "See a logout arrive",
  text: "Sign in, and this page calls the orders API every second. Then sign out everywhere in another window and watch the calls stop.",
  signIn: "Sign in",
};

/** Until the browser is back from the issuer. No button: it would lead away from the sign-out. */
export const SIGNING_OUT: Status = {
  view: "signed-out",
  tone: "wait",
  badge: "Signing out",
  title: "Signing you out",
  text: "This app has forgotten your tokens. Your session ends next.",
};

export const SIGNED_OUT_ELSEWHERE: Status = {
  view: "signed-out",
  tone: "wait",
  badge: "Signed out",
  title: "You were signed out",
  text: "You signed out of this app in another tab.",
  signIn: "Sign in again",
};

export const CALLING: Status = {
  view: "signed-in",
  tone: "wait",
  badge: "Signed in",
  title: "Calling the orders API",
  text: "The first answer is on its way.",
};

const TRY_IT = "Open the account page, press “Sign out everywhere” and watch this window.";

export const served = (): Status => ({
  view: "signed-in",
  tone: "good",
  badge: "200 Served",
  title: "Your calls are served",
  text: "The gateway and the service each check your token themselves, against their own copy of the list of revocations.",
  hint: TRY_IT,
});

export const notServed = (status: number | undefined): Status => ({
  view: "signed-in",
  tone: "warn",
  badge: status === undefined ? "No answer" : `${status} Not served`,
  title: status === 503 ? "The API cannot check your token right now" : "The last call was not served",
  text:
    status === 503
      ? "It cannot confirm that your token is still valid, so it refuses the call. You are still signed in, and the next call may succeed."
      : "You are still signed in, and the next call may succeed.",
});

export function forcedOut(ended: EndedSession, secondsLeft: number): Status {
  const { reason } = ended;
  const { title, text } = textOfReason(reason);
  return {
    view: "forced-out",
    tone: "bad",
    badge: "Signed out",
    title,
    text: [text, ...detailsOf(ended), `Reason: ${reason ?? "none"}.`].join(" "),
    signIn: "Sign in again",
    ...(secondsLeft > 0 && {
      hint: `By its own expiry time, the access token would have been valid for another ${durationOf(secondsLeft)}.`,
    }),
  };
}

/** What the issuer says besides. */
function detailsOf({ replacedBy, message }: EndedSession): readonly string[] {
  if (message !== undefined) return [`You are told: “${message}”`];
  if (replacedBy === undefined) return [];
  const { device, address } = replacedBy;
  return [`It is ${device}${address === undefined ? "" : `, from ${address}`}.`];
}

export const sessionEnded = (): Status => ({
  view: "signed-out",
  tone: "wait",
  badge: "Signed out",
  title: "Your session has ended",
  text: "Sign in again to continue.",
  signIn: "Sign in again",
});

export const failed = (message: string): Status => ({
  view: "signed-out",
  tone: "warn",
  badge: "Signed out",
  title: "You are not signed in",
  text: message,
  signIn: "Try again",
});

function durationOf(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds} s` : `${minutes} min ${seconds % 60} s`;
}
