/** The modules of the plan `oidcc-rp-initiated-logout-certification-test-plan` of the OpenID conformance suite. */
import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { exchange, json, type Page } from "@portcullis/testing/end-to-end";
import { decodeJwt, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { begin, isEnd, type SignedIn, signIn, verdictOf } from "../oidc/app.ts";
import { AFTER_LOGOUT, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

const isBye = (url: URL): boolean => url.href.startsWith(AFTER_LOGOUT);
const STATE = { post_logout_redirect_uri: AFTER_LOGOUT, state: "of-the-suite" };

interface Visit {
  readonly device: SignedIn;
  readonly page: Page;
}

async function visit(parametersOf: (device: SignedIn) => Record<string, string>): Promise<Visit> {
  const device = await signIn(server);
  const url = `${server.issuer}/logout?${new URLSearchParams(parametersOf(device))}`;
  return { device, page: await device.browser.open(url, isBye) };
}

const confirm = ({ device, page }: Visit): Promise<Page> =>
  device.browser.submit(page, page.forms[0]!, { isEnd: isBye });

async function assertSignedOut({ browser, access_token }: SignedIn): Promise<void> {
  assert.equal(verdictOf(server, access_token), "logged_out");
  const { url } = await browser.open(begin(server.issuer, { prompt: "none" }).url, isEnd);
  assert.equal(url.searchParams.get("error"), "login_required");
}

/** What the suite asks for where a request is not right: the browser stays here, and nobody is signed out without a yes. */
function assertStays({ device, page }: Visit): void {
  assert.equal(isBye(page.url), false);
  assert.equal(verdictOf(server, device.access_token), "allow");
}

it("oidcc-rp-initiated-logout-discovery-endpoint-verification: discovery has the endpoint", async () => {
  const answer = await exchange(`${server.issuer}/.well-known/openid-configuration`);
  assert.equal(json(answer).end_session_endpoint, `${server.issuer}/logout`);
});

it("oidcc-rp-initiated-logout: back at the app with state, and signed out", async () => {
  const visited = await visit(({ id_token }) => ({ id_token_hint: id_token, ...STATE }));
  const { url } = await confirm(visited);
  assert.equal(url.href, `${AFTER_LOGOUT}?state=of-the-suite`);
  await assertSignedOut(visited.device);
});

it("oidcc-rp-initiated-logout-no-state: back at the app without one, and signed out", async () => {
  const visited = await visit(({ id_token }) => ({
    id_token_hint: id_token,
    post_logout_redirect_uri: AFTER_LOGOUT,
  }));
  assert.equal((await confirm(visited)).url.href, AFTER_LOGOUT);
  await assertSignedOut(visited.device);
});

const SIGNED_OUT_HERE: Readonly<Record<string, (device: SignedIn) => Record<string, string>>> = {
  "oidcc-rp-initiated-logout-no-params": () => ({}),
  "oidcc-rp-initiated-logout-no-post-logout-redirect-uri": ({ id_token }) => ({
    id_token_hint: id_token,
    state: "of-the-suite",
  }),
  "oidcc-rp-initiated-logout-only-state": () => ({ state: "of-the-suite" }),
};
for (const [module, parametersOf] of Object.entries(SIGNED_OUT_HERE))
  it(`${module}: signed out, on a page that says so`, async () => {
    const visited = await visit(parametersOf);
    assert.match((await confirm(visited)).body, /<h1>Signed out<\/h1>/);
    await assertSignedOut(visited.device);
  });

const STAYING: Readonly<Record<string, (device: SignedIn) => Record<string, string>>> = {
  "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri": ({ id_token }) => ({
    id_token_hint: id_token,
    ...STATE,
    post_logout_redirect_uri: `${AFTER_LOGOUT}/not-registered`,
  }),
  "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri": ({ id_token }) => ({
    id_token_hint: id_token,
    ...STATE,
    post_logout_redirect_uri: `${AFTER_LOGOUT}?foo=bar`,
  }),
  "oidcc-rp-initiated-logout-no-id-token-hint": () => STATE,
  "oidcc-rp-initiated-logout-modified-id-token-hint": ({ id_token }) => ({
    id_token_hint: new UnsecuredJWT(decodeJwt(id_token)).encode(),
    ...STATE,
  }),
};
for (const [module, parametersOf] of Object.entries(STAYING))
  it(`${module}: an error page or a question, and nothing ended`, async () =>
    assertStays(await visit(parametersOf)));

it("oidcc-rp-initiated-logout-bad-id-token-hint: an error page or a question, and nothing ended", async () => {
  const { privateKey } = await generateKeyPair("ES256");
  const device = await signIn(server);
  const id_token_hint = await new SignJWT(decodeJwt(device.id_token))
    .setProtectedHeader({ alg: "ES256" })
    .sign(privateKey);
  const query = new URLSearchParams({ id_token_hint, ...STATE });
  const page = await device.browser.open(`${server.issuer}/logout?${query}`, isBye);
  assertStays({ device, page });
});
