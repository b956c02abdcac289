/** Signing in on the account page itself, and not on the way to an app. */
import { hasCode } from "@portcullis/protocol";
import type { FastifyReply } from "fastify";
import { chooseSessionPage } from "../pages/choose-session-page.ts";
import { securityHeaders } from "../pages/security-headers.ts";
import { signInPage } from "../pages/sign-in-page.ts";
import { labelOf } from "../people/users.ts";
import type { SignedIn } from "../sign-in/attempt.ts";
import type { Room } from "../sign-in/choose-session.ts";
import {
  fullForm,
  isCancelled,
  openingOf,
  refusedForm,
  type SignInForm,
  sessionsChangedForm,
  signInThrough,
  withChoices,
} from "../sign-in/sign-in-form.ts";
import {
  ACCOUNT_PATH,
  type AccountOptions,
  assertFromOurPage,
  type Exchange,
  leadTo,
  type Outcome,
  SIGN_IN_PATH,
  send,
} from "./visit.ts";

export async function showSignIn(
  options: AccountOptions,
  exchange: Exchange,
  { done, ...asked }: Outcome & SignInForm,
): Promise<FastifyReply> {
  const { request, reply } = exchange;
  // Shown to whoever is signed out: there is no session that the new one takes the place of.
  const { form, room } = await withChoices(asked, options.choicesFor, shownIn(options, exchange, undefined));
  const formToken = options.signInCookie.set(request, reply);
  if (room !== undefined) return showChoices(exchange, { form, room, formToken });
  if (form.retryAfterSeconds !== undefined) reply.header("retry-after", form.retryAfterSeconds);
  return send(reply, signInPage({ action: SIGN_IN_PATH, formToken, done, ...form }), form.status);
}

/** A browser without the cookie was shown no form, and so given no ticket. */
function shownIn({ signInCookie }: AccountOptions, exchange: Exchange, instead: string | undefined) {
  const browser = signInCookie.browserOf(exchange.request, exchange.reply) ?? "";
  return { place: `account sign-in ${browser}`, opens: openingOf(exchange, instead) };
}

interface Choices {
  readonly form: SignInForm;
  readonly room: Room;
  readonly formToken: string;
}

function showChoices({ reply }: Exchange, { form, room, formToken }: Choices): FastifyReply {
  const { choiceTicket, username, problem, status = 200 } = form;
  const markup = chooseSessionPage({
    action: SIGN_IN_PATH,
    formToken,
    ticket: choiceTicket!,
    username,
    problem,
    sessions: room.sessions,
    atLeast: room.excess,
  });
  reply.headers(securityHeaders({ scripts: "'self'" }));
  return reply.code(status).type("text/html; charset=utf-8").send(markup);
}

export async function signInHere(options: AccountOptions, exchange: Exchange): Promise<FastifyReply> {
  assertFromOurPage(options, exchange);
  const { request, reply } = exchange;
  if (isCancelled(request)) return leadTo(reply, ACCOUNT_PATH);
  const form = options.signInCookie.formOf(request, reply, (request.body as { form?: unknown }).form);
  const notice = form === undefined ? { problem: NOT_SHOWN_HERE } : await passSignIn(options, exchange, form);
  if (notice !== undefined) options.notices.leave(exchange, ACCOUNT_PATH, notice);
  return leadTo(reply, ACCOUNT_PATH);
}

const NOT_SHOWN_HERE = "This page was open for too long. Sign in again.";

/** Gives what to show again, unless somebody is signed in now. */
async function passSignIn(
  options: AccountOptions,
  exchange: Exchange,
  form: string,
): Promise<SignInForm | undefined> {
  const before = await options.browser.find(exchange);
  const { signedIn, ...again } = await signInThrough(
    options,
    exchange,
    shownIn(options, exchange, before?.uid),
  );
  if (signedIn === undefined) return again;
  try {
    const isOpen = await takePlace(options, exchange, { form, signedIn });
    return isOpen ? undefined : refusedForm(labelOf(signedIn.user));
  } catch (error) {
    // Another sign-in at the same moment was the last that there was room for.
    if (!hasCode(error, "session_limit_reached")) throw error;
    const username = labelOf(signedIn.user);
    return signedIn.ends.length > 0 ? sessionsChangedForm(username) : fullForm(username);
  }
}

/**
 * A form that is sent twice, by a double click, leads into one session: two would be two devices. Gives whether there is one:
 * not for a user who was disabled meanwhile.
 */
async function takePlace(
  { browser, endings }: AccountOptions,
  exchange: Exchange,
  by: { readonly form: string; readonly signedIn: SignedIn },
): Promise<boolean> {
  const before = await browser.find(exchange);
  const uid = await browser.begin(exchange, { ...by, takesPlaceOf: before?.uid });
  if (uid === undefined) return false;
  if (before !== undefined && before.uid !== uid) await endings.endSession(before);
  return true;
}
