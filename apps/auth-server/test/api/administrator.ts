/** An app that administers by the API, and how it calls. */
import assert from "node:assert/strict";
import { API_SCOPES } from "@portcullis/protocol";
import { type Exchange, exchange, json } from "@portcullis/testing/end-to-end";
import { machineToken } from "../oidc/app.ts";
import { type ServerOptions, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";

type Change = NonNullable<ServerOptions["change"]>;

/** A server whose client `admin` has every permission there is at its API. */
export const startAdministered = (
  change: Change = () => undefined,
  testHooks: ServerOptions["testHooks"] = {},
): Promise<ServerUnderTest> =>
  startServer({
    testHooks,
    change(configuration) {
      const admin = configuration.clients.find(({ clientId }) => clientId === "admin")!;
      admin.resources[`${configuration.issuer}/api`] = Object.values(API_SCOPES);
      change(configuration);
    },
  });

export interface Asking {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Which client calls. Default: `admin`. */
  readonly client?: string;
  readonly scope?: string;
  /** URL of another server of the same issuer. */
  readonly at?: string;
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface ApiAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it has asked for
  readonly body: any;
  readonly headers: Exchange["headers"];
}

/** Calls what is below `/api/v1` of an issuer, with the scope that the path says. */
export async function ask(
  { issuer }: Pick<ServerUnderTest, "issuer">,
  [method, path]: readonly [Method, string],
  asking: Asking = {},
): Promise<ApiAnswer> {
  const { client = "admin", at = issuer, body } = asking;
  const scope = asking.scope ?? `${path.split(/[/?]/)[0]}.${method === "GET" ? "read" : "write"}`;
  const accessToken = await machineToken(issuer, client, `${issuer}/api`, scope);
  const answer = await exchange(`${at}/api/v1/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: {
      authorization: `Bearer ${accessToken}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...asking.headers,
    },
  });
  return {
    status: answer.status,
    body: answer.body === "" ? undefined : json(answer),
    headers: answer.headers,
  };
}

/** Gives the body of an answer that is no refusal. */
export async function done(
  server: Pick<ServerUnderTest, "issuer">,
  call: readonly [Method, string],
  asking: Asking = {},
): Promise<ApiAnswer["body"]> {
  const { status, body } = await ask(server, call, asking);
  assert.ok(status === 200 || status === 201, JSON.stringify([status, body]));
  return body;
}

/** Status and code of a refusal, and the fields that have problems. */
export const refusalOf = ({ status, body }: ApiAnswer): unknown[] => [
  status,
  body.code,
  ...(body.problems ?? []).map(({ field }: { field: string }) => field),
];
