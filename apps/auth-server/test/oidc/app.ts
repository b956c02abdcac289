/** A relying party and its users, as little of them as these tests need. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { type Exchange, exchange, json, type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import { sql } from "kysely";
import { ALICE, basicOf, REDIRECT_URI, RESOURCE, type ServerUnderTest } from "./server-under-test.ts";

export interface TokenAnswer {
  access_token: string;
  refresh_token: string;
  id_token: string;
  expires_in: number;
  scope: string;
  token_type: string;
}

export interface Claims {
  rv: number;
  sid: string;
  gid: string;
  jti: string;
  sub: string;
  exp: number;
  aud: string;
  scope: string;
  client_id: string;
  auth_time: number;
}

export interface Attempt {
  readonly url: URL;
  readonly verifier: string;
  readonly clientId: string;
}

export const isEnd = (url: URL): boolean => url.href.startsWith(REDIRECT_URI);

export function begin(issuer: string, parameters: Record<string, string | undefined> = {}): Attempt {
  const verifier = randomBytes(32).toString("base64url");
  const url = new URL(`${issuer}/authorize`);
  const all = {
    client_id: "web",
    response_type: "code",
    redirect_uri: REDIRECT_URI,
    scope: "openid profile orders.read",
    resource: RESOURCE,
    state: "some-state",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    ...parameters,
  };
  for (const [name, value] of Object.entries(all)) if (value !== undefined) url.searchParams.set(name, value);
  return { url, verifier, clientId: all.client_id ?? "web" };
}

/** Passes the sign-in and consent pages that are in the way of the redirect URI. */
export const passPages = (browser: PlainBrowser, start: URL, credentials = ALICE): Promise<URL> =>
  passPagesTo(browser, start, { credentials, isEnd });

interface Passing {
  readonly credentials: typeof ALICE;
  readonly isEnd: (url: URL) => boolean;
}

/** As `passPages`, to another end. */
export async function passPagesTo(browser: PlainBrowser, start: URL, passing: Passing): Promise<URL> {
  const { credentials, isEnd: isThere } = passing;
  let page = await browser.open(start, isThere);
  for (let pages = 0; !isThere(page.url); pages++) {
    assert.ok(pages < 4 && page.status === 200, `${page.status} at ${page.url.pathname}: ${page.body}`);
    page = await pressFirst(browser, page, credentials, isThere);
  }
  return page.url;
}

/** Types the texts into the form, if it is one that asks for a password, and sends it. */
export function pressFirst(
  browser: PlainBrowser,
  page: Page,
  credentials: Readonly<Record<string, string>> = ALICE,
  isThere = isEnd,
): Promise<Page> {
  const [form] = page.forms;
  const fill = form!.hasPassword ? credentials : {};
  return browser.submit(page, form!, { fill, isEnd: isThere });
}

export const form = (fields: Record<string, string | undefined>): URLSearchParams =>
  new URLSearchParams(
    Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );

export function redeem(issuer: string, attempt: Attempt, callback: URL): Promise<Exchange> {
  return token(issuer, {
    grant_type: "authorization_code",
    client_id: attempt.clientId,
    code: callback.searchParams.get("code")!,
    redirect_uri: REDIRECT_URI,
    code_verifier: attempt.verifier,
  });
}

export function token(
  issuer: string,
  fields: Record<string, string | undefined>,
  headers = {},
): Promise<Exchange> {
  return exchange(`${issuer}/token`, { body: form(fields), headers });
}

export const refresh = (
  issuer: string,
  refreshToken: string,
  more: Record<string, string> = {},
): Promise<Exchange> =>
  token(issuer, { grant_type: "refresh_token", client_id: "web", refresh_token: refreshToken, ...more });

export interface SignedIn extends TokenAnswer {
  readonly browser: PlainBrowser;
  readonly claims: Claims;
}

export async function signIn(
  { issuer }: ServerUnderTest,
  options: { browser?: PlainBrowser; credentials?: typeof ALICE; parameters?: Record<string, string> } = {},
): Promise<SignedIn> {
  const browser = options.browser ?? new PlainBrowser();
  const attempt = begin(issuer, options.parameters);
  const callback = await passPages(browser, attempt.url, options.credentials);
  const tokens = ok(await redeem(issuer, attempt, callback));
  return { ...tokens, browser, claims: claimsOf(tokens.access_token) };
}

/** A browser with a saved session in which nobody is signed in: its own has ended, and it went to sign in again. */
export async function nobodysBrowser(
  server: ServerUnderTest,
): Promise<{ browser: PlainBrowser; page: Page }> {
  const { browser, claims } = await signIn(server);
  await server.server.oidc.endings.endSession({ uid: claims.sid, accountId: claims.sub });
  return { browser, page: await browser.open(begin(server.issuer).url, isEnd) };
}

export function ok(answer: Exchange): TokenAnswer {
  assert.equal(answer.status, 200, answer.body);
  return json<TokenAnswer>(answer);
}

export function assertRefused(answer: Exchange, error: string, status = 400): void {
  assert.deepEqual({ status: answer.status, error: json(answer).error }, { status, error });
}

/** Unverified; nothing for an opaque token. */
export function claimsOf(jwt: string): Claims {
  if (!jwt.includes(".")) return {} as Claims;
  return JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString("utf8")) as Claims;
}

export async function machineToken(
  issuer: string,
  client: string,
  resource: string,
  scope: string,
): Promise<string> {
  const answer = await token(
    issuer,
    { grant_type: "client_credentials", resource, scope },
    { authorization: basicOf(client) },
  );
  return ok(answer).access_token;
}

/** What verifiers say once they have followed the log. */
export function verdictOf({ server }: ServerUnderTest, accessToken: string): string {
  const { local } = server.revocations;
  const verdict = local.verdict(local.coordinatesOf(claimsOf(accessToken) as never, {}));
  return verdict.outcome === "allow" ? "allow" : verdict.reason;
}

export async function revokeByApi(
  { issuer }: ServerUnderTest,
  body: Record<string, unknown>,
): Promise<Exchange> {
  const accessToken = await machineToken(issuer, "admin", `${issuer}/api`, "revocations.write");
  return exchange(`${issuer}/revocations`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/json", prefer: "wait=2" },
  });
}

export async function introspect(
  issuer: string,
  client: string,
  value: string,
): Promise<Record<string, unknown>> {
  const answer = await exchange(`${issuer}/introspect`, {
    body: form({ token: value }),
    headers: { authorization: basicOf(client) },
  });
  assert.equal(answer.status, 200, answer.body);
  return json(answer);
}

export async function revokeToken(issuer: string, value: string, headers: Record<string, string> = {}) {
  const own = headers.authorization === undefined ? { client_id: "web" } : {};
  return exchange(`${issuer}/revoke`, { body: form({ token: value, ...own }), headers });
}

const BREAKING = {
  sqlite: {
    breaks: "create trigger full before insert on revocations begin select raise(abort, 'full'); end",
    mends: "drop trigger full",
  },
  postgres: {
    breaks: "alter table revocations add constraint is_full check (false) not valid",
    mends: "alter table revocations drop constraint is_full",
  },
} as const;

/** The log's table refuses every line, as it would on a full disk. */
export async function withBrokenLog<T>({ server }: ServerUnderTest, run: () => Promise<T>): Promise<T> {
  const { breaks, mends } = BREAKING[server.storage.dialect];
  const execute = (text: string) => server.storage.write(({ db }) => sql.raw(text).execute(db));
  await execute(breaks);
  try {
    return await run();
  } finally {
    await execute(mends);
  }
}
