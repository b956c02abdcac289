import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "../src/index.ts";
import { APP, FakeBrowser } from "./fake-browser.ts";
import { API, ISSUER } from "./fake-issuer.ts";

const code = (expected: string) => (error: { code?: string }) => error.code === expected;

test("the authorization request carries PKCE by S256, state, nonce and the resource", async () => {
  const tab = new FakeBrowser().open();
  const { searchParams } = new URL(await tab.client.createSignInUrl({ prompt: "login" }));
  assert.equal(searchParams.get("code_challenge_method"), "S256");
  assert.match(searchParams.get("code_challenge")!, /^[\w-]{43}$/);
  assert.ok(searchParams.get("state")!.length >= 22);
  assert.ok(searchParams.get("nonce")!.length >= 22);
  assert.equal(searchParams.get("resource"), "https://orders.test");
  assert.equal(searchParams.get("redirect_uri"), APP);
  assert.equal(searchParams.get("prompt"), "login");
});

test("signing in sends the page to the authorization endpoint", async () => {
  const tab = new FakeBrowser().open();
  await tab.client.signIn();
  assert.ok(tab.page.visited[0]!.startsWith(`${ISSUER}/auth?`));
});

test("the way back signs in and says where to go on", async () => {
  const browser = new FakeBrowser();
  const tab = browser.open({ url: "https://app.test/orders?page=2" });
  const url = browser.issuer.authorize(await tab.client.createSignInUrl());
  const back = browser.open({ url, storage: tab.storage });
  const started = await back.client.start();
  assert.equal(started.user?.sub, "alice");
  assert.equal(started.returnTo, "https://app.test/orders?page=2");
  assert.equal(back.client.user?.sub, "alice");
  assert.deepEqual(
    back.events.map(({ type }) => type),
    ["signed-in"],
  );
});

test("the code is gone from the address before the first request is made", async () => {
  const browser = new FakeBrowser();
  const tab = browser.open();
  const url = `${browser.issuer.authorize(await tab.client.createSignInUrl())}&tab=2#top`;
  const before = browser.issuer.requests.length;
  const back = browser.open({ url, storage: tab.storage });
  assert.equal(back.page.url, `${APP}?tab=2#top`);
  assert.equal(browser.issuer.requests.length, before);
});

test("an address that only looks like a callback is left alone", () => {
  const url = "https://app.test/elsewhere?code=1&state=2";
  assert.equal(new FakeBrowser().open({ url }).page.url, url);
});

async function comeBack(changes: Record<string, string | undefined>, browser = new FakeBrowser()) {
  const tab = browser.open();
  const url = browser.issuer.authorize(await tab.client.createSignInUrl(), changes);
  return browser.open({ url, storage: tab.storage }).client.start();
}

test("a response of another issuer is not used, and its code is sent to nobody (RFC 9207)", async () => {
  const browser = new FakeBrowser();
  await assert.rejects(comeBack({ iss: "https://evil.test" }, browser), code("response_refused"));
  await assert.rejects(comeBack({ iss: undefined }, browser), code("response_refused"));
  assert.equal(browser.issuer.requestsTo("/token").length, 0);
});

test("a response with a state of nobody is not used", async () => {
  await assert.rejects(comeBack({ state: "forged" }), code("sign_in_not_started"));
});

test("a response is used once", async () => {
  const browser = new FakeBrowser();
  const tab = browser.open();
  const url = browser.issuer.authorize(await tab.client.createSignInUrl());
  await browser.open({ url, storage: tab.storage }).client.start();
  const again = browser.open({ url, storage: tab.storage });
  await assert.rejects(again.client.start(), code("sign_in_not_started"));
});

test("a sign-in that was started in another tab is not finished in this one", async () => {
  const browser = new FakeBrowser();
  const url = browser.issuer.authorize(await browser.open().client.createSignInUrl());
  await assert.rejects(browser.open({ url }).client.start(), code("sign_in_not_started"));
});

