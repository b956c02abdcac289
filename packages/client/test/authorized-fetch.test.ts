import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as macrotask } from "node:timers/promises";
import { FakeBrowser } from "./fake-browser.ts";
import { API } from "./fake-issuer.ts";

const code = (expected: string) => (error: { code?: string }) => error.code === expected;

test("the token goes to the named origins and to nobody else", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  const before = browser.issuer.requests.length;
  for (const url of [
    "https://evil.test/",
    "https://api.test.evil.test/",
    "http://api.test/",
    `${API}:8443/`,
  ]) {
    await assert.rejects(tab.client.fetch(url), code("target_not_allowed"));
  }
  assert.equal(browser.issuer.requests.length, before);
});

test("a call without a session is refused before it is sent", async () => {
  const browser = new FakeBrowser();
  await assert.rejects(browser.open().call(), code("not_signed_in"));
  assert.equal(browser.issuer.requests.length, 0);
});

test("a killed token raises the notice with its reason, and the answer is given to the caller", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  browser.issuer.endSessions("banned");
  assert.equal((await tab.call()).status, 401);
  assert.deepEqual(tab.eventsOf("forced-logout"), [
    { type: "forced-logout", reason: "banned", fromOtherTab: false },
  ]);
  assert.equal(tab.client.user, undefined);
});

test("the notice is raised where the page may not read the challenge but the body says it", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  browser.issuer.exposesChallenge = false;
  browser.issuer.endSessions("kicked");
  const response = await tab.call();
  assert.equal(tab.eventsOf("forced-logout").length, 1);
  assert.equal(((await response.json()) as { reason: string }).reason, "kicked", "the body is still unread");
});

test("a reason that this version does not know reads as revoked", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  browser.issuer.endSessions("from_the_future");
  await tab.call();
  assert.deepEqual(tab.eventsOf("forced-logout"), [
    { type: "forced-logout", reason: "revoked", fromOtherTab: false },
  ]);
});

test("calls that fail together raise one notice", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  browser.issuer.endSessions("kicked");
  await Promise.all([tab.call(), tab.call(), tab.call()]);
  assert.equal(tab.eventsOf("forced-logout").length, 1);
});

test("a stale token is refreshed and the call repeated, body and all", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  browser.issuer.changeClaims();
  const response = await tab.call({ method: "POST", body: "an order" });
  assert.equal(response.status, 200);
  const bodies = await Promise.all(browser.issuer.requestsTo("/orders").map((request) => request.text()));
  assert.deepEqual(bodies, ["an order", "an order"]);
  assert.deepEqual(tab.eventsOf("forced-logout"), []);
});

test("a call that is stale again after a refresh is not repeated for ever", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  const family = (await tab.client.accessToken()).split(".")[0]!;
  browser.issuer.dead.set(family, { mode: "stale", reason: "claims_changed" });
  assert.equal((await tab.call()).status, 401);
  assert.equal(browser.issuer.requestsTo("/orders").length, 2);
  assert.equal(tab.client.user?.sub, "alice");
});

test("the other tab of the same session is told at once", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  const twin = browser.open({ storage: tab.storage });
  await twin.client.start();
  browser.issuer.endSessions("kicked");
  await tab.call();
  assert.deepEqual(twin.events, [{ type: "forced-logout", reason: "kicked", fromOtherTab: true }]);
  await assert.rejects(twin.call(), code("not_signed_in"));
});

test("another sign-in of the same user lives on if only one device was kicked", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  const other = await browser.signedIn();
  const family = (await tab.client.accessToken()).split(".")[0]!;
  browser.issuer.dead.set(family, { mode: "kill", reason: "kicked" });
  await tab.call();
  assert.equal(tab.eventsOf("forced-logout").length, 1);
  assert.equal((await other.call()).status, 200);
  assert.deepEqual(other.eventsOf("forced-logout"), []);
});

test("another sign-in of the same user that was ended with it finds out without calling", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  const other = await browser.signedIn();
  const ended = new Promise<string>((resolve) => other.client.subscribe(({ type }) => resolve(type)));
  browser.issuer.endSessions("banned");
  await tab.call();
  assert.equal(await ended, "session-ended");
});

test("an answer to a call sent before a new sign-in ends nothing", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  const url = await tab.client.createSignInUrl();
  const answer = Promise.withResolvers<void>();
  browser.issuer.beforeApi = () => answer.promise;
  const call = tab.call();
  browser.issuer.endSessions("logged_out");
  await tab.client.completeSignIn(browser.issuer.authorize(url));
  answer.resolve();
  assert.equal((await call).status, 401);
  assert.deepEqual(tab.eventsOf("forced-logout"), []);
  assert.equal((await tab.call()).status, 200);
});

