import { formatReceiptHeader, RECEIPT_HEADER, type Receipt } from "@portcullis/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Provider } from "oidc-provider";
import { type Endings, type GrantStore, rememberReceipt, type SessionStore } from "../oidc/index.ts";
import { pagesError } from "../pages/errors.ts";
import type { Notices } from "../pages/notices.ts";
import { readForms } from "../pages/read-forms.ts";
import { isSameOrigin } from "../pages/same-origin.ts";
import { securityHeaders } from "../pages/security-headers.ts";
import {
  confirmSignOutPage,
  nothingEndedPage,
  notSignedInPage,
  signedOutPage,
  tellingAppsPage,
} from "../pages/sign-out-pages.ts";
import { formTargetsOf, leadOnPage, opensAppOnDevice } from "../pages/way-to-app.ts";
import { ROUTES } from "../paths.ts";
import type { Receipts } from "../revocations/index.ts";
import type { FormTokens } from "../secrets/form-tokens.ts";
import type { DeviceCookie } from "../sign-in/device-cookie.ts";
import { type SignInForm, signInThrough } from "../sign-in/sign-in-form.ts";
import type { SignIn } from "../sign-in/sign-in-machine.ts";
import {
  APPS_PATH,
  appsToTell,
  frameOf,
  NOBODY_TOLD,
  pathThroughApps,
  type Telling,
  type Told,
} from "./front-channel.ts";
import {
  fieldsOf,
  openRequest,
  type RequestReader,
  readSignOutRequest,
  type SignOutRequest,
  sealRequest,
} from "./sign-out-request.ts";

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

interface SignedIn {
  readonly uid: string;
  readonly accountId: string;
}

export interface SignOutOptions extends RequestReader {
  readonly provider: Provider;
  readonly sessions: SessionStore;
  readonly grants: GrantStore;
  readonly endings: Endings;
  readonly forms: FormTokens;
  readonly receipts: Receipts;
  readonly notices: Notices;
  /** Newest seq of the log: a receipt for it covers whatever ended before. */
  readonly head: () => number;
  readonly signIn: SignIn;
  readonly deviceCookie: DeviceCookie;
  readonly clientAddressOf: (request: FastifyRequest) => string;
  readonly browser: {
    find(exchange: Exchange): Promise<SignedIn | undefined>;
    forget(exchange: Exchange): void;
  };
}

const CONFIRM_PATH = `${ROUTES.end_session}/confirm`;
const SIGN_IN_PATH = `${ROUTES.end_session}/sign-in`;
const SUCCESS_PATH = `${ROUTES.end_session}/success`;

/** How long an answer waits, so that the page that follows can say what is enforced. */
const RECEIPT_WAIT_MS = 2000;

export function signOutRoutes(options: SignOutOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    readForms(app);
    app.get(ROUTES.end_session, (request, reply) => ask(options, { request, reply }));
    app.post(CONFIRM_PATH, (request, reply) => confirm(options, { request, reply }));
    app.post(SIGN_IN_PATH, (request, reply) => signInAndEnd(options, { request, reply }));
    app.get(SIGN_IN_PATH, (request, reply) => offerAgain(options, { request, reply }));
    app.get(APPS_PATH, (request, reply) => tellApps(options, { request, reply }));
    // Where an error of the form has left the browser: asked for again, it asks anew.
    app.get(CONFIRM_PATH, (_request, reply) => leadTo(reply, ROUTES.end_session));
  };
}

async function ask(options: SignOutOptions, exchange: Exchange): Promise<FastifyReply> {
  const request = await readSignOutRequest(options, exchange.request.query);
  const here = await options.browser.find(exchange);
  const { subject = here?.accountId } = request;
  if (here !== undefined && here.accountId === subject) {
    const ofHere = { ...request, session: here.uid, subject };
    return (await needsNoQuestion(options, ofHere))
      ? endAll(options, exchange, ofHere)
      : askHere(options, exchange, ofHere);
  }
  if (subject === undefined) return send(exchange, request, notSignedInPage(request));
  if (!(await mayLive(options, request))) return leadOnAsDone(exchange, request);
  return offerSignIn(options, exchange, request);
}

/**
 * With an ID token that we signed for this very session of this very browser: an app of the operator's own, or any app while
 * no app has anything below the session any more, as when its tokens have ended. Another site has no such token, and a token
 * without the browser's cookie is no proof of anything: they lie in logs. Whoever gets a grant after this look loses it with
 * the session, as after a yes.
 */
async function needsNoQuestion(
  { grants }: SignOutOptions,
  { firstParty, hinted, session }: SignOutRequest,
): Promise<boolean> {
  if (session === undefined || hinted !== session) return false;
  return firstParty === true || !(await grants.isAnyBelow(session));
}

async function endAll(
  options: SignOutOptions,
  exchange: Exchange,
  request: SignOutRequest,
): Promise<FastifyReply> {
  const ended = await endSessions(options, request);
  return answerEnded(options, exchange, { ...ended, request });
}

