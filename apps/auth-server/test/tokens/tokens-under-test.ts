/** A server whose API takes tokens for scripts, and calls about them. */
import assert from "node:assert/strict";
import type { CreatedScriptToken } from "@portcullis/protocol";
import { type Exchange, exchange } from "@portcullis/testing/end-to-end";
import { type ApiAnswer, type Asking, ask, startAdministered } from "../api/administrator.ts";
import { form, introspect } from "../oidc/app.ts";
import { basicOf, RESOURCE, type ServerOptions, type ServerUnderTest } from "../oidc/server-under-test.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

export const startWithTokens = (change: NonNullable<ServerOptions["change"]> = () => undefined) =>
  startAdministered((document) => {
    const orders = document.resources.find(({ identifier }) => identifier === RESOURCE)!;
    Object.assign(orders, { personalTokenPermissions: ["orders.read", "orders.write"] });
    change(document);
  });

type Call = Parameters<typeof ask>[1];
const scopeOf = (method: string): string => `tokens.${method === "GET" ? "read" : "write"}`;

/** As the client `admin`, with the scope for tokens alone. */
export const askTokens = (
  server: Pick<ServerUnderTest, "issuer">,
  call: Call,
  asking: Asking = {},
): Promise<ApiAnswer> => ask(server, call, { scope: scopeOf(call[0]), ...asking });

export const inDays = (server: ServerUnderTest, days: number): string =>
  new Date(server.nowMs() + days * DAY_MS).toISOString();

export const wantedToken = (server: ServerUnderTest, more: object = {}) => ({
  name: "Nightly export",
  api: RESOURCE,
  permissions: ["orders.read"],
  expiresAt: inDays(server, 30),
  ...more,
});

/** Of a user, or of an app: `users/alice`, `apps/service`. */
export async function makeTokenOf(
  server: ServerUnderTest,
  owner: string,
  more: object = {},
): Promise<CreatedScriptToken> {
  const { status, body } = await askTokens(server, ["POST", `${owner}/tokens`], {
    body: wantedToken(server, more),
  });
  assert.equal(status, 201, JSON.stringify(body));
  return body;
}

/** What a verifier of the API is told: the claims, or that there is no such token, or why it works no more. */
export const asked = (server: ServerUnderTest, token: string, client = "orders") =>
  introspect(server.issuer, client, token);

/** `active`, or the reason. */
export async function verdict(
  server: ServerUnderTest,
  token: string,
  issuer = server.issuer,
): Promise<unknown> {
  const answer = await introspect(issuer, "orders", token);
  return answer.active === true ? "active" : answer.reason;
}

export const revokeAs = (issuer: string, client: string, token: string): Promise<Exchange> =>
  exchange(`${issuer}/revoke`, { body: form({ token }), headers: { authorization: basicOf(client) } });
