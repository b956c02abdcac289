import type { FastifyInstance, FastifyReply } from "fastify";
import { accountPage } from "../pages/account-page.ts";
import {
  DELETE_PATH,
  deleteAccountPage,
  type OwnAccountPage,
  PASSWORD_PATH,
  passwordPage,
} from "../pages/own-account-pages.ts";
import { readForms } from "../pages/read-forms.ts";
import { securityHeaders } from "../pages/security-headers.ts";
import { type SignedOutPage, signedOutPage } from "../pages/sign-out-pages.ts";
import { END_TOKEN_PATH, TOKENS_PATH } from "../pages/tokens-page.ts";
import { displayNameOf, labelOf } from "../people/users.ts";
import { deviceNameOf } from "../sessions/device.ts";
import type { SignInForm } from "../sign-in/sign-in-form.ts";
import { ACTS, appsOf } from "./acts.ts";
import type { Refused } from "./own-account.ts";
import { showSignIn, signInHere } from "./sign-in.ts";
import { showTokens, TOKEN_ACTS } from "./token-acts.ts";
import {
  ACCOUNT_PATH,
  type AccountOptions,
  type Action,
  assertFromOurPage,
  type Done,
  type Exchange,
  leadTo,
  type Outcome,
  onAccountPage,
  SIGN_IN_PATH,
  SIGNED_OUT_PATH,
  send,
  type Visitor,
  visitorOf,
} from "./visit.ts";

export function accountRoutes(options: AccountOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    readForms(app);
    // Whoever types in the address of this server.
    app.get("/", async (_request, reply) => leadTo(reply, ACCOUNT_PATH));
    app.get(ACCOUNT_PATH, (request, reply) => show(options, { request, reply }));
    app.get(SIGNED_OUT_PATH, (request, reply) => showSignedOut(options, { request, reply }));
    app.post(SIGN_IN_PATH, (request, reply) => signInHere(options, { request, reply }));
    for (const [path, action] of Object.entries({ ...ACTS, ...TOKEN_ACTS }))
      app.post(path, (request, reply) => act(options, { request, reply }, action));
    // Where an error of a form has left the browser: asked for again, there is something to see.
    for (const [path, pageOf] of Object.entries(OWN_PAGES))
      app.get(path, (request, reply) => showOwn(options, { request, reply }, { path, pageOf }));
    app.get(TOKENS_PATH, (request, reply) => showTokens(options, { request, reply }));
    app.get(END_TOKEN_PATH, async (_request, reply) => leadTo(reply, TOKENS_PATH));
    const leading = Object.keys(ACTS).filter((path) => !Object.hasOwn(OWN_PAGES, path));
    for (const path of [SIGN_IN_PATH, ...leading])
      app.get(path, async (_request, reply) => leadTo(reply, ACCOUNT_PATH));
  };
}

async function show(options: AccountOptions, exchange: Exchange): Promise<FastifyReply> {
  const visitor = await visitorOf(options, exchange);
  const notice = options.notices.take<Outcome & SignInForm>(exchange, ACCOUNT_PATH) ?? {};
  return visitor === undefined
    ? showSignIn(options, exchange, { ...(await replacedNotice(options, exchange)), ...notice })
    : showAccount(options, exchange, visitor, notice);
}

/** For whoever was signed in here, and comes back: what has taken the place of that. */
async function replacedNotice({ browser }: AccountOptions, exchange: Exchange): Promise<Outcome> {
  const by = await browser.replacement(exchange);
  if (by === undefined) return {};
  const device = deviceNameOf({ device_name: by.deviceName, user_agent: by.userAgent });
  const from = by.address === null ? "" : ` from ${by.address}`;
  const at = `${new Date(by.at * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
  return {
    problem: `You were signed out here, because there may be only so many devices at once: somebody signed in with your password on ${device}${from} at ${at}. If that was not you, sign in and change your password.`,
  };
}

/** Acts that have a page of their own, where the form stands, and what was wrong with it. */
const OWN_PAGES: Readonly<Record<string, (content: OwnAccountPage) => string>> = {
  [PASSWORD_PATH]: passwordPage,
  [DELETE_PATH]: deleteAccountPage,
};

async function showOwn(
  options: AccountOptions,
  exchange: Exchange,
  { path, pageOf }: { readonly path: string; readonly pageOf: (content: OwnAccountPage) => string },
): Promise<FastifyReply> {
  const visitor = await visitorOf(options, exchange);
  if (visitor === undefined) return leadTo(exchange.reply, ACCOUNT_PATH);
  const { fields, problem } = options.notices.take<Refused>(exchange, path) ?? {};
  const formToken = await options.formTokens.make(visitor.uid);
  return send(exchange.reply, pageOf({ username: labelOf(visitor.user), formToken, fields, problem }));
}

async function act(options: AccountOptions, exchange: Exchange, action: Action): Promise<FastifyReply> {
  assertFromOurPage(options, exchange);
  const { path, by = path, notice } = await doneBy(options, exchange, action);
  options.notices.leave(exchange, path, notice);
  return leadTo(exchange.reply, by);
}

/** A page that is out of date does nothing, and says so on the one that is not. */
async function doneBy(options: AccountOptions, exchange: Exchange, action: Action): Promise<Done> {
  const visitor = await visitorOf(options, exchange);
  if (visitor === undefined) return onAccountPage({ problem: SESSION_OVER });
  const { form } = exchange.request.body as { form?: unknown };
  if (!(await options.formTokens.spend(visitor.uid, form))) return onAccountPage({ problem: OUT_OF_DATE });
  return action(options, exchange, visitor);
}

const SESSION_OVER = "You were signed out in the meantime. Sign in again.";
const OUT_OF_DATE = "That page was out of date, so nothing was changed. Here is the current state.";

async function showAccount(
  options: AccountOptions,
  { reply }: Exchange,
  { uid, user }: Visitor,
  { done, problem }: Outcome,
): Promise<FastifyReply> {
  const devices = await options.sessions.devicesOf(user.id);
  const markup = accountPage({
    name: displayNameOf(user),
    username: labelOf(user),
    formToken: await options.formTokens.make(uid),
    devices: devices.map((device) => ({
      uid: device.uid,
      name: deviceNameOf(device),
      isThis: device.uid === uid,
      givenName: device.device_name ?? undefined,
      address: device.address ?? undefined,
      createdAt: device.created_at,
      lastSeenAt: device.last_seen_at,
    })),
    apps: await appsOf(options, user.id),
    done,
    problem,
  });
  reply.headers(securityHeaders({ scripts: "'self'" }));
  return reply.type("text/html; charset=utf-8").send(markup);
}

/** Anybody can be led here by a link, so the page says what is so. */
async function showSignedOut(options: AccountOptions, exchange: Exchange): Promise<FastifyReply> {
  const notice = options.notices.take<SignedOutPage>(exchange, SIGNED_OUT_PATH) ?? {};
  if ((await visitorOf(options, exchange)) !== undefined) return leadTo(exchange.reply, ACCOUNT_PATH);
  return send(exchange.reply, signedOutPage(notice));
}
