/** Ties the account page's sign-in form to the browser that it was shown to, before there is a session. */
import { encodeBase64url } from "@portcullis/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Provider } from "oidc-provider";
import type { FormTokens } from "../secrets/form-tokens.ts";
import type { RandomBytes } from "../secrets/identifiers.ts";

const NAME = "_account_form";

export class SignInCookie {
  readonly #provider: Provider;
  readonly #forms: FormTokens;
  readonly #randomBytes: RandomBytes;

  constructor(options: { provider: Provider; forms: FormTokens; randomBytes: RandomBytes }) {
    this.#provider = options.provider;
    this.#forms = options.forms;
    this.#randomBytes = options.randomBytes;
  }

  /** Gives the token for the form. */
  set(request: FastifyRequest, reply: FastifyReply): string {
    const value = encodeBase64url(this.#randomBytes(16));
    const secure = this.#provider.issuer.startsWith("https:");
    const options = { signed: true, httpOnly: true, sameSite: "strict", path: "/account", secure } as const;
    this.#provider.createContext(request.raw, reply.raw).cookies.set(NAME, value, options);
    return this.#forms.tokenFor(purposeOf(value));
  }

  matches(request: FastifyRequest, reply: FastifyReply, token: unknown): boolean {
    const value = this.#provider.createContext(request.raw, reply.raw).cookies.get(NAME, { signed: true });
    return value !== undefined && this.#forms.isTokenFor(purposeOf(value), token);
  }
}

const purposeOf = (value: string): string => `account sign-in ${value}`;
