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

  /** Gives the token for a form. One cookie for all pages of the browser: a second tab spoils no form of the first. */
  set(request: FastifyRequest, reply: FastifyReply): string {
    const cookies = this.#cookies(request, reply);
    const known = cookies.get(NAME, { signed: true });
    const value = known ?? this.#random();
    const secure = this.#provider.issuer.startsWith("https:");
    const options = { signed: true, httpOnly: true, sameSite: "strict", path: "/account", secure } as const;
    if (known === undefined) cookies.set(NAME, value, options);
    const form = this.#random();
    return `${form}.${this.#forms.tokenFor(purposeOf(value, form))}`;
  }

  /** The name of the form that this token is of, if the form was shown to this browser. */
  formOf(request: FastifyRequest, reply: FastifyReply, token: unknown): string | undefined {
    const value = this.#cookies(request, reply).get(NAME, { signed: true });
    if (value === undefined || typeof token !== "string") return undefined;
    const [form = "", proof, ...more] = token.split(".");
    if (more.length > 0) return undefined;
    return this.#forms.isTokenFor(purposeOf(value, form), proof) ? `${value}.${form}` : undefined;
  }

  /** Names the browser; undefined before it was shown a form. */
  browserOf(request: FastifyRequest, reply: FastifyReply): string | undefined {
    return this.#cookies(request, reply).get(NAME, { signed: true });
  }

  #random(): string {
    return encodeBase64url(this.#randomBytes(16));
  }

  #cookies(request: FastifyRequest, reply: FastifyReply) {
    return this.#provider.createContext(request.raw, reply.raw).cookies;
  }
}

const purposeOf = (value: string, form: string): string => `account sign-in ${value} ${form}`;
