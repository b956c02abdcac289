/** The sign-in form, wherever it is shown: what was typed in, and what to say about it. */
import { whenClosed } from "@portcullis/http-api";
import { hasCode } from "@portcullis/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import { textOfBan } from "../bans/standing-bans.ts";
import { UNFIT_PASSWORDS } from "../people/password-rule.ts";
import type { GivenField, OpenedBy, PasswordProblem, ShownIn, SignedIn, SignInAnswer } from "./attempt.ts";
import type { ChoicesFor, Room } from "./choose-session.ts";
import type { DeviceCookie } from "./device-cookie.ts";
import type { SignIn } from "./sign-in-machine.ts";

/** What to show again. */
export interface SignInForm {
  readonly status?: number;
  readonly username?: string | undefined;
  readonly problem?: string;
  readonly fields?: Readonly<Partial<Record<FormField, string>>>;
  /** In place of the name and the password, a new password is asked for. */
  readonly ticket?: string;
  /** In place of them, it is asked which sessions end. */
  readonly choiceTicket?: string;
  readonly retryAfterSeconds?: number;
}

type FormField = GivenField | "newPassword" | "repeatedPassword";

export type FormAnswer = ({ readonly signedIn: SignedIn } | { readonly signedIn?: undefined }) & SignInForm;

const BUSY_RETRY_SECONDS = 5;
/** Of a username that is shown again: what was typed in travels in a cookie to the page that shows it. */
const MAX_SHOWN = 128;

