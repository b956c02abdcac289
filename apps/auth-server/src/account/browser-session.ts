/** The session that a browser's cookie leads to, for pages outside of the library's own flows. */
import type { Clock } from "@portcullis/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Provider } from "oidc-provider";
import type { SessionLifetimes, SessionPayload, SessionStore } from "../oidc/index.ts";
import type { Replacement } from "../sessions/session-limit.ts";
import type { SignedIn } from "../sign-in/attempt.ts";
import { ONE_FACTOR } from "../sign-in/authentication-context.ts";
import { wholeSeconds } from "../storage/stored-time.ts";

export interface LiveSession {
  readonly uid: string;
  readonly accountId: string;
}

export interface BrowserSessionOptions {
  readonly provider: Provider;
  readonly sessions: SessionStore;
  readonly clock: Clock;
  readonly lifetimes: SessionLifetimes;
  readonly clientAddressOf: (request: FastifyRequest) => string;
  /** A session's public name, the same for the same text and foreseen by nobody else. */
  readonly uidOf: (text: string) => string;
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export class BrowserSessions {
  readonly #provider: Provider;
  readonly #sessions: SessionStore;
  readonly #clock: Clock;
  readonly #lifetimes: SessionLifetimes;
  readonly #clientAddressOf: (request: FastifyRequest) => string;
  readonly #uidOf: (text: string) => string;

  constructor({ provider, sessions, clock, lifetimes, clientAddressOf, uidOf }: BrowserSessionOptions) {
    this.#provider = provider;
    this.#sessions = sessions;
    this.#clock = clock;
    this.#lifetimes = lifetimes;
    this.#clientAddressOf = clientAddressOf;
    this.#uidOf = uidOf;
  }

  async find({ request, reply }: Exchange): Promise<LiveSession | undefined> {
    const id = this.#cookies(request, reply).get(this.#cookieName, { signed: true });
    const payload = id === undefined ? undefined : await this.#sessions.find(id);
    if (payload?.accountId === undefined) return undefined;
    return { uid: payload.uid, accountId: payload.accountId };
  }

  /** What took the place of the session that the browser had. */
  async replacement({ request, reply }: Exchange): Promise<Replacement | undefined> {
    const id = this.#cookies(request, reply).get(this.#cookieName, { signed: true });
    return id === undefined ? undefined : this.#sessions.replacementOf(id);
  }

  /**
   * Throws `session_limit_reached`. Always under a new id in a new session, so that nothing that was in the browser before leads into it (fixation): new
   * for this form and account, so that the form sent twice leads into one. Gives the session's `uid`; undefined when the
   * user may not sign in any more, and then the browser keeps what it had.
   */
  async begin(
    exchange: Exchange,
    { form, signedIn, takesPlaceOf }: { form: string; signedIn: SignedIn; takesPlaceOf: string | undefined },
  ): Promise<string | undefined> {
    const uid = this.#uidOf(`session of\n${form}\n${signedIn.user.id}`);
    // The form was left open, and what it led into has ended since: then another.
    const opening = { signedIn, takesPlaceOf };
    return (
      (await this.#open(exchange, { ...opening, uid })) ??
      this.#open(exchange, { ...opening, uid: undefined })
    );
  }

  async #open(
    { request, reply }: Exchange,
    {
      signedIn: { user, amr, passedAt, ends, passwordMark },
      takesPlaceOf,
      uid,
    }: { signedIn: SignedIn; takesPlaceOf: string | undefined; uid: string | undefined },
  ): Promise<string | undefined> {
    const { instantiate } = this.#provider.Session as unknown as SessionClass;
    const session = instantiate.call(this.#provider.Session, uid === undefined ? {} : { uid });
    session.loginAccount({ accountId: user.id, loginTs: passedAt, amr: [...amr], acr: ONE_FACTOR });
    const ttlSeconds = this.#lifetimes.ofSession();
    session.exp = wholeSeconds(this.#clock) + ttlSeconds;
    const { payload } = await session.getValueAndPayload();
    const isOpen = await this.#sessions.save({
      id: session.jti,
      payload,
      ttlSeconds,
      userAgent: request.headers["user-agent"],
      address: this.#clientAddressOf(request),
      takesPlaceOf,
      ends,
      factorsPassed: true,
      passwordMark,
    });
    if (!isOpen) return undefined;
    this.#setCookie({ request, reply }, session.jti, new Date(session.exp * 1000));
    return session.uid;
  }

  forget(exchange: Exchange): void {
    this.#setCookie(exchange, null, new Date(0));
  }

  #setCookie({ request, reply }: Exchange, value: string | null, expires: Date): void {
    const secure = this.#provider.issuer.startsWith("https:");
    this.#cookies(request, reply).set(this.#cookieName, value, {
      signed: true,
      httpOnly: true,
      sameSite: "lax",
      secure,
      path: "/",
      expires,
      overwrite: true,
    });
  }

  get #cookieName(): string {
    return this.#provider.cookieName("session");
  }

  #cookies(request: FastifyRequest, reply: FastifyReply) {
    return this.#provider.createContext(request.raw, reply.raw).cookies;
  }
}

/** What the library's declarations leave out of its Session. */
interface SessionClass {
  instantiate(payload: object): NewSession;
}

interface NewSession {
  uid: string;
  jti: string;
  exp: number;
  loginAccount(details: { accountId: string; loginTs: number; amr: string[]; acr: string }): void;
  getValueAndPayload(): Promise<{ payload: SessionPayload }>;
}
