/**
 * What a POST leaves for the page that it leads to. Every POST is answered with a redirect, so that a reload sends
 * nothing a second time; what there is to say travels in a signed cookie, and is said once.
 */
import type { Clock } from "@portcullis/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";

const NAME = "_notice";
/** As long as a slow page may take to load. */
const LIFE_MS = 60_000;
/** Another server may take what this one left. */
const SKEW_MS = 5_000;

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

export interface NoticesOptions {
  readonly cookiesOf: CookiesOf;
  readonly issuer: string;
  readonly clock: Pick<Clock, "wallMs">;
}

interface Left {
  readonly path: string;
  /** Wall time, milliseconds. */
  readonly until: number;
  readonly notice: object;
}

export class Notices {
  readonly #cookiesOf: CookiesOf;
  readonly #secure: boolean;
  readonly #clock: Pick<Clock, "wallMs">;

  constructor({ cookiesOf, issuer, clock }: NoticesOptions) {
    this.#cookiesOf = cookiesOf;
    this.#clock = clock;
    this.#secure = issuer.startsWith("https:");
  }

  /** For the page at this path: a notice of one page is not taken by another that happens to load first. */
  leave(exchange: Exchange, path: string, notice: object): void {
    const left: Left = { path, until: this.#clock.wallMs() + LIFE_MS, notice };
    const value = Buffer.from(JSON.stringify(left)).toString("base64url");
    this.#cookiesOf(exchange).set(NAME, value, { ...this.#optionsFor(path), maxAge: LIFE_MS });
  }

  /**
   * Signed by us for this path and minute: whoever can plant a cookie must not have a page say what was said on another,
   * or long ago.
   */
  take<Notice extends object>(exchange: Exchange, path: string): Notice | undefined {
    const cookies = this.#cookiesOf(exchange);
    const value = cookies.get(NAME, { signed: true });
    if (value === undefined) return undefined;
    cookies.set(NAME, null, this.#optionsFor(path));
    const left = JSON.parse(Buffer.from(value, "base64url").toString("utf8")) as Left;
    return left.path === path && this.#isStanding(left) ? (left.notice as Notice) : undefined;
  }

  /** Nor one of a clock that was far ahead: a minute from now is the latest that there can be. */
  #isStanding({ until }: Left): boolean {
    const leftMs = until - this.#clock.wallMs();
    return leftMs > -SKEW_MS && leftMs <= LIFE_MS + SKEW_MS;
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
