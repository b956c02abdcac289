/**
 * What a POST leaves for the page that it leads to. Every POST is answered with a redirect, so that a reload sends
 * nothing a second time; what there is to say travels in a signed cookie, and is said once.
 */
import type { FastifyReply, FastifyRequest } from "fastify";

const NAME = "_notice";
/** As long as a slow page may take to load. */
const LIFE_MS = 60_000;

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

interface CookieOptions {
  readonly signed: true;
  readonly httpOnly: true;
  readonly sameSite: "lax";
  readonly secure: boolean;
  readonly path: string;
  readonly maxAge?: number;
  readonly overwrite: true;
}

/** What reads and sets cookies, signed with the server's keys. */
export type CookiesOf = (exchange: Exchange) => {
  get(name: string, options: { readonly signed: true }): string | undefined;
  set(name: string, value: string | null, options: CookieOptions): unknown;
};

export class Notices {
  readonly #cookiesOf: CookiesOf;
  readonly #secure: boolean;

  constructor({ cookiesOf, issuer }: { readonly cookiesOf: CookiesOf; readonly issuer: string }) {
    this.#cookiesOf = cookiesOf;
    this.#secure = issuer.startsWith("https:");
  }

  /** For the page at this path: a notice of one page is not taken by another that happens to load first. */
  leave(exchange: Exchange, path: string, notice: object): void {
    const value = Buffer.from(JSON.stringify(notice)).toString("base64url");
    this.#cookiesOf(exchange).set(NAME, value, { ...this.#optionsFor(path), maxAge: LIFE_MS });
  }

  /** Signed by us, so that its shape is what `leave` was given for this path. */
  take<Notice extends object>(exchange: Exchange, path: string): Notice | undefined {
    const cookies = this.#cookiesOf(exchange);
    const value = cookies.get(NAME, { signed: true });
    if (value === undefined) return undefined;
    cookies.set(NAME, null, this.#optionsFor(path));
    return JSON.parse(Buffer.from(value, "base64url").toString("utf8")) as Notice;
  }

  #optionsFor(path: string): CookieOptions {
    return {
      signed: true,
      httpOnly: true,
      sameSite: "lax",
      secure: this.#secure,
      path,
      overwrite: true,
    };
  }
}