test("an ID token with another nonce, audience or issuer is not used", async () => {
  for (const idTokenClaims of [{ nonce: "other" }, { aud: "other" }, { iss: "https://evil.test" }]) {
    const browser = new FakeBrowser();
    browser.issuer.idTokenClaims = idTokenClaims;
    await assert.rejects(comeBack({}, browser), code("response_refused"));
  }
});

test("a refusal by the user or the server is told as one", async () => {
  await assert.rejects(comeBack({ code: undefined, error: "access_denied" }), {
    code: "sign_in_refused",
    message: /Access was refused .* still signed in/,
  });
  await assert.rejects(comeBack({ code: "unknown" }), code("sign_in_refused"));
});

test("metadata of another issuer are not used", async () => {
  const browser = new FakeBrowser();
  browser.issuer.metadata = { ...browser.issuer.metadata, issuer: "https://evil.test" };
  await assert.rejects(browser.open().client.createSignInUrl(), code("discovery_failed"));
});

test("discovery that failed is tried again by the next caller", async () => {
  const browser = new FakeBrowser();
  const tab = browser.open();
  browser.issuer.outage = () => new Response(null, { status: 503 });
  await assert.rejects(tab.client.createSignInUrl(), code("issuer_unreachable"));
  browser.issuer.outage = undefined;
  assert.ok(await tab.client.createSignInUrl());
});

test("plain http is spoken to an issuer on loopback only", () => {
  const options = { clientId: "web", redirectUri: APP, resourceServers: [] };
  for (const issuer of ["http://issuer.test", "http://127.0.0.1.evil.test", "ftp://127.0.0.1"]) {
    assert.throws(() => createClient({ ...options, issuer }), code("insecure_issuer"));
  }
  for (const issuer of ["http://127.0.0.1:8400", "http://localhost:8400", "http://[::1]:8400"]) {
    createClient({ ...options, issuer }).close();
  }
});

test("a token is never configured to go out in the clear", () => {
  const options = { issuer: ISSUER, clientId: "web", redirectUri: APP };
  for (const server of ["http://api.test", "http://127.0.0.1.evil.test", "ftp://127.0.0.1", "data:,x"]) {
    assert.throws(
      () => createClient({ ...options, resourceServers: [API, server] }),
      code("insecure_resource_server"),
    );
  }
  for (const server of ["http://127.0.0.1:8401", "http://localhost:8401", "https://api.test/base"]) {
    createClient({ ...options, resourceServers: [server] }).close();
  }
});

for (const endpoint of ["authorization_endpoint", "end_session_endpoint"]) {
  test(`metadata whose ${endpoint} is a script, or in the clear, leads the page nowhere`, async () => {
    for (const url of ["javascript:alert(document.domain)", "data:text/html,x", "http://issuer.test/auth"]) {
      const browser = new FakeBrowser();
      const tab = await browser.signedIn();
      const fresh = browser.open({ storage: tab.storage });
      await fresh.client.start();
      browser.issuer.metadata[endpoint] = url;
      const leave = endpoint === "authorization_endpoint" ? fresh.client.signIn() : fresh.client.signOut();
      await assert.rejects(leave, code("discovery_failed"));
      assert.deepEqual(fresh.page.visited, []);
    }
  });
}

test("in Node, without a page, the two halves of a sign-in are called by hand", async () => {
  const { issuer } = new FakeBrowser();
  const client = createClient({
    issuer: ISSUER,
    clientId: "web",
    redirectUri: APP,
    resourceServers: [API],
    environment: { fetch: issuer.fetch },
  });
  await assert.rejects(client.signIn(), code("no_page"));
  await client.completeSignIn(issuer.authorize(await client.createSignInUrl()));
  assert.equal((await client.fetch(`${API}/orders`)).status, 200);
  await client.signOut();
  assert.equal(issuer.requestsTo("/token/revocation").length, 1);
  client.close();
});
