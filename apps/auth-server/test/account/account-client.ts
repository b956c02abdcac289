/** An app of the operator's own that uses the account API, and how it calls. */
import { type Exchange, exchange, json } from "@portcullis/testing/end-to-end";
import { type SignedIn, signIn } from "../oidc/app.ts";
import {
  REDIRECT_URI,
  type ServerOptions,
  type ServerUnderTest,
  startServer,
} from "../oidc/server-under-test.ts";
import { LAPTOP, signInOn } from "../sessions/session-api.ts";

/** A client, and whoever signs in through it. */
export const ACCOUNT_APP = "my-account";

type Document = Parameters<NonNullable<ServerOptions["change"]>>[0];

export const accountApp = (issuer: string, clientId = ACCOUNT_APP) => ({
  clientId,
  name: "My account",
  firstParty: true,
  redirectUris: [REDIRECT_URI],
  postLogoutRedirectUris: [],
  grantTypes: ["authorization_code", "refresh_token"],
  resources: { [`${issuer}/account`]: ["account.read", "account.write"] },
});

export const startWithAccountApi = (
  change: (document: Document) => void = () => {},
): Promise<ServerUnderTest> =>
  startServer({
    change(document) {
      document.clients.push(accountApp(document.issuer) as never);
      change(document);
    },
  });

export const forAccount = (
  { issuer }: Pick<ServerUnderTest, "issuer">,
  scope = "account.read account.write",
) => ({
  client_id: ACCOUNT_APP,
  resource: `${issuer}/account`,
  scope: `openid ${scope}`,
});

/** In this browser, or in a new one. */
export const signInToAccount = (
  server: ServerUnderTest,
  {
    scope,
    ...options
  }: Omit<NonNullable<Parameters<typeof signIn>[1]>, "parameters"> & { scope?: string } = {},
): Promise<SignedIn> => {
  const parameters = forAccount(server, scope);
  return options.browser === undefined
    ? signInOn(server, LAPTOP, { ...options, parameters })
    : signIn(server, { ...options, parameters });
};

export interface AccountCall {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface AccountAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it has asked for
  readonly body: any;
  readonly headers: Exchange["headers"];
}

/** Calls what is below `/account/v1`: `[method, path]`. */
export async function callAccount(
  at: string,
  accessToken: string,
  [method, path]: readonly [string, string],
  { body, headers = {} }: AccountCall = {},
): Promise<AccountAnswer> {
  const answer = await exchange(`${at}/account/v1${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: {
      authorization: `Bearer ${accessToken}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
  });
  return {
    status: answer.status,
    body: answer.body === "" ? undefined : json(answer),
    headers: answer.headers,
  };
}
