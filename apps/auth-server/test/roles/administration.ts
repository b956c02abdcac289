/** A server with an app of the operator's own for its own API, and a client that has every scope of it. */
import assert from "node:assert/strict";
import { API_SCOPES } from "@portcullis/protocol";
import { type Exchange, exchange, json } from "@portcullis/testing/end-to-end";
import { machineToken, type SignedIn, signIn } from "../oidc/app.ts";
import { ALICE, REDIRECT_URI, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";

const ALL_SCOPES = Object.values(API_SCOPES);
const SOME_SCOPES = ["users.write", "revocations.write", "keys.read"];

type Document = Parameters<NonNullable<NonNullable<Parameters<typeof startServer>[0]>["change"]>>[0];

export const startAdministered = (more: (document: Document) => void = () => {}): Promise<ServerUnderTest> =>
  startServer({
    change(document) {
      const { clients, issuer } = document;
      const api = `${issuer}/api`;
      const resourcesOf = (name: string) => clients.find(({ clientId }) => clientId === name)!.resources;
      resourcesOf("admin")[api] = [...ALL_SCOPES];
      // Allowed to disable users, and less than an administrator.
      resourcesOf("service")[api] = ["users.write"];
      clients.push(
        Object.assign(appOf("console", api), { firstParty: true }),
        // Somebody else's app, whatever the file says that it may ask for.
        appOf("foreign", api),
      );
      more(document);
    },
  });

const appOf = (clientId: string, api: string) => ({
  clientId,
  name: clientId,
  redirectUris: [REDIRECT_URI],
  postLogoutRedirectUris: [],
  grantTypes: ["authorization_code", "refresh_token"],
  resources: { [api]: [...ALL_SCOPES] },
});

export const parametersFor = ({ issuer }: ServerUnderTest, client = "console") => ({
  client_id: client,
  resource: `${issuer}/api`,
  scope: `openid ${SOME_SCOPES.join(" ")}`,
});

/** Somebody in the app, with tokens for the server's own API. */
export const signInToConsole = (server: ServerUnderTest, credentials = ALICE): Promise<SignedIn> =>
  signIn(server, { credentials, parameters: parametersFor(server) });

export interface Calling {
  readonly method?: string;
  readonly body?: object;
  /** Default: a token of a client that has every scope. */
  readonly token?: string;
  readonly client?: string;
  /** Of the server that is asked. */
  readonly url?: string;
}

export async function call(server: ServerUnderTest, path: string, options: Calling = {}): Promise<Exchange> {
  const { issuer } = server;
  const { method = "GET", body, client = "admin", url = issuer } = options;
  const scope = method === "GET" ? "users.read" : "users.write";
  const accessToken = options.token ?? (await machineToken(issuer, client, `${issuer}/api`, scope));
  return exchange(`${url}/api/v1/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: {
      authorization: `Bearer ${accessToken}`,
      host: new URL(issuer).host,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
  });
}

export const roleOf = (user: string): string => `users/${user}/roles/administrator`;

export async function makeAdministrator(server: ServerUnderTest, user: string): Promise<void> {
  const answer = await call(server, roleOf(user), { method: "PUT" });
  assert.equal(answer.status, 200, answer.body);
}

export async function isAdministrator(server: ServerUnderTest, user: string): Promise<boolean> {
  const answer = await call(server, roleOf(user));
  assert.equal(answer.status, 200, answer.body);
  return json<{ held: boolean }>(answer).held;
}

/** Status and code. */
export const problemOf = (answer: Exchange): readonly [number, string] => [
  answer.status,
  json<{ code: string }>(answer).code,
];