async function askHere(
  options: SignOutOptions,
  exchange: Exchange,
  request: SignOutRequest,
): Promise<FastifyReply> {
  const { hinted, session } = request;
  const sealed = sealRequest(options.forms, "confirm", request);
  return send(
    exchange,
    request,
    confirmSignOutPage({
      ...sealed,
      clientName: request.clientName,
      action: CONFIRM_PATH,
      endsAnother: hinted !== undefined && hinted !== session && (await mayLive(options, request)),
    }),
  );
}

const namesOf = ({ clientName, redirectTo }: SignOutRequest) => ({ clientName, redirectTo });

/** Whether the session that the app means goes on. One that it does not name may. */
async function mayLive({ sessions }: SignOutOptions, { hinted }: SignOutRequest): Promise<boolean> {
  return hinted === undefined || (await sessions.findLive(hinted)) !== undefined;
}

const leadTo = (reply: FastifyReply, location: string): FastifyReply =>
  reply.headers(securityHeaders({ mayBePopup: true })).redirect(location, 303);

function leadOnAsDone(exchange: Exchange, request: SignOutRequest): FastifyReply {
  const { redirectTo } = request;
  if (redirectTo === undefined) return send(exchange, request, signedOutPage({}));
  return leadTo(exchange.reply, redirectTo);
}

/** By signing in on the page itself: that ends the session there, and begins none here. */
function offerSignIn(
  options: SignOutOptions,
  exchange: Exchange,
  request: SignOutRequest,
  form: SignInForm = {},
): FastifyReply {
  const sealed = request.hinted === undefined ? undefined : sealRequest(options.forms, "sign in", request);
  if (form.retryAfterSeconds !== undefined) exchange.reply.header("retry-after", form.retryAfterSeconds);
  const content = { ...namesOf(request), action: SIGN_IN_PATH, sealed, form };
  return send(exchange, request, nothingEndedPage(content), form.status);
}

async function confirm(options: SignOutOptions, exchange: Exchange): Promise<FastifyReply> {
  const { body, headers } = exchange.request;
  if (!isSameOrigin(headers, options.issuer)) throw pagesError("form_not_ours");
  const request = openRequest(options.forms, "confirm", body) ?? (await requestOfLibrary(options, exchange));
  if (request === undefined) throw pagesError("form_not_ours");
  const endsAll = (body as { logout?: unknown }).logout !== undefined;
  const { seq, told } = endsAll ? await endSessions(options, request) : await endGrant(options, request);
  return answerEnded(options, exchange, {
    seq,
    told,
    request,
    successPath: endsAll ? SUCCESS_PATH : successOf(request),
  });
}

const successOf = ({ clientId }: SignOutRequest): string =>
  clientId === undefined ? SUCCESS_PATH : `${SUCCESS_PATH}?${new URLSearchParams({ client_id: clientId })}`;

/** The library's own form, by which another user who signs in here takes the place of the first. */
async function requestOfLibrary(
  { browser, sessions, forms }: SignOutOptions,
  exchange: Exchange,
): Promise<SignOutRequest | undefined> {
  const { xsrf } = (exchange.request.body ?? {}) as { xsrf?: unknown };
  const here = await browser.find(exchange);
  const payload = here && (await sessions.findByUid(here.uid));
  const state = payload?.state as { secret?: string; postLogoutRedirectUri?: string } | undefined;
  if (here === undefined || state?.secret === undefined || typeof xsrf !== "string") return undefined;
  // Compared by their keyed hashes: in a time that says nothing of where they differ.
  if (!forms.isTokenFor(state.secret, forms.tokenFor(xsrf))) return undefined;
  return {
    session: here.uid,
    subject: here.accountId,
    ...(state.postLogoutRedirectUri === undefined ? {} : { redirectTo: state.postLogoutRedirectUri }),
  };
}

/** The browser's, and the one that the app means. What has ended already is no failure: the answer is the same. */
async function endSessions(options: SignOutOptions, request: SignOutRequest): Promise<EndedAt> {
  const { sessions, grants, findClient, endings, head } = options;
  const inSessions = { clientsIn: (uid: string) => grants.clientsIn(uid), findClient };
  let told = NOBODY_TOLD;
  let last: number | undefined;
  for (const uid of new Set([request.session, request.hinted])) {
    const live = uid === undefined ? undefined : await sessions.findLive(uid);
    if (live === undefined || live.account_id !== request.subject) continue;
    told = await appsToTell(inSessions, live.uid, told);
    last = (await endings.endSession({ uid: live.uid, accountId: live.account_id ?? undefined })) ?? last;
  }
  return { seq: last ?? head(), told };
}

interface EndedAt {
  readonly seq: number;
  /** By a page of theirs. */
  readonly told: Told;
}

/** The app that asks knows of it. */
async function endGrant(options: SignOutOptions, { session, clientId }: SignOutRequest): Promise<EndedAt> {
  const { grants, endings, head } = options;
  if (session === undefined || clientId === undefined) return { seq: head(), told: NOBODY_TOLD };
  const grantId = await grants.idFor(session, clientId);
  const seq = grantId === undefined ? undefined : await endings.endGrant(grantId, "logged_out");
  return { seq: seq ?? head(), told: NOBODY_TOLD };
}

