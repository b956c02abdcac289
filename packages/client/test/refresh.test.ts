import assert from "node:assert/strict";
import { test } from "node:test";
import { copyOf, FakeBrowser, SESSION_KEY, type Tab } from "./fake-browser.ts";

const code = (expected: string) => (error: { code?: string }) => error.code === expected;
const MINUTE = 60_000;

function refreshes(browser: FakeBrowser): number {
  // The first request to the token endpoint redeemed the code.
  return browser.issuer.requestsTo("/token").length - 1;
}

async function duplicate(browser: FakeBrowser, tab: Tab): Promise<Tab> {
  const twin = browser.open({ storage: copyOf([SESSION_KEY], tab.storage) });
  await twin.client.start();
  return twin;
}

test("a token that is good is used as it is", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  await tab.call();
  assert.equal((await tab.call()).status, 200);
  assert.equal(refreshes(browser), 0);
});

test("a token about to expire is refreshed first, by one request for all callers", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  browser.clock.advance(MINUTE - 5_000);
  const answers = await Promise.all(Array.from({ length: 20 }, () => tab.call()));
  assert.ok(answers.every(({ status }) => status === 200));
  assert.equal(refreshes(browser), 1);
  assert.equal(tab.eventsOf("refreshed").length, 1);
});

test("after a reload the session goes on with a fresh access token", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  tab.client.close();
  const reloaded = browser.open({ storage: tab.storage });
  assert.equal((await reloaded.client.start()).user?.sub, "alice");
  assert.equal((await reloaded.call()).status, 200);
  assert.equal(refreshes(browser), 1);
});

test("the access token is nowhere in storage", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  const token = await tab.client.accessToken();
  assert.ok(!tab.storage.getItem(SESSION_KEY)!.includes(token));
});

test("storage that was tampered with is nobody's session", async () => {
  const browser = new FakeBrowser();
  for (const stored of [
    "{",
    "null",
    '{"id":1}',
    '{"id":"a","generation":0,"idToken":"x","user":{"sub":"a"}}',
  ]) {
    const tab = browser.open();
    tab.storage.setItem(SESSION_KEY, stored);
    assert.equal((await tab.client.start()).user, undefined);
  }
});

test("two tabs of one session refresh once between them", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  const twin = await duplicate(browser, tab);
  browser.clock.advance(MINUTE);
  const [one, two] = await Promise.all([tab.client.accessToken(), twin.client.accessToken()]);
  assert.equal(one, two);
  assert.equal(refreshes(browser), 1);
});

test("a tab that heard of a refresh keeps the new refresh token over a reload", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  const twin = await duplicate(browser, tab);
  browser.clock.advance(MINUTE);
  await tab.client.accessToken();
  twin.client.close();
  const reloaded = browser.open({ storage: twin.storage });
  await reloaded.client.start();
  assert.equal((await reloaded.call()).status, 200);
});

test("a late message never brings spent tokens back", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  const old = JSON.parse(tab.storage.getItem(SESSION_KEY)!);
  browser.clock.advance(MINUTE);
  const token = await tab.client.accessToken();
  browser.channel().postMessage({ type: "refreshed", session: { ...old, accessToken: "spent" } });
  assert.equal(await tab.client.accessToken(), token);
});

test("a message that is not one of ours changes nothing", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  const channel = browser.channel();
  for (const message of [
    null,
    1,
    {},
    { type: "refreshed" },
    { type: "signed-out" },
    { type: "forced-logout" },
  ]) {
    channel.postMessage(message);
  }
  assert.deepEqual(tab.eventsOf("signed-in").length, tab.events.length);
});

test("a refresh token that no longer works ends the session, with the reason if the server gives one", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  browser.issuer.endSessions();
  browser.issuer.refusalReason = "password_changed";
  browser.clock.advance(MINUTE);
  await assert.rejects(tab.call(), code("session_ended"));
  assert.deepEqual(tab.eventsOf("session-ended"), [{ type: "session-ended", reason: "password_changed" }]);
  assert.equal(tab.client.user, undefined);
  assert.equal(tab.storage.getItem(SESSION_KEY), null);
  await assert.rejects(tab.call(), code("not_signed_in"));
});

test("a session that was replaced while nobody listened is told at the refresh, and by what", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  browser.issuer.endSessions();
  browser.issuer.refusalReason = "replaced";
  const replacedBy = { device: "Safari on iPhone", at: "2026-11-30T12:00:00.000Z" };
  browser.issuer.refusalDetails = { replacedBy };
  browser.clock.advance(MINUTE);
  await assert.rejects(tab.call(), code("session_ended"));
  assert.deepEqual(tab.eventsOf("session-ended"), [
    { type: "session-ended", reason: "replaced", replacedBy },
  ]);
});

test("a user who is banned from the API finds the session ended, with that reason", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  browser.issuer.endSessions();
  browser.issuer.refusal = "access_denied";
  browser.issuer.refusalReason = "banned";
  browser.clock.advance(MINUTE);
  await assert.rejects(tab.call(), code("session_ended"));
  assert.deepEqual(tab.eventsOf("session-ended"), [{ type: "session-ended", reason: "banned" }]);
});

for (const [name, outage] of [
  ["is down", () => new Response(null, { status: 503 })],
  ["limits requests", () => new Response(null, { status: 429 })],
  [
    "cannot be reached",
    () => {
      throw new TypeError("fetch failed");
    },
  ],
] as const) {
  test(`an issuer that ${name} ends no session`, async () => {
    const browser = new FakeBrowser();
    const tab = await browser.signedIn();
    browser.clock.advance(MINUTE);
    browser.issuer.outage = outage;
    await assert.rejects(tab.call(), code("issuer_unreachable"));
    browser.issuer.outage = undefined;
    assert.equal((await tab.call()).status, 200);
    assert.deepEqual(tab.eventsOf("session-ended"), []);
  });
}

test("tokens that arrive after the user signed out sign nobody in", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  browser.clock.advance(MINUTE);
  browser.issuer.beforeToken = () => tab.client.signOut();
  await assert.rejects(tab.call(), code("not_signed_in"));
  assert.equal(tab.client.user, undefined);
  assert.equal(tab.storage.getItem(SESSION_KEY), null);
});

test("a refresh that names another subject is refused", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  browser.clock.advance(MINUTE);
  browser.issuer.idTokenClaims = { sub: "mallory" };
  await assert.rejects(tab.call(), code("response_refused"));
  assert.equal(tab.client.user?.sub, "alice");
});
