import { formatReceiptHeader, RECEIPT_HEADER, type Receipt } from "@portcullis/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Clients } from "../apps/clients.ts";
import { type Endings, type GrantStore, oidcError, type SessionStore } from "../oidc/index.ts";
import { accountPage } from "../pages/account-page.ts";
import { pagesError } from "../pages/errors.ts";
import { readForms } from "../pages/read-forms.ts";
import { receiptText } from "../pages/receipt-text.ts";
import { isSameOrigin } from "../pages/same-origin.ts";
import { securityHeaders } from "../pages/security-headers.ts";
import { signInPage } from "../pages/sign-in-page.ts";
import { signedOutPage } from "../pages/sign-out-pages.ts";
import type { DeviceCookie } from "../people/device-cookie.ts";
import type { SignIn } from "../people/sign-in.ts";
import { type SignInForm, signInThrough } from "../people/sign-in-form.ts";
import type { User, Users } from "../people/users.ts";
import type { Receipts, RevokeCommand, Revoker } from "../revocations/index.ts";
import type { BrowserSessions, SignedIn } from "./browser-session.ts";
import { deviceName } from "./device-name.ts";
import type { OneTimeFormTokens } from "./form-tokens.ts";
import type { SignInCookie } from "./sign-in-cookie.ts";

export interface AccountOptions {
  readonly issuer: string;
  readonly browser: BrowserSessions;
  readonly formTokens: OneTimeFormTokens;
  readonly signInCookie: SignInCookie;
  readonly signIn: SignIn;
  readonly deviceCookie: DeviceCookie;
  readonly clientAddressOf: (request: FastifyRequest) => string;
  readonly users: Users;
  readonly sessions: SessionStore;
  readonly grants: GrantStore;
  readonly clients: Clients;
  readonly endings: Endings;
  readonly revoker: Revoker;
  readonly receipts: Receipts;
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

interface Visitor extends SignedIn {
  readonly user: User;
}

/** How long an action waits, so that its page can say what is enforced. */
const RECEIPT_WAIT_MS = 2000;

export function accountRoutes(options: AccountOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    readForms(app);
    app.get("/account", async (request, reply) => {
      const exchange = { request, reply };
      const visitor = await visitorOf(options, exchange);
      return visitor === undefined
        ? showSignIn(options, exchange, {})
        : showAccount(options, exchange, visitor);
    });
    app.post("/account/sign-in", (request, reply) => signInHere(options, { request, reply }));
    for (const [path, action] of Object.entries(ACTIONS)) {
      app.post(path, async (request, reply) => {
        const exchange = { request, reply };
        return action(options, exchange, await visitorWithForm(options, exchange));
      });
    }
  };
}

type Action = (options: AccountOptions, exchange: Exchange, visitor: Visitor) => Promise<FastifyReply>;

const ACTIONS: Readonly<Record<string, Action>> = {
  "/account/sign-out-device": signOutDevice,
  "/account/withdraw": withdraw,
  "/account/sign-out-everywhere": signOutEverywhere,
};

async function visitorOf(options: AccountOptions, exchange: Exchange): Promise<Visitor | undefined> {
  const signedIn = await options.browser.find(exchange);
  const user = signedIn && (await options.users.findActive(signedIn.accountId));
  return signedIn && user && { ...signedIn, user };
}

/** From our own origin, with a token of this session that was not used before. */
async function visitorWithForm(options: AccountOptions, exchange: Exchange): Promise<Visitor> {
  const { headers, body } = exchange.request;
  if (!isSameOrigin(headers, options.issuer)) throw pagesError("form_not_ours");
  const visitor = await visitorOf(options, exchange);
  if (visitor === undefined) throw oidcError("session_over");
  const isOurs = await options.formTokens.spend(visitor.uid, (body as { form?: unknown }).form);
  if (!isOurs) throw pagesError("form_not_ours");
  return visitor;
}

function showSignIn(options: AccountOptions, exchange: Exchange, form: SignInForm): FastifyReply {
  const { request, reply } = exchange;
  const formToken = options.signInCookie.set(request, reply);
  if (form.retryAfterSeconds !== undefined) reply.header("retry-after", form.retryAfterSeconds);
  return send(reply, signInPage({ action: "/account/sign-in", formToken, ...form }), form.status);
}

async function signInHere(options: AccountOptions, exchange: Exchange): Promise<FastifyReply> {
  const { request, reply } = exchange;
  const { form } = request.body as { form?: unknown };
  const isOurs =
    isSameOrigin(request.headers, options.issuer) && options.signInCookie.matches(request, reply, form);
  if (!isOurs) throw pagesError("form_not_ours");
  const result = await signInThrough(options, exchange);
  if (result.user === undefined) return showSignIn(options, exchange, result);
  const before = await options.browser.find(exchange);
  if (before !== undefined) await options.endings.endSession(before);
  await options.browser.begin(exchange, result.user.id);
  return reply.headers(securityHeaders()).redirect("/account", 303);
}