test("503 and 403 are the caller's business and end no session", async () => {
  for (const status of [403, 503]) {
    const browser = new FakeBrowser();
    const tab = await browser.signedIn();
    browser.issuer.apiStatus = status;
    assert.equal((await tab.call()).status, status);
    assert.equal(tab.client.user?.sub, "alice");
    assert.equal(browser.issuer.requestsTo("/orders").length, 1);
  }
});

test("signing out forgets the tokens in all tabs of the session and goes to the issuer with the hint", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  const twin = browser.open({ storage: tab.storage });
  await twin.client.start();
  await tab.client.signOut();
  const { pathname, searchParams } = new URL(tab.page.visited[0]!);
  assert.equal(pathname, "/session/end");
  assert.match(searchParams.get("id_token_hint")!, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  assert.equal(searchParams.get("client_id"), "web");
  assert.equal(searchParams.get("post_logout_redirect_uri"), "https://app.test/");
  assert.deepEqual(twin.events, [{ type: "signed-out", fromOtherTab: true }]);
  assert.equal(tab.client.user, undefined);
});

test("signing out has the tokens revoked before the issuer's page asks anything, and though the tab is closed", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  const refreshToken = browser.issuer.refreshTokens().at(-1);
  const { navigate } = tab.page;
  let revokedBefore = 0;
  tab.page.navigate = (url) => {
    revokedBefore = browser.issuer.requestsTo("/token/revocation").length;
    navigate.call(tab.page, url);
  };
  await tab.client.signOut();
  assert.equal(revokedBefore, 1);
  const [request] = browser.issuer.requestsTo("/token/revocation");
  assert.equal(request!.keepalive, true);
  assert.equal(new URLSearchParams(await request!.text()).get("token"), refreshToken);
});

test("a sign-in that is asked for while the user is signed out does not overtake it", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  tab.page.visited.length = 0;
  const [first, second] = [tab.client.signOut(), tab.client.signOut()];
  await tab.client.signIn();
  assert.deepEqual(await Promise.all([first, second]), [{ leaving: true }, { leaving: true }]);
  assert.deepEqual(
    tab.page.visited.map((url) => new URL(url).pathname),
    ["/session/end"],
  );
  await tab.client.signIn();
  assert.equal(tab.page.visited.length, 2, "a page that is shown again can sign in");
});

test("a sign-in that is asked for while the user is signed out goes on where there is no page to leave for", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  delete browser.issuer.metadata.end_session_endpoint;
  const fresh = browser.open({ storage: tab.storage });
  await fresh.client.start();
  const out = fresh.client.signOut();
  await fresh.client.signIn();
  assert.deepEqual(await out, {});
  assert.equal(fresh.page.visited.length, 1);
});

test("signing out goes on to the issuer's page though the tokens could not be revoked", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  browser.issuer.revocationStatus = 503;
  await tab.client.signOut();
  assert.equal(new URL(tab.page.visited[0]!).pathname, "/session/end");
});

test("signing out while the issuer is down forgets the tokens and says that the session may live on", async () => {
  const browser = new FakeBrowser();
  const storage = (await browser.signedIn()).storage;
  const tab = browser.open({ storage });
  await tab.client.start();
  browser.issuer.outage = () => new Response(null, { status: 503 });
  await assert.rejects(tab.client.signOut(), code("issuer_unreachable"));
  assert.equal(tab.client.user, undefined);
});

test("an issuer without a logout endpoint is asked to revoke the refresh token", async () => {
  const browser = new FakeBrowser();
  delete browser.issuer.metadata.end_session_endpoint;
  const tab = await browser.signedIn();
  await tab.client.signOut();
  const [request] = browser.issuer.requestsTo("/token/revocation");
  assert.ok(new URLSearchParams(await request!.text()).get("token"));
});

test("a client that was closed can still sign out and refresh, and tells nobody", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  const twin = browser.open({ storage: tab.storage });
  await twin.client.start();
  tab.client.close();
  browser.clock.advance(59_000);
  assert.ok(await tab.client.accessToken(), "refreshed");
  await tab.client.signOut();
  assert.equal(tab.client.user, undefined);
  assert.equal(tab.page.visited.length, 1);
  assert.deepEqual(twin.events, []);
});

test("a listener that throws keeps neither the others nor the caller from learning of a forced logout", async (t) => {
  const reported: unknown[] = [];
  t.mock.method(globalThis, "queueMicrotask", (work: () => void) => {
    Promise.resolve()
      .then(work)
      .catch((error: unknown) => reported.push(error));
  });
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  const broken = new Error("a listener of the app");
  tab.client.subscribe(() => {
    throw broken;
  });
  const heard: string[] = [];
  tab.client.subscribe(({ type }) => heard.push(type));
  browser.issuer.endSessions("banned");
  assert.equal((await tab.call()).status, 401);
  assert.deepEqual(heard, ["forced-logout"]);
  await macrotask();
  assert.deepEqual(reported, [broken], "the page's error handler gets it");
});
