import {
  type Clock,
  deviceNameSchema,
  formatReceiptHeader,
  hasCode,
  RECEIPT_HEADER,
  type Receipt,
} from "@portcullis/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Apis } from "../apis/apis.ts";
import { FIRST_PARTY } from "../apps/app-settings.ts";
import type { Clients } from "../apps/clients.ts";
import { type AppAccess, type Endings, type SessionStore, wordsOf } from "../oidc/index.ts";
import { accountPage } from "../pages/account-page.ts";
import { chooseSessionPage } from "../pages/choose-session-page.ts";
import { pagesError } from "../pages/errors.ts";
import type { Notices } from "../pages/notices.ts";
import {
  DELETE_PATH,
  deleteAccountPage,
  type OwnAccountPage,
  PASSWORD_PATH,
  passwordPage,
} from "../pages/own-account-pages.ts";
import { readForms } from "../pages/read-forms.ts";
import { delayText } from "../pages/receipt-text.ts";
import { isSameOrigin } from "../pages/same-origin.ts";
import { securityHeaders } from "../pages/security-headers.ts";
import { signInPage } from "../pages/sign-in-page.ts";
import { type SignedOutPage, signedOutPage } from "../pages/sign-out-pages.ts";
import { END_TOKEN_PATH, TOKENS_PATH, type TokenForm, tokensPage } from "../pages/tokens-page.ts";
import { displayNameOf, labelOf, type User, type Users } from "../people/users.ts";
import type { Receipts, RevokeCommand, Revoker } from "../revocations/index.ts";
import type { Sealed } from "../secrets/seal.ts";
import { deviceNameOf } from "../sessions/device.ts";
import type { Ended } from "../sessions/end-sessions.ts";
import type { NamedSession } from "../sessions/name-device.ts";
import type { SignedIn } from "../sign-in/attempt.ts";
import type { ChoicesFor, Room } from "../sign-in/choose-session.ts";
import type { DeviceCookie } from "../sign-in/device-cookie.ts";
import type { OwnPassword } from "../sign-in/own-password.ts";
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
import type { SignIn } from "../sign-in/sign-in-machine.ts";
import type { BrowserSessions, LiveSession } from "./browser-session.ts";
import type { OneTimeFormTokens } from "./form-tokens.ts";
import { changedText, type DeleteAccount, problemOfTypedIn, type Refused, refusedBy } from "./own-account.ts";
import {
  type OwnTokens,
  offeredDays,
  refusedToken,
  shownChoices,
  shownTokens,
  wantedOf,
} from "./own-tokens.ts";
import type { SignInCookie } from "./sign-in-cookie.ts";

