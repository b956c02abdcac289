/** A server whose client `admin` may see and end sessions, and calls to its API. */
import { type Exchange, exchange, PlainBrowser } from "@portcullis/testing/end-to-end";
import { machineToken, type SignedIn, signIn } from "../oidc/app.ts";
import {
  type ALICE,
  type ServerOptions,
  type ServerUnderTest,
  startServer,
} from "../oidc/server-under-test.ts";

export const SCOPES = "sessions.read sessions.write config.read config.write";

export const startWithSessionApi = (options: ServerOptions = {}): Promise<ServerUnderTest> =>
  startServer({
    ...options,
    change(document) {
      const admin = document.clients.find(({ clientId }) => clientId === "admin")!;
      const resources: Record<string, string[]> = admin.resources;
      resources[`${document.issuer}/api`] = SCOPES.split(" ");
      options.change?.(document);
    },
  });

export interface ApiCall {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly scope?: string;
  /** Of another server on the database. */
  readonly at?: string;
}

export async function callApi(
  { issuer }: ServerUnderTest,
  path: string,
  { method = "GET", body, headers = {}, scope = SCOPES, at = issuer }: ApiCall = {},
): Promise<Exchange> {
  const accessToken = await machineToken(at, "admin", `${issuer}/api`, scope);
  return exchange(`${at}/api/v1/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: {
      authorization: `Bearer ${accessToken}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
  });
}

export const PHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148 Safari/604.1";
export const LAPTOP = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0";

export function signInOn(
  server: ServerUnderTest,
  userAgent: string,
  options: { credentials?: typeof ALICE; parameters?: Record<string, string> } = {},
): Promise<SignedIn> {
  const browser = new PlainBrowser();
  browser.headers = { "user-agent": userAgent };
  return signIn(server, { ...options, browser });
}