async function signInAndEnd(options: SignOutOptions, exchange: Exchange): Promise<FastifyReply> {
  const { body, headers } = exchange.request;
  const request = openRequest(options.forms, "sign in", body);
  if (request === undefined || !isSameOrigin(headers, options.issuer)) throw pagesError("form_not_ours");
  const { signedIn, ...again } = await signInThrough(options, exchange, { place: placeOf(request) });
  if (signedIn === undefined || signedIn.user.id !== request.subject) {
    options.notices.leave(exchange, SIGN_IN_PATH, signedIn === undefined ? again : OTHER_ACCOUNT);
    return leadTo(exchange.reply, `${SIGN_IN_PATH}?${fieldsOf(body)}`);
  }
  const ended = await endSessions(options, request);
  return answerEnded(options, exchange, { ...ended, request });
}

/** There is no cookie to go by: the request was sealed for this sign-out, and a ticket is good in it alone. */
const placeOf = ({ session, hinted, subject }: SignOutRequest): string =>
  `sign out ${JSON.stringify([session, hinted, subject])}`;

const OTHER_ACCOUNT: SignInForm = {
  status: 422,
  username: "",
  problem: "This is not the account that the app is signed in to. You were not signed out.",
};

/** After a sign-in that failed, under the request of its form, so that a reload sends no password again. */
async function offerAgain(options: SignOutOptions, exchange: Exchange): Promise<FastifyReply> {
  const request = openRequest(options.forms, "sign in", exchange.request.query);
  if (request === undefined) return leadTo(exchange.reply, ROUTES.end_session);
  const form = options.notices.take<SignInForm>(exchange, SIGN_IN_PATH);
  return offerSignIn(options, exchange, request, form);
}

interface Ended extends EndedAt {
  readonly request: SignOutRequest;
  /** Of the page that says what is done, if no app is to be led back to. */
  readonly successPath?: string;
}

async function answerEnded(
  options: SignOutOptions,
  exchange: Exchange,
  { seq, told, request, successPath = SUCCESS_PATH }: Ended,
): Promise<FastifyReply> {
  const receipt = await options.receipts.wait(seq, RECEIPT_WAIT_MS);
  const { reply } = exchange;
  reply.header(RECEIPT_HEADER, formatReceiptHeader(receipt));
  if ((await options.browser.find(exchange)) === undefined) options.browser.forget(exchange);
  keepReceipt(options, exchange, receipt);
  if (told.apps.length > 0) {
    const { apps, untold } = told;
    const telling = { apps, untold, leadTo: request.redirectTo ?? successPath };
    return leadTo(reply, pathThroughApps(options.forms, telling));
  }
  return request.redirectTo === undefined
    ? leadTo(reply, successPath)
    : leadToApp(options, exchange, request);
}

/** The page that loads those of the apps, and leads on. */
async function tellApps(options: SignOutOptions, { request, reply }: Exchange): Promise<FastifyReply> {
  const telling = openRequest<Telling>(options.forms, "tell apps", request.query);
  if (telling === undefined) return leadTo(reply, ROUTES.end_session);
  const frames: string[] = [];
  for (const app of telling.apps) {
    const frame = await frameOf(options, app);
    if (frame !== undefined) frames.push(frame);
  }
  const rules = { scripts: "'self'", mayBePopup: true, frames: frames.map(originOf) } as const;
  return reply
    .headers(securityHeaders(rules))
    .type("text/html; charset=utf-8")
    .send(tellingAppsPage({ frames, untold: telling.untold, leadTo: telling.leadTo }));
}

const originOf = (address: string): string => new URL(address).origin;

/** A link of the app's is answered by a redirect. The answer to a form of ours may be followed by redirects of any kind. */
function leadToApp({ issuer }: SignOutOptions, exchange: Exchange, request: SignOutRequest): FastifyReply {
  const { redirectTo: uri = SUCCESS_PATH, isNativeApp = false } = request;
  // The sign-in that goes on after another user's session has ended here.
  const isOurs = uri.startsWith(`${issuer}${ROUTES.authorization}/`);
  const isForm = exchange.request.method === "POST";
  return isForm && !isOurs && !opensAppOnDevice({ uri, isNativeApp })
    ? send(exchange, {}, leadOnPage(uri))
    : leadTo(exchange.reply, uri);
}

/** For the page that follows. */
function keepReceipt({ provider, issuer }: SignOutOptions, exchange: Exchange, receipt: Receipt): void {
  const { cookies } = provider.createContext(exchange.request.raw, exchange.reply.raw);
  rememberReceipt(cookies, receipt, { secure: issuer.startsWith("https:"), path: SUCCESS_PATH });
}

function send(
  { reply }: Exchange,
  { redirectTo, isNativeApp }: SignOutRequest,
  markup: string,
  status = 200,
): FastifyReply {
  const formTargets =
    redirectTo === undefined ? [] : formTargetsOf({ uri: redirectTo, isNativeApp: isNativeApp === true });
  return reply
    .code(status)
    .headers(securityHeaders({ formTargets, mayBePopup: true }))
    .type("text/html; charset=utf-8")
    .send(markup);
}