export interface AccountOptions {
  readonly issuer: string;
  readonly browser: BrowserSessions;
  readonly formTokens: OneTimeFormTokens;
  readonly signInCookie: SignInCookie;
  readonly notices: Notices;
  readonly signIn: SignIn;
  readonly choicesFor: ChoicesFor;
  readonly deviceCookie: DeviceCookie;
  readonly clientAddressOf: (request: FastifyRequest) => string;
  readonly users: Users;
  readonly sessions: SessionStore;
  readonly appAccess: AppAccess;
  readonly apis: Pick<Apis, "named">;
  readonly clients: Clients;
  readonly endings: Endings;
  readonly revoker: Revoker;
  readonly receipts: Receipts;
  readonly ownPassword: OwnPassword;
  readonly deleteAccount: DeleteAccount;
  readonly ownTokens: OwnTokens;
  /** For what a browser keeps for a minute. */
  readonly sealed: Sealed;
  readonly clock: Pick<Clock, "wallMs">;
  /** Ends all other sessions of the visitor. */
  readonly endOthers: (visitor: LiveSession) => Promise<Ended>;
  /** Gives whether there is such a session of the user. */
  readonly nameDevice: (session: NamedSession, name: string | null) => Promise<boolean>;
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

interface Visitor extends LiveSession {
  readonly user: User;
}

/** How long an action waits, so that the page after it can say what is enforced. */
const RECEIPT_WAIT_MS = 2000;

const ACCOUNT_PATH = "/account";
const SIGN_IN_PATH = `${ACCOUNT_PATH}/sign-in`;
const SIGNED_OUT_PATH = `${ACCOUNT_PATH}/signed-out`;

/** What the account page says of the form that was sent. */
interface Outcome {
  readonly done?: string;
  readonly problem?: string;
}

export function accountRoutes(options: AccountOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    readForms(app);
    // Whoever types in the address of this server.
    app.get("/", async (_request, reply) => leadTo(reply, ACCOUNT_PATH));
    app.get(ACCOUNT_PATH, (request, reply) => show(options, { request, reply }));
    app.get(SIGNED_OUT_PATH, (request, reply) => showSignedOut(options, { request, reply }));
    app.post(SIGN_IN_PATH, (request, reply) => signInHere(options, { request, reply }));
    for (const [path, action] of Object.entries(ACTIONS))
      app.post(path, (request, reply) => act(options, { request, reply }, action));
    // Where an error of a form has left the browser: asked for again, there is something to see.
    for (const [path, pageOf] of Object.entries(OWN_PAGES))
      app.get(path, (request, reply) => showOwn(options, { request, reply }, { path, pageOf }));
    app.get(TOKENS_PATH, (request, reply) => showTokens(options, { request, reply }));
    app.get(END_TOKEN_PATH, async (_request, reply) => leadTo(reply, TOKENS_PATH));
    const leading = Object.keys(ACTIONS).filter(
      (path) => !Object.hasOwn(OWN_PAGES, path) && !path.startsWith(TOKENS_PATH),
    );
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

/** Where to look, and what to say there. */
interface Done {
  readonly path: string;
  readonly notice: Outcome | SignedOutPage | Refused | TokensNotice;
}

/** What the page of tokens says of the form that was sent. */
interface TokensNotice extends TokenForm {
  readonly done?: string;
  /** Of one that was made: its text travels through the browser, which must not keep it for others to read. */
  readonly made?: { readonly name: string; readonly sealed: string };
}

type Action = (options: AccountOptions, exchange: Exchange, visitor: Visitor) => Promise<Done>;

const ACTIONS: Readonly<Record<string, Action>> = {
  "/account/sign-out-device": signOutDevice,
  "/account/withdraw": withdraw,
  "/account/sign-out-everywhere": signOutEverywhere,
  "/account/sign-out-others": signOutOthers,
  "/account/name-device": renameDevice,
  [TOKENS_PATH]: makeOwnToken,
  [END_TOKEN_PATH]: endOwnToken,
  [PASSWORD_PATH]: changePassword,
  [DELETE_PATH]: deleteAccount,
};

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

const onAccountPage = (notice: Outcome): Done => ({ path: ACCOUNT_PATH, notice });

async function act(options: AccountOptions, exchange: Exchange, action: Action): Promise<FastifyReply> {
  assertFromOurPage(options, exchange);
  const { path, notice } = await doneBy(options, exchange, action);
  options.notices.leave(exchange, path, notice);
  return leadTo(exchange.reply, path);
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

const leadTo = (reply: FastifyReply, path: string): FastifyReply =>
  reply.headers(securityHeaders()).redirect(path, 303);

async function visitorOf(options: AccountOptions, exchange: Exchange): Promise<Visitor | undefined> {
  const signedIn = await options.browser.find(exchange);
  const user = signedIn && (await options.users.findActive(signedIn.accountId));
  return signedIn && user && { ...signedIn, user };
}

/** A form token alone would let through what a browser says comes from another site. */
function assertFromOurPage({ issuer }: AccountOptions, { request }: Exchange): void {
  if (!isSameOrigin(request.headers, issuer)) throw pagesError("form_not_ours");
}

async function showSignIn(
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

async function signInHere(options: AccountOptions, exchange: Exchange): Promise<FastifyReply> {
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

/** What the user has allowed, and what else has access at the moment: apps of the operator's own ask for nothing. */
async function appsOf({ appAccess, clients, apis }: AccountOptions, accountId: string) {
  const all = await appAccess.of(accountId);
  const names = await clients.namesOf(all.map(({ clientId }) => clientId));
  const found = await Promise.all(
    all.map(async (access) => ({ access, client: await clients.find(access.clientId) })),
  );
  const identifiers = all.flatMap(({ allowed, declined }) => [
    ...Object.keys(allowed.resources),
    ...Object.keys(declined.resources),
  ]);
  const known = await apis.named([...new Set(identifiers)]);
  return found.map(({ client, access: { clientId, since, until, isRemembered, allowed, declined } }) => ({
    clientId,
    since,
    until,
    isRemembered,
    allowed: wordsOf(allowed, known),
    declined: wordsOf(declined, known),
    // An app that is switched off or deleted can do nothing, and what it was allowed can be withdrawn all the same.
    name: names.get(clientId) ?? clientId,
    isFirstParty: client?.[FIRST_PARTY] === true,
  }));
}

async function signOutDevice(options: AccountOptions, exchange: Exchange, visitor: Visitor): Promise<Done> {
  const uid = fieldOf(exchange, "device");
  const devices = await options.sessions.devicesOf(visitor.accountId);
  const device = devices.find((candidate) => candidate.uid === uid);
  if (device === undefined) return onAccountPage({ problem: "This device is already signed out." });
  const isThis = device.uid === visitor.uid;
  const reason = isThis ? "logged_out" : "kicked";
  const target = { scope: "session", key: device.uid, mode: "kill", reason } as const;
  const receipt = await revoke(options, exchange, visitor, target);
  if (isThis) return signedOut(options, exchange, { ended: "session", delay: delayText(receipt) });
  return onAccountPage({ done: saying(`${deviceNameOf(device)} is signed out.`, receipt) });
}

const saying = (text: string, receipt: Receipt): string => [text, delayText(receipt)].join(" ").trimEnd();

async function withdraw(options: AccountOptions, exchange: Exchange, visitor: Visitor): Promise<Done> {
  const clientId = fieldOf(exchange, "client");
  const app = (await appsOf(options, visitor.accountId)).find((candidate) => candidate.clientId === clientId);
  if (app === undefined) return onAccountPage({ problem: "This app no longer has access." });
  const seq = await options.appAccess.withdraw({
    accountId: visitor.accountId,
    clientId: app.clientId,
    reason: app.isFirstParty ? "logged_out" : "consent_withdrawn",
    actor: visitor.accountId,
  });
  const receipt = await receiptOf(options, exchange, seq);
  const done = app.isFirstParty
    ? `You are signed out of ${app.name}.`
    : `${app.name} no longer has access to your account.`;
  return onAccountPage({ done: saying(done, receipt) });
}

async function signOutEverywhere(
  options: AccountOptions,
  exchange: Exchange,
  visitor: Visitor,
): Promise<Done> {
  const receipt = await revoke(options, exchange, visitor, {
    scope: "subject",
    key: visitor.accountId,
    mode: "kill",
    reason: "logged_out",
  });
  return signedOut(options, exchange, { ended: "everywhere", delay: delayText(receipt) });
}

async function signOutOthers(options: AccountOptions, exchange: Exchange, visitor: Visitor): Promise<Done> {
  const { ended, appended } = await options.endOthers(visitor);
  if (appended === undefined) return onAccountPage({ done: "You are signed in on no other device." });
  const receipt = await receiptOf(options, exchange, appended.seq);
  const what = ended === 1 ? "The other device is" : "All other devices are";
  return onAccountPage({ done: saying(`${what} signed out.`, receipt) });
}

async function renameDevice(options: AccountOptions, exchange: Exchange, visitor: Visitor): Promise<Done> {
  const { accountId } = visitor;
  const sid = fieldOf(exchange, "device") ?? "";
  const typedIn = fieldOf(exchange, "name")?.trim() ?? "";
  const name = deviceNameSchema.safeParse(typedIn);
  if (typedIn !== "" && !name.success)
    return onAccountPage({
      problem: "A name has at most 64 characters, all on one line. Nothing was changed.",
    });
  const isThere = await options.nameDevice({ sid, accountId }, typedIn === "" ? null : typedIn);
  if (!isThere) return onAccountPage({ problem: "This device is already signed out." });
  return onAccountPage({
    done: typedIn === "" ? "The name is gone." : `The device is called ${typedIn} now.`,
  });
}

async function changePassword(options: AccountOptions, exchange: Exchange, visitor: Visitor): Promise<Done> {
  const text = (name: string) => fieldOf(exchange, name) ?? "";
  const newPassword = text("newPassword");
  const typedIn = { password: text("password"), newPassword, repeatedPassword: text("repeatedPassword") };
  const refused = (notice: Refused): Done => ({ path: PASSWORD_PATH, notice });
  const problem = problemOfTypedIn(typedIn);
  if (problem !== undefined) return refused(problem);
  const { accountId, uid: sid } = visitor;
  const address = options.clientAddressOf(exchange.request);
  const place = { deviceTokens: options.deviceCookie.tokensIn(exchange), address };
  try {
    const wanted = { accountId, sid, password: typedIn.password, newPassword, place };
    const { ended, appended } = await options.ownPassword.change(wanted);
    const receipt = appended && (await receiptOf(options, exchange, appended.seq));
    return onAccountPage({ done: changedText(ended, receipt && delayText(receipt)) });
  } catch (error) {
    return refused(refusedBy(error));
  }
}

async function deleteAccount(options: AccountOptions, exchange: Exchange, visitor: Visitor): Promise<Done> {
  const { accountId, uid: sid } = visitor;
  const password = fieldOf(exchange, "password") ?? "";
  const refused = (notice: Refused): Done => ({ path: DELETE_PATH, notice });
  if (password === "") return refused({ fields: { password: "Enter your password." } });
  try {
    const stillHas = await options.ownPassword.check({ accountId, sid, password });
    const receipt = await receiptOf(options, exchange, await options.deleteAccount(accountId, stillHas));
    return signedOut(options, exchange, { ended: "account", delay: delayText(receipt) });
  } catch (error) {
    return refused(refusedBy(error));
  }
}

async function showTokens(options: AccountOptions, exchange: Exchange): Promise<FastifyReply> {
  const visitor = await visitorOf(options, exchange);
  if (visitor === undefined) return leadTo(exchange.reply, ACCOUNT_PATH);
  const { made, done, ...form } = options.notices.take<TokensNotice>(exchange, TOKENS_PATH) ?? {};
  const text = made && options.sealed.open(made.sealed);
  const [tokens, choices, policy] = await Promise.all([
    options.ownTokens.list(visitor.accountId),
    options.ownTokens.choices(visitor.accountId),
    options.ownTokens.policy(),
  ]);
  const known = await options.apis.named([...new Set(tokens.map(({ api }) => api))]);
  const markup = tokensPage({
    ...form,
    username: labelOf(visitor.user),
    formToken: await options.formTokens.make(visitor.uid),
    tokens: shownTokens(tokens, known),
    choices: shownChoices(choices),
    offeredDays: offeredDays(policy),
    made: text === undefined ? undefined : { name: made!.name, text },
    done,
  });
  exchange.reply.headers(securityHeaders({ scripts: "'self'" }));
  return exchange.reply.type("text/html; charset=utf-8").send(markup);
}

const onTokensPage = (notice: TokensNotice): Done => ({ path: TOKENS_PATH, notice });

/** With the password: to type it in is a fresh sign-in, and whoever found the device unlocked does not have it. */
async function makeOwnToken(options: AccountOptions, exchange: Exchange, visitor: Visitor): Promise<Done> {
  const text = (name: string) => fieldOf(exchange, name) ?? "";
  const chosen = fieldsOf(exchange, "permission");
  const typedIn = { name: text("name"), days: text("days"), addresses: text("addresses") };
  const refused = (why: TokenForm): Done => onTokensPage({ ...typedIn, chosen, ...why });
  const asked = wantedOf({ ...typedIn, choices: chosen }, options.clock.wallMs());
  if ("problems" in asked) return refused({ problems: asked.problems });
  const password = text("password");
  if (password === "") return refused({ problems: { password: "Enter your password." } });
  const { accountId, uid: sid } = visitor;
  try {
    const stillHas = await options.ownPassword.check({ accountId, sid, password });
    const made = await options.ownTokens.make(accountId, asked.wanted, stillHas);
    return onTokensPage({ made: { name: made.token.name, sealed: options.sealed.seal(made.text) } });
  } catch (error) {
    return refused(refusedToken(error));
  }
}

async function endOwnToken(options: AccountOptions, exchange: Exchange, visitor: Visitor): Promise<Done> {
  try {
    const { name, seq } = await options.ownTokens.end(visitor.accountId, fieldOf(exchange, "token") ?? "");
    return onTokensPage({ done: saying(`${name} has ended.`, await receiptOf(options, exchange, seq)) });
  } catch (error) {
    if (!hasCode(error, "unknown_token")) throw error;
    return onTokensPage({ problem: "There is no such token any more." });
  }
}

function signedOut({ browser }: AccountOptions, exchange: Exchange, notice: SignedOutPage): Done {
  browser.forget(exchange);
  return { path: SIGNED_OUT_PATH, notice };
}

/** Anybody can be led here by a link, so the page says what is so. */
async function showSignedOut(options: AccountOptions, exchange: Exchange): Promise<FastifyReply> {
  const notice = options.notices.take<SignedOutPage>(exchange, SIGNED_OUT_PATH) ?? {};
  if ((await visitorOf(options, exchange)) !== undefined) return leadTo(exchange.reply, ACCOUNT_PATH);
  return send(exchange.reply, signedOutPage(notice));
}

/** The page that follows says what it means for the user; the header is for whoever is no person. */
async function revoke(
  options: AccountOptions,
  exchange: Exchange,
  visitor: Visitor,
  command: RevokeCommand,
): Promise<Receipt> {
  const { seq } = await options.revoker.revoke({ ...command, actor: visitor.accountId });
  return receiptOf(options, exchange, seq);
}

async function receiptOf({ receipts }: AccountOptions, { reply }: Exchange, seq: number): Promise<Receipt> {
  const receipt = await receipts.wait(seq, RECEIPT_WAIT_MS);
  reply.header(RECEIPT_HEADER, formatReceiptHeader(receipt));
  return receipt;
}

function fieldOf({ request }: Exchange, name: string): string | undefined {
  const value = (request.body as Record<string, unknown>)[name];
  return typeof value === "string" ? value : undefined;
}

/** Of boxes of one name, those that are ticked. */
function fieldsOf({ request }: Exchange, name: string): string[] {
  const value = (request.body as Record<string, unknown>)[name];
  return [value].flat().filter((text) => typeof text === "string");
}

function send(reply: FastifyReply, markup: string, status = 200): FastifyReply {
  return reply.code(status).headers(securityHeaders()).type("text/html; charset=utf-8").send(markup);
}