export interface SignInFormOptions {
  readonly signIn: SignIn;
  readonly deviceCookie: DeviceCookie;
  readonly clientAddressOf: (request: FastifyRequest) => string;
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export async function signInThrough(
  { signIn, deviceCookie, clientAddressOf }: SignInFormOptions,
  { request, reply }: Exchange,
  { place, opens }: ShownIn,
): Promise<FormAnswer> {
  const { username, password, ticket, newPassword, repeatedPassword, ends } = textsOf(request.body);
  const shown = username.slice(0, MAX_SHOWN);
  try {
    const answer = await signIn({
      username,
      password,
      ...(ticket === "" ? {} : { ticket, newPassword, repeatedPassword, ends }),
      address: clientAddressOf(request),
      deviceTokens: deviceCookie.tokensIn({ request, reply }),
      place,
      opens,
      signal: leavingOf(reply),
    });
    if (answer.outcome === "signed_in") {
      deviceCookie.remember({ request, reply }, answer.signedIn.deviceToken);
    }
    return formOf(answer, shown);
  } catch (error) {
    if (!hasCode(error, "sign_in_busy")) throw error;
    const again = {
      status: 503,
      username: shown,
      problem: error.message,
      retryAfterSeconds: BUSY_RETRY_SECONDS,
    };
    return ticket === "" ? again : { ...again, ticket };
  }
}

/** Aborted when the client leaves. Fastify's own signal hears nothing once the body has been read. */
export function leavingOf({ raw }: FastifyReply): AbortSignal {
  const leaving = new AbortController();
  whenClosed(raw, () => leaving.abort());
  return leaving.signal;
}

/** A field that is missing, or came twice, is an empty one. Boxes that are ticked come once each. */
function textsOf(body: unknown) {
  const fields = (body ?? {}) as Record<string, unknown>;
  const text = (name: string): string => {
    const value = fields[name];
    return typeof value === "string" ? value : "";
  };
  return {
    username: text("username"),
    password: text("password"),
    ticket: text("ticket"),
    newPassword: text("newPassword"),
    repeatedPassword: text("repeatedPassword"),
    ends: endsIn({ body }),
  };
}

/** `uid`s of the sessions whose boxes are ticked. */
export const endsIn = ({ body }: Pick<FastifyRequest, "body">): string[] =>
  [(body as { readonly ends?: unknown } | undefined)?.ends ?? []]
    .flat()
    .filter((uid) => typeof uid === "string");

const ASKED_FOR: Readonly<Record<GivenField, string>> = {
  username: "Enter your username or e-mail address.",
  password: "Enter your password.",
};

const CHANGE_PROBLEMS: Readonly<Record<PasswordProblem, SignInForm["fields"] & object>> = {
  too_short: { newPassword: UNFIT_PASSWORDS.too_short },
  too_long: { newPassword: UNFIT_PASSWORDS.too_long },
  control_character: { newPassword: UNFIT_PASSWORDS.control_character },
  blank: { newPassword: UNFIT_PASSWORDS.blank },
  not_repeated: { repeatedPassword: "This is not the same as the new password. Enter both again." },
  not_new: { newPassword: "This is the password that you have. Choose another." },
};

/** One text for every cause: whether the user exists is nobody's business. */
export const refusedForm = (username: string): SignInForm => ({
  status: 422,
  username,
  problem: "The username or password is not correct.",
});

export const CHOOSE_MORE = "Choose more: there is no room yet.";
export const CHOOSE_ONE = "Choose at least one: there is no room yet.";

/** The choice was made among others than there are. */
export const sessionsChangedForm = (username: string | undefined): SignInForm => ({
  status: 422,
  username,
  problem: "In the meantime you were signed in or out somewhere else, so nothing was changed. Sign in again.",
});

/** Whoever has signed in is not the one whom the app means. */
export const otherAccountForm = (): SignInForm => ({
  status: 422,
  problem:
    "The app asks for another account than the one that you have just signed in to. Sign in to that one.",
});

/** As above, when there are as many sessions as there may be. */
export const fullForm = (username: string): SignInForm => ({
  status: 403,
  username,
  problem:
    "You are signed in on as many devices as is allowed. Sign out on one of them first, then sign in here.",
});

/** Returns what there is to choose from, if the form asks for that, and the form as it is to be shown. */
export async function withChoices(
  form: SignInForm,
  choicesFor: ChoicesFor,
  shown: ShownIn & { readonly opens: OpenedBy },
): Promise<{ readonly form: SignInForm; readonly room?: Room }> {
  if (form.choiceTicket === undefined) return { form };
  const room = await choicesFor(form.choiceTicket, shown);
  return room === undefined ? { form: sessionsChangedForm(form.username) } : { form, room };
}

/** Whether a form that asks for something was sent back to say that it is not wanted. */
export const isCancelled = ({ body }: Pick<FastifyRequest, "body">): boolean =>
  (body as { readonly decision?: unknown } | undefined)?.decision === "cancel";

/** What the page is to open, instead of the session that its browser has. */
export const openingOf = (
  { request: { headers } }: Pick<Exchange, "request">,
  instead: string | undefined,
): OpenedBy => ({ userAgent: headers["user-agent"], instead });

function formOf(answer: SignInAnswer, username: string): FormAnswer {
  switch (answer.outcome) {
    case "signed_in":
      return { signedIn: answer.signedIn };
    case "ask": {
      const fields = Object.fromEntries(answer.fields.map((field) => [field, ASKED_FOR[field]]));
      return { status: 422, username, fields };
    }
    case "full":
      return fullForm(username);
    case "refused":
      return refusedForm(username);
    case "banned":
      return { status: 403, username, problem: textOfBan(answer.ban) };
    case "too_late":
      return { status: 422, username, problem: "This page was open for too long. Sign in again." };
    case "sessions_changed":
      return sessionsChangedForm(username);
    case "choose_session": {
      const { ticket: choiceTicket, problem } = answer;
      return {
        username,
        choiceTicket,
        ...(problem === undefined
          ? {}
          : { status: 422, problem: problem === "none" ? CHOOSE_ONE : CHOOSE_MORE }),
      };
    }
    case "change_password": {
      const { ticket, problem } = answer;
      if (problem === undefined) return { username, ticket };
      return { status: 422, username, ticket, fields: CHANGE_PROBLEMS[problem] };
    }
    case "wait": {
      const seconds = Math.max(1, Math.ceil(answer.waitMs / 1000));
      const problem = `Too many attempts to sign in. Wait ${seconds} ${seconds === 1 ? "second" : "seconds"}, then try again. Trying sooner does not help.`;
      return { status: 429, username, problem, retryAfterSeconds: seconds };
    }
  }
}
