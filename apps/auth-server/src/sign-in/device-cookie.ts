/** The cookie by which a browser is known again: tokens of the last users who signed in there, newest first. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { PLACE_LIFE_SECONDS } from "../people/known-places.ts";

const NAME = "_device";
/** A family shares a browser; more are forgotten, oldest first. */
const MAX_TOKENS = 4;
const TOKEN = /^[\w-]{22}$/;

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

interface CookieOptions {
  readonly signed: true;
  readonly httpOnly: true;
  readonly sameSite: "strict";
  readonly secure: boolean;
  readonly path: "/";
  readonly maxAge: number;
}

/** What reads and sets cookies, signed with the server's keys. */
export type CookiesOf = (exchange: Exchange) => {
  get(name: string, options: { readonly signed: true }): string | undefined;
  set(name: string, value: string, options: CookieOptions): unknown;
};

export class DeviceCookie {
  readonly #cookiesOf: CookiesOf;
  readonly #secure: boolean;

  constructor({ cookiesOf, issuer }: { readonly cookiesOf: CookiesOf; readonly issuer: string }) {
    this.#cookiesOf = cookiesOf;
    this.#secure = issuer.startsWith("https:");
  }

  tokensIn(exchange: Exchange): string[] {
    return deviceTokensIn(this.#cookiesOf(exchange).get(NAME, { signed: true }));
  }

  /** The user's token goes first, and stays for as long as the place is known. */
  remember(exchange: Exchange, token: string): void {
    this.#cookiesOf(exchange).set(NAME, deviceValueOf(token, this.tokensIn(exchange)), {
      signed: true,
      httpOnly: true,
      // It is read where our own forms are sent to, and nowhere else.
      sameSite: "strict",
      secure: this.#secure,
      path: "/",
      maxAge: PLACE_LIFE_SECONDS * 1000,
    });
  }
}

/** Tokens in the value that a device keeps, in a cookie or by itself. What is none of ours is left out. */
export const deviceTokensIn = (value = ""): string[] =>
  value
    .split(".")
    .filter((token) => TOKEN.test(token))
    .slice(0, MAX_TOKENS);

/** The value that the device keeps from now on. */
export const deviceValueOf = (token: string, known: readonly string[]): string =>
  [token, ...known.filter((other) => other !== token)].slice(0, MAX_TOKENS).join(".");
