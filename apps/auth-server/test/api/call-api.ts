import { type Exchange, exchange, json } from "@portcullis/testing/end-to-end";
import { machineToken } from "../oidc/app.ts";
import { type ServerOptions, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";

/** A server whose client `admin` may do all that is done with these scopes. */
export const startForScopes = (
  scopes: readonly string[],
  options: ServerOptions = {},
): Promise<ServerUnderTest> =>
  startServer({
    ...options,
    change(document) {
      const admin = document.clients.find(({ clientId }) => clientId === "admin")!;
      admin.resources[`${document.issuer}/api`] = ["revocations.write", ...scopes];
      options.change?.(document);
    },
  });

export interface ApiCall {
  readonly method?: string;
  readonly body?: unknown;
  readonly scope: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where another server is asked. */
  readonly at?: string;
}

/** Asks as `admin`, with a token that has this scope alone. */
export async function callApi(
  { issuer }: Pick<ServerUnderTest, "issuer">,
  path: string,
  { method = "GET", body, scope, headers = {}, at = issuer }: ApiCall,
): Promise<Exchange> {
  const token = await machineToken(issuer, "admin", `${issuer}/api`, scope);
  return exchange(`${at}/api/v1/${path}`, {
    method,
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
  });
}

/** Its status, and its code where it is a problem. */
export const outcomeOf = (answer: Exchange): unknown =>
  answer.status < 400 ? answer.status : [answer.status, json<{ code: string }>(answer).code];

export const fieldsWithProblems = (answer: Exchange): string[] =>
  (json<{ problems?: { field: string }[] }>(answer).problems ?? []).map(({ field }) => field).toSorted();
