/** What every page and act of the account has: who is there, what was sent, and where it leads. */
import { type Clock, formatReceiptHeader, RECEIPT_HEADER, type Receipt } from "@portcullis/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Apis } from "../apis/apis.ts";
import type { Clients } from "../apps/clients.ts";
import type { AppAccess, Endings, SessionStore } from "../oidc/index.ts";
import { pagesError } from "../pages/errors.ts";
import type { Notices } from "../pages/notices.ts";
import { delayText } from "../pages/receipt-text.ts";
import { isSameOrigin } from "../pages/same-origin.ts";
import { securityHeaders } from "../pages/security-headers.ts";
import type { SignedOutPage } from "../pages/sign-out-pages.ts";
import type { TokenForm } from "../pages/tokens-page.ts";
import type { User, Users } from "../people/users.ts";
import type { Receipts, RevokeCommand, Revoker } from "../revocations/index.ts";
import type { Sealed } from "../secrets/seal.ts";
import type { Ended } from "../sessions/end-sessions.ts";
import type { NamedSession } from "../sessions/name-device.ts";
import type { ChoicesFor } from "../sign-in/choose-session.ts";
import type { DeviceCookie } from "../sign-in/device-cookie.ts";
import type { OwnPassword } from "../sign-in/own-password.ts";
import type { SignIn } from "../sign-in/sign-in-machine.ts";
import type { BrowserSessions, LiveSession } from "./browser-session.ts";
import type { OneTimeFormTokens } from "./form-tokens.ts";
import type { DeleteAccount, Refused } from "./own-account.ts";
import type { OwnTokens } from "./own-tokens.ts";
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
  /**
   * Where to lead whoever ends this session: by the pages of the apps in it (OpenID Connect Front-Channel Logout 1.0) to
   * `SIGNED_OUT_PATH`. To be asked while it goes on. Only this browser has cookies of its apps: those of other devices are told by none.
   */
  readonly wayOutOf: (sid: string) => Promise<string>;
  /** Gives whether there is such a session of the user. */
  readonly nameDevice: (session: NamedSession, name: string | null) => Promise<boolean>;
}

export interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export interface Visitor extends LiveSession {
  readonly user: User;
}

/** How long an action waits, so that the page after it can say what is enforced. */
const RECEIPT_WAIT_MS = 2000;

export const ACCOUNT_PATH = "/account";
export const SIGN_IN_PATH = `${ACCOUNT_PATH}/sign-in`;
export const SIGNED_OUT_PATH = `${ACCOUNT_PATH}/signed-out`;

/** What the account page says of the form that was sent. */
export interface Outcome {
  readonly done?: string;
  readonly problem?: string;
}

/** Where to look, and what to say there. */
export interface Done {
  readonly path: string;
  /** Where the browser goes first, if it is led on to `path` from there. */
  readonly by?: string | undefined;
  readonly notice: Outcome | SignedOutPage | Refused | TokensNotice;
}

/** What the page of tokens says of the form that was sent. */
export interface TokensNotice extends TokenForm {
  readonly done?: string;
  /** Of one that was made: its text travels through the browser, which must not keep it for others to read. */
  readonly made?: { readonly name: string; readonly sealed: string };
}

export type Action = (options: AccountOptions, exchange: Exchange, visitor: Visitor) => Promise<Done>;

export const onAccountPage = (notice: Outcome): Done => ({ path: ACCOUNT_PATH, notice });

export const leadTo = (reply: FastifyReply, path: string): FastifyReply =>
  reply.headers(securityHeaders()).redirect(path, 303);

export async function visitorOf(options: AccountOptions, exchange: Exchange): Promise<Visitor | undefined> {
  const signedIn = await options.browser.find(exchange);
  const user = signedIn && (await options.users.findActive(signedIn.accountId));
  return signedIn && user && { ...signedIn, user };
}

/** A form token alone would let through what a browser says comes from another site. */
export function assertFromOurPage({ issuer }: AccountOptions, { request }: Exchange): void {
  if (!isSameOrigin(request.headers, issuer)) throw pagesError("form_not_ours");
}

export const saying = (text: string, receipt: Receipt): string =>
  [text, delayText(receipt)].join(" ").trimEnd();

/** `by`: from `wayOutOf`, asked before the session ended. */
export function signedOut(
  { browser }: AccountOptions,
  exchange: Exchange,
  { by, ...notice }: SignedOutPage & { readonly by: string },
): Done {
  browser.forget(exchange);
  return { path: SIGNED_OUT_PATH, by, notice };
}

/** The page that follows says what it means for the user; the header is for whoever is no person. */
export async function revoke(
  options: AccountOptions,
  exchange: Exchange,
  visitor: Visitor,
  command: RevokeCommand,
): Promise<Receipt> {
  const { seq } = await options.revoker.revoke({ ...command, actor: visitor.accountId });
  return receiptOf(options, exchange, seq);
}

export async function receiptOf(
  { receipts }: AccountOptions,
  { reply }: Exchange,
  seq: number,
): Promise<Receipt> {
  const receipt = await receipts.wait(seq, RECEIPT_WAIT_MS);
  reply.header(RECEIPT_HEADER, formatReceiptHeader(receipt));
  return receipt;
}

export function fieldOf({ request }: Exchange, name: string): string | undefined {
  const value = (request.body as Record<string, unknown>)[name];
  return typeof value === "string" ? value : undefined;
}

/** Of boxes of one name, those that are ticked. */
export function fieldsOf({ request }: Exchange, name: string): string[] {
  const value = (request.body as Record<string, unknown>)[name];
  return [value].flat().filter((text) => typeof text === "string");
}

export function send(reply: FastifyReply, markup: string, status = 200): FastifyReply {
  return reply.code(status).headers(securityHeaders()).type("text/html; charset=utf-8").send(markup);
}