interface Outcome {
  readonly done?: string;
  readonly problem?: string;
}

async function showAccount(
  options: AccountOptions,
  { reply }: Exchange,
  { uid, user }: Visitor,
  outcome: Outcome = {},
): Promise<FastifyReply> {
  const devices = await options.sessions.devicesOf(user.id);
  const markup = accountPage({
    name: user.name,
    username: user.username,
    formToken: await options.formTokens.make(uid),
    devices: devices.map((device) => ({
      uid: device.uid,
      name: deviceName(device.user_agent),
      isThis: device.uid === uid,
      createdAt: device.created_at,
      lastSeenAt: device.last_seen_at,
    })),
    apps: await appsOf(options, user.id),
    ...outcome,
  });
  return send(reply, markup, outcome.problem === undefined ? 200 : 422);
}

async function appsOf({ grants, clients }: AccountOptions, accountId: string) {
  const rows = await grants.clientsOf(accountId);
  return Promise.all(
    rows.map(async ({ client_id: clientId, since }) => {
      const client = await clients.find(clientId);
      return { clientId, since, name: client?.client_name ?? clientId };
    }),
  );
}

async function signOutDevice(
  options: AccountOptions,
  exchange: Exchange,
  visitor: Visitor,
): Promise<FastifyReply> {
  const uid = fieldOf(exchange, "device");
  const devices = await options.sessions.devicesOf(visitor.accountId);
  const device = devices.find((candidate) => candidate.uid === uid);
  if (device === undefined) {
    return showAccount(options, exchange, visitor, { problem: "This device is signed out already." });
  }
  const isThis = device.uid === visitor.uid;
  const reason = isThis ? "logged_out" : "kicked";
  const target = { scope: "session", key: device.uid, mode: "kill", reason } as const;
  const receipt = await revoke(options, exchange, visitor, target);
  if (isThis) return showSignedOut(options, exchange, receipt);
  const done = `${deviceName(device.user_agent)} is signed out; ${receiptText(receipt)}.`;
  return showAccount(options, exchange, visitor, { done });
}

async function withdraw(
  options: AccountOptions,
  exchange: Exchange,
  visitor: Visitor,
): Promise<FastifyReply> {
  const clientId = fieldOf(exchange, "client");
  const app = (await appsOf(options, visitor.accountId)).find((candidate) => candidate.clientId === clientId);
  if (app === undefined) {
    return showAccount(options, exchange, visitor, { problem: "This app has no access." });
  }
  const receipt = await revoke(options, exchange, visitor, {
    scope: "subject-client",
    key: { subject: visitor.accountId, client: app.clientId },
    mode: "kill",
    reason: "consent_withdrawn",
  });
  const done = `${app.name} can no longer act for you; ${receiptText(receipt)}.`;
  return showAccount(options, exchange, visitor, { done });
}

async function signOutEverywhere(
  options: AccountOptions,
  exchange: Exchange,
  visitor: Visitor,
): Promise<FastifyReply> {
  const receipt = await revoke(options, exchange, visitor, {
    scope: "subject",
    key: visitor.accountId,
    mode: "kill",
    reason: "logged_out",
  });
  return showSignedOut(options, exchange, receipt);
}

/** The receipt is shown on the page that follows, and stands in its header for whoever is no person. */
async function revoke(
  { revoker, receipts }: AccountOptions,
  { reply }: Exchange,
  visitor: Visitor,
  command: RevokeCommand,
): Promise<Receipt> {
  const { seq } = await revoker.revoke({ ...command, actor: visitor.accountId });
  const receipt = await receipts.wait(seq, RECEIPT_WAIT_MS);
  reply.header(RECEIPT_HEADER, formatReceiptHeader(receipt));
  return receipt;
}

function showSignedOut({ browser }: AccountOptions, exchange: Exchange, receipt: Receipt): FastifyReply {
  browser.forget(exchange);
  return send(exchange.reply, signedOutPage(receipt));
}

function fieldOf({ request }: Exchange, name: string): string | undefined {
  const value = (request.body as Record<string, unknown>)[name];
  return typeof value === "string" ? value : undefined;
}

function send(reply: FastifyReply, markup: string, status = 200): FastifyReply {
  return reply.code(status).headers(securityHeaders()).type("text/html; charset=utf-8").send(markup);
}
