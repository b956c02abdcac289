import type { Reason } from "@portcullis/protocol";
import { AuthorizationServer } from "./authorization-server.ts";
import { createAuthorizedFetch } from "./authorized-fetch.ts";
import { redeemCallback, takeCallback } from "./callback.ts";
import { type EndedSession, endedSessionOf } from "./ended-session.ts";
import { clientError } from "./errors.ts";
import { type ClientEvent, type Listener, Listeners } from "./events.ts";
import { type ClientOptions, resolveSettings, type Settings } from "./options.ts";
import { endingIn, Refresher } from "./refresh.ts";
import { type Session, SessionKeeper, type User } from "./session.ts";
import { grantOf, SessionEvents } from "./session-events.ts";
import { createSignInUrl, isSilent, type SignInOptions } from "./sign-in.ts";
import { type PasswordSignIn, type SignInStep, signInWithPassword } from "./sign-in-with-password.ts";
import { createSignOutUrl, revokeTokens } from "./sign-out.ts";
import { type TabMessage, Tabs } from "./tabs.ts";

export interface Client {
  /** Who is signed in, or undefined. */
  readonly user: User | undefined;
  /**
   * Call once when the page loads: finishes a sign-in that comes back, or takes up the session from before a
   * reload. Throws `sign_in_refused`, `sign_in_not_started`, `response_refused`, `issuer_unreachable`.
   */
  start(options?: StartOptions): Promise<StartResult>;
  /** Sends the page to the sign-in service. While a sign-out is leading the page away, it leads nowhere. */
  signIn(options?: SignInOptions): Promise<void>;
  /**
   * Signs in with a form of the app's own, without a page of the issuer: for an app of the operator's own that is set so. Gives what
   * to do next, step by step. Somebody who was signed in is signed out of the app by it, once it has succeeded.
   * Throws `sign_in_refused`, `response_refused`, `discovery_failed`, `issuer_unreachable`.
   */
  signInWithPassword(given: PasswordSignIn): Promise<SignInStep>;
  /**
   * Forgets the tokens in all tabs of this session, has the issuer revoke them, and leads on to its page, where the
   * user's session there ends too: at once, or if the user says so. Throws when the issuer could not be told.
   */
  signOut(): Promise<SignOutResult>;
  /** `fetch` with the access token, for `resourceServers` only; refreshes and retries as needed. */
  readonly fetch: typeof fetch;
  accessToken(): Promise<string>;
  subscribe(listener: Listener): () => void;
  /** Without a page (Node): where to send the user, and what to do with the address they come back to. */
  createSignInUrl(options?: SignInOptions): Promise<string>;
  completeSignIn(callbackUrl: string): Promise<StartResult>;
  close(): void;
}

export interface StartOptions {
  /**
   * Whether to find out from the issuer who is signed in there, when nobody is in this tab: a new tab, or one that was closed.
   * The page goes there and comes back, and the user is asked nothing. Not done after `signOut`, in whichever tab.
   */
  readonly askIssuer?: boolean;
}

export interface StartResult {
  readonly user: User | undefined;
  /** The page is on its way to the issuer: there is nothing to show any more. */
  readonly leaving?: true;
  /** Where `signIn` was called, when this page load finished a sign-in. */
  readonly returnTo?: string;
}

export interface SignOutResult {
  /** The page is on its way to the issuer, which leads it back when the session has ended: until then there is nothing to offer. */
  readonly leaving?: true;
}

/** A code in the page's address is taken out of it before this returns. */
export function createClient(options: ClientOptions): Client {
  const settings = resolveSettings(options);
  return new PortcullisClient(settings, takeCallback(settings.redirectUri, settings.environment.page));
}

class PortcullisClient implements Client {
  readonly fetch: typeof fetch;
  readonly #settings: Settings;
  readonly #server: AuthorizationServer;
  readonly #keeper: SessionKeeper;
  readonly #listeners = new Listeners();
  readonly #refresher: Refresher;
  readonly #tabs: Tabs;
  readonly #events: SessionEvents;
  #callback: string | undefined;
  #signingOut: Promise<SignOutResult> | undefined;

