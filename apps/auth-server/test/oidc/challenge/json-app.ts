/** An app of the operator's own with a sign-in form of its own, as little of it as these tests need. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { type Exchange, exchange, json } from "@portcullis/testing/end-to-end";
import { startAdministered } from "../../api/administrator.ts";
import { makeUser } from "../../people/make-user.ts";
import { ok, type TokenAnswer, token } from "../app.ts";
import { ALICE, basicOf, REDIRECT_URI, RESOURCE, type ServerUnderTest } from "../server-under-test.ts";

type Change = NonNullable<Parameters<typeof startAdministered>[0]>;

/** With the apps `shop` and `till` (it has a secret), which may sign people in by JSON, and `own`, which may not. */
export const startForJson = (change: Change = () => undefined): Promise<ServerUnderTest> =>
  startAdministered((document) => {
    const own = (clientId: string, more: object) => ({
      clientId,
      name: clientId,
      type: "native",
      redirectUris: [REDIRECT_URI, "com.example.shop:/callback"],
      postLogoutRedirectUris: [],
      grantTypes: ["authorization_code", "refresh_token"],
      resources: { [RESOURCE]: ["orders.read", "orders.write"] },
      firstParty: true,
      ...more,
    });
    const apps = [
      own("shop", { jsonSignIn: true }),
      own("till", {
        type: "web",
        redirectUris: [REDIRECT_URI],
        clientSecret: "till-secret-0123456789abcdef",
        jsonSignIn: true,
      }),
      own("own", {}),
    ];
    (document.clients as object[]).push(...apps);
    Object.assign(document, {
      trustedProxies: { addresses: ["127.0.0.1"], header: "x-forwarded-for" },
      limits: { signInAttemptsPerMinute: 1_000_000 },
    });
    change(document);
  });

export const newUser = ({ server }: ServerUnderTest, username: string, password = ALICE.password) =>
  makeUser({ users: server.people.users, storage: server.storage }, { username, name: username, password });

export const sessionsOf = ({ server }: ServerUnderTest, sub: string) => server.oidc.sessions.devicesOf(sub);

export type Fields = Readonly<Record<string, string | undefined>>;

export interface ChallengeBody {
  readonly authorization_code?: string;
  readonly device?: string;
  readonly error?: string;
  readonly error_description?: string;
  readonly auth_session?: string;
  readonly step?: string;
  readonly parameters?: readonly string[];
  readonly problem?: string;
  readonly retry_after?: number;
  readonly request_uri?: string;
  readonly sessions?: readonly { readonly sid: string; readonly device: string }[];
  readonly [member: string]: unknown;
}

export interface Answered {
  readonly status: number;
  readonly body: ChallengeBody;
  readonly headers: Exchange["headers"];
}

export interface AppOptions {
  readonly clientId?: string;
  /** Where it sends the challenge requests. Default: the issuer. */
  readonly at?: string;
  readonly userAgent?: string;
  readonly address?: string;
  /** Parameters of its authorization request beside its usual ones; undefined leaves one out. */
  readonly asks?: Fields;
}

export class JsonApp {
  readonly #issuer: string;
  readonly #options: AppOptions;
  readonly verifier = randomBytes(32).toString("base64url");

  constructor({ issuer }: Pick<ServerUnderTest, "issuer">, options: AppOptions = {}) {
    this.#issuer = issuer;
    this.#options = options;
  }

  get clientId(): string {
    return this.#options.clientId ?? "shop";
  }

  /** The first request of a sign-in; undefined leaves one of its usual parameters out. */
  begin(fields: Fields = {}, headers: Record<string, string> = {}): Promise<Answered> {
    const all = {
      client_id: this.clientId,
      response_type: "code",
      scope: "openid profile orders.read",
      resource: RESOURCE,
      code_challenge: createHash("sha256").update(this.verifier).digest("base64url"),
      code_challenge_method: "S256",
      ...this.#options.asks,
      ...fields,
    };
    return this.send(all, headers);
  }

  goOn({ body }: Answered, fields: Fields): Promise<Answered> {
    assert.ok(body.auth_session, JSON.stringify(body));
    return this.send({ client_id: this.clientId, auth_session: body.auth_session, ...fields });
  }

  async send(fields: Fields, headers: Record<string, string> = {}): Promise<Answered> {
    const { at = this.#issuer, userAgent, address = "192.0.2.1" } = this.#options;
    const given = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const answer = await exchange(`${at}/authorize-challenge`, {
      body: new URLSearchParams(given),
      headers: {
        "x-forwarded-for": address,
        ...(userAgent === undefined ? {} : { "user-agent": userAgent }),
        ...headers,
      },
    });
    return { status: answer.status, body: json<ChallengeBody>(answer), headers: answer.headers };
  }

  redeem({ body }: Answered, more: Fields = {}): Promise<Exchange> {
    return token(
      this.#issuer,
      {
        grant_type: "authorization_code",
        ...(this.clientId === "till" ? {} : { client_id: this.clientId }),
        code: body.authorization_code,
        code_verifier: this.verifier,
        ...more,
      },
      this.clientId === "till" ? { authorization: basicOf("till") } : {},
    );
  }

  async signIn(credentials: Fields = ALICE): Promise<TokenAnswer & { readonly device: string }> {
    const answered = codeIn(await this.begin(credentials));
    return { ...ok(await this.redeem(answered)), device: answered.body.device! };
  }
}

export function codeIn(answered: Answered): Answered {
  assert.equal(answered.status, 200, JSON.stringify(answered.body));
  return answered;
}

/** What the app is to do next. */
export const stepOf = ({ status, body }: Answered) => ({
  status,
  error: body.error,
  step: body.step,
  parameters: body.parameters,
  problem: body.problem,
});

export const asking = (step: string, parameters: readonly string[], problem?: string) => ({
  status: 400,
  error: "insufficient_authorization",
  step,
  parameters,
  problem,
});

export const REFUSED = asking("password", ["username", "password"], "wrong_credentials");

export const errorOf = ({ status, body }: Answered) => [status, body.error];