  constructor(settings: Settings, callback: string | undefined) {
    const { environment, prefix } = settings;
    this.#settings = settings;
    this.#callback = callback;
    this.#server = new AuthorizationServer(settings);
    this.#keeper = new SessionKeeper(prefix, environment);
    this.#tabs = new Tabs(environment.openChannel(prefix), (message) => this.#hear(message));
    this.#refresher = new Refresher(settings, this.#server, this.#keeper, {
      onRefreshed: (session) => this.#announceRefresh(session),
      onEnded: (_session, refused) => this.#end({ type: "session-ended", ...endingIn(refused) }),
    });
    this.#events = new SessionEvents({
      settings,
      server: this.#server,
      current: () => this.#keeper.current,
      refresh: (spent) => this.#refresher.refresh(spent),
      onEnded: (session, ended) => this.#hearFromIssuer(session, ended),
    });
    this.fetch = createAuthorizedFetch({
      fetch: environment.fetch,
      resourceServers: settings.resourceServers,
      freshSession: () => this.#freshSession(),
      refresh: (spent) => this.#refresher.refresh(spent),
      onKilled: (session, { reason = "revoked" }) => this.#forceLogout(session, { reason }),
    });
  }

  get user(): User | undefined {
    return this.#keeper.current?.user;
  }

  async start({ askIssuer = false }: StartOptions = {}): Promise<StartResult> {
    const callback = this.#callback;
    this.#callback = undefined;
    if (callback !== undefined) return this.completeSignIn(callback);
    this.#keeper.restore();
    this.#events.follow();
    if (this.user !== undefined || !askIssuer || this.#keeper.wasLeft) return { user: this.user };
    const { error } = await outcomeOf(this.signIn({ prompt: "none" }));
    // An issuer that is away is no reason to show nothing.
    return error === undefined ? { user: undefined, leaving: true } : { user: undefined };
  }

  async completeSignIn(callbackUrl: string): Promise<StartResult> {
    const { session, returnTo } = await redeemCallback(this.#settings, this.#server, new URL(callbackUrl));
    if (session !== undefined) this.#begin(session);
    return { user: this.user, ...(returnTo === undefined ? {} : { returnTo }) };
  }

  createSignInUrl(options?: SignInOptions): Promise<string> {
    return createSignInUrl(this.#settings, this.#server, options);
  }

  async signIn(options?: SignInOptions): Promise<void> {
    const page = this.#requirePage();
    // If it overtook a sign-out, the session would still be there: the user would be signed in again, and asked nothing.
    if (await this.#isLeaving()) return;
    page.navigate(await this.createSignInUrl(options), { replace: isSilent(options) });
  }

  signInWithPassword(given: PasswordSignIn): Promise<SignInStep> {
    const earlier = this.#keeper.current;
    const begin = (session: Session): User => {
      this.#begin(session);
      // What it leaves behind would stay a session of its own at the issuer, which the user sees and nobody uses.
      if (earlier !== undefined) void outcomeOf(revokeTokens(this.#server, earlier));
      return session.user;
    };
    return signInWithPassword({ settings: this.#settings, server: this.#server, begin }, given, earlier);
  }

  async signOut(): Promise<SignOutResult> {
    const session = this.#keeper.current;
    if (session === undefined) return this.#signingOut ?? {};
    // Forgotten first: whatever happens to the requests below, no call goes out with these tokens again.
    this.#tabs.tell({ type: "signed-out", sessionId: session.id, ...sidOf(session) });
    this.#leave({ fromOtherTab: false });
    this.#signingOut = this.#endAtIssuer(session).finally(() => {
      this.#signingOut = undefined;
    });
    return this.#signingOut;
  }

  /** Its tokens first: at the page that follows, the user may change their mind, or close it, and this app is out of it all the same. */
  async #endAtIssuer(session: Session): Promise<SignOutResult> {
    const revoked = await outcomeOf(revokeTokens(this.#server, session));
    const { page } = this.#settings.environment;
    const url = await createSignOutUrl(this.#settings, this.#server, session);
    if (url !== undefined && page !== undefined) {
      page.navigate(url);
      return { leaving: true };
    }
    if (revoked.error !== undefined) throw revoked.error;
    return {};
  }

  async #isLeaving(): Promise<boolean> {
    const outcome = await this.#signingOut?.catch((): SignOutResult => ({}));
    return outcome?.leaving === true;
  }

  async accessToken(): Promise<string> {
    return (await this.#freshSession()).accessToken!;
  }

  subscribe(listener: Listener): () => void {
    return this.#listeners.add(listener);
  }

  close(): void {
    this.#events.close();
    this.#tabs.close();
  }

  async #freshSession(): Promise<Session> {
    const session = this.#keeper.current;
    if (session === undefined) throw clientError("not_signed_in");
    const usableUntilMs = (session.accessTokenExpiresAtMs ?? 0) - this.#settings.refreshBeforeExpiryMs;
    if (session.accessToken !== undefined && this.#settings.environment.clock.wallMs() < usableUntilMs)
      return session;
    return this.#refresher.refresh(session);
  }

  #begin(session: Session): void {
    const { user } = this.#keeper.begin(session);
    this.#events.follow();
    this.#tabs.tell({ type: "signed-in" });
    this.#listeners.emit({ type: "signed-in", user });
  }

  #announceRefresh(session: Session): void {
    this.#events.follow();
    this.#tabs.tell({ type: "refreshed", session });
    this.#listeners.emit({ type: "refreshed" });
  }

  /** What ran out by itself is told as a refused refresh tells it: other tabs find out when they listen, or call. */
  #hearFromIssuer(session: Session, { reason, ...more }: EndedSession): void {
    const grant = grantOf(session);
    if (reason !== undefined) this.#forceLogout(session, { reason, ...more }, grant);
    else if (this.#keeper.current?.id === session.id) this.#end({ type: "session-ended" });
  }

  /** A call sent before a new sign-in may be refused after it: that ends nothing. */
  #forceLogout(session: Session, ended: Told, grant?: string): void {
    if (this.#keeper.current?.id !== session.id) return;
    this.#tabs.tell({
      type: "forced-logout",
      sessionId: session.id,
      subject: session.user.sub,
      ...ended,
      ...(grant === undefined ? {} : { grant }),
    });
    this.#end({ type: "forced-logout", ...ended, fromOtherTab: false });
  }

  #end(event: ClientEvent): void {
    this.#keeper.clear();
    this.#events.follow();
    this.#listeners.emit(event);
  }

  #leave({ fromOtherTab }: { readonly fromOtherTab: boolean }): void {
    this.#keeper.leave();
    this.#events.follow();
    this.#listeners.emit({ type: "signed-out", fromOtherTab });
  }

  #hear(message: TabMessage): void {
    const current = this.#keeper.current;
    if (current !== undefined) this.#hearOf(current, message);
    else if (message.type === "signed-in") this.#listeners.emit({ type: "signed-in-elsewhere" });
  }

  #hearOf(current: Session, message: TabMessage): void {
    if (message.type === "refreshed") this.#adopt(current, message.session);
    else if (message.type === "forced-logout") this.#hearForcedLogout(current, message);
    else if (message.type === "signed-out" && isOver(current, message)) this.#leave({ fromOtherTab: true });
  }

  #hearForcedLogout(current: Session, message: MessageOf<"forced-logout">): void {
    const { sessionId, subject, reason, grant } = message;
    const isMeant = sessionId === current.id || (grant !== undefined && grant === grantOf(current));
    if (isMeant) this.#end({ type: "forced-logout", ...endedSessionOf(message), reason, fromOtherTab: true });
    else if (subject === current.user.sub) this.#ask(current);
  }

  #adopt(current: Session, offered: Session): void {
    if (offered.id !== current.id || offered.generation <= current.generation) return;
    this.#keeper.set(offered);
    this.#events.follow();
    this.#listeners.emit({ type: "refreshed" });
  }

  /**
   * Another sign-in of the same user was ended. Whether ours was ended with it (a ban) or not (one device)
   * only the issuer knows; a refusal is told to the listeners on its way.
   */
  #ask(current: Session): void {
    this.#refresher.refresh(current).catch(() => {});
  }

  #requirePage() {
    const { page } = this.#settings.environment;
    if (page === undefined) throw clientError("no_page");
    return page;
  }
}

/** The page at the issuer ends more than this does: it is tried although this failed. */
async function outcomeOf(work: Promise<void>): Promise<{ readonly error?: unknown }> {
  return work.then(
    () => ({}),
    (error: unknown) => ({ error }),
  );
}

/** Of an ending that somebody has made. */
type Told = EndedSession & { readonly reason: Reason };

type MessageOf<Type extends TabMessage["type"]> = Extract<TabMessage, { type: Type }>;

const sidOf = ({ user: { sid } }: Session) => (typeof sid === "string" ? { sid } : {});

/** Whether a sign-out in another tab was of the same tokens, or of others below the same session at the issuer. */
const isOver = (current: Session, { sessionId, sid }: MessageOf<"signed-out">): boolean =>
  sessionId === current.id || (sid !== undefined && sid === current.user.sid);
