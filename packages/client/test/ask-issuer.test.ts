/** A tab without tokens, while somebody is signed in at the issuer: a new one, or one that was closed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeBrowser, type Tab } from "./fake-browser.ts";

const promptOf = (url: string | undefined) => url && new URL(url).searchParams.get("prompt");
const typesIn = (tab: Tab) => tab.events.map(({ type }) => type);

test("a new tab asks the issuer, without asking the user, and without a step to go back to", async () => {
  const tab = new FakeBrowser().open();
  const { user, leaving } = await tab.client.start({ askIssuer: true });
  assert.deepEqual([user, leaving], [undefined, true]);
  assert.deepEqual(tab.page.visited.map(promptOf), ["none"]);
  assert.deepEqual(tab.page.replaced, tab.page.visited);
});

test("a new tab that is not told to ask stays where it is", async () => {
  const tab = new FakeBrowser().open();
  assert.deepEqual(await tab.client.start(), { user: undefined });
  assert.deepEqual(tab.page.visited, []);
});

test("the answer that somebody is signed in signs in here, with tokens of this tab", async () => {
  const browser = new FakeBrowser();
  const tab = browser.open();
  await tab.client.start({ askIssuer: true });
  const url = browser.issuer.authorize(tab.page.visited[0]!);
  const back = browser.open({ url, storage: tab.storage });
  assert.equal((await back.client.start({ askIssuer: true })).user?.sub, "alice");
});

test("the answer that nobody is signed in is no error, and nothing is asked again", async () => {
  for (const error of ["login_required", "consent_required", "interaction_required"]) {
    const browser = new FakeBrowser();
    const tab = browser.open();
    await tab.client.start({ askIssuer: true });
    const url = browser.issuer.authorize(tab.page.visited[0]!, { code: undefined, error });
    const back = browser.open({ url, storage: tab.storage });
    const { user, returnTo } = await back.client.start({ askIssuer: true });
    assert.deepEqual([user, returnTo], [undefined, "https://app.test/"]);
    assert.deepEqual(back.page.visited, []);
  }
});

test("the same answer to a sign-in that the user began is an error", async () => {
  const browser = new FakeBrowser();
  const tab = browser.open();
  const changes = { code: undefined, error: "login_required" };
  const url = browser.issuer.authorize(await tab.client.createSignInUrl(), changes);
  await assert.rejects(browser.open({ url, storage: tab.storage }).client.start(), {
    code: "sign_in_refused",
  });
});

test("an issuer that cannot be reached leaves the tab signed out, and not in an error", async () => {
  const browser = new FakeBrowser();
  browser.issuer.outage = () => new Response(null, { status: 503 });
  const tab = browser.open();
  assert.deepEqual(await tab.client.start({ askIssuer: true }), { user: undefined });
});

test("a tab in which the user signed out does not sign in by itself, until it is told to", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  await tab.client.signOut();
  const reloaded = browser.open({ storage: tab.storage });
  assert.deepEqual(await reloaded.client.start({ askIssuer: true }), { user: undefined });
  assert.deepEqual(reloaded.page.visited, []);
  const url = browser.issuer.authorize(await reloaded.client.createSignInUrl());
  await browser.open({ url, storage: tab.storage }).client.start();
  const copy = browser.open({ storage: tab.storage });
  assert.equal((await copy.client.start({ askIssuer: true })).user?.sub, "alice");
});

test("no tab signs in by itself once the user has signed out in one, not even a new one, until somebody signs in", async () => {
  const browser = new FakeBrowser();
  browser.issuer.idTokenClaims = { sid: "one" };
  const [first, second] = [await browser.signedIn(), await browser.signedIn()];
  await first.client.signOut();
  assert.deepEqual(second.eventsOf("signed-out"), [{ type: "signed-out", fromOtherTab: true }]);
  assert.equal(second.client.user, undefined);
  for (const tab of [browser.open({ storage: second.storage }), browser.open()]) {
    assert.deepEqual(await tab.client.start({ askIssuer: true }), { user: undefined });
    assert.deepEqual(tab.page.visited, []);
  }
  await browser.signedIn();
  assert.equal((await browser.open().client.start({ askIssuer: true })).leaving, true);
});

test("a sign-out ends no sign-in of another session at the issuer, nor one of which nobody says which session it is of", async () => {
  for (const [one, other] of [
    [{ sid: "one" }, { sid: "two" }],
    [{}, {}],
  ]) {
    const browser = new FakeBrowser();
    browser.issuer.idTokenClaims = one!;
    const first = await browser.signedIn();
    browser.issuer.idTokenClaims = other!;
    const second = await browser.signedIn();
    await first.client.signOut();
    assert.equal(second.client.user?.sub, "alice");
  }
});

test("a browser whose storage is full cannot remember that the user left, and everything ends all the same", async () => {
  const browser = new FakeBrowser();
  const tab = await browser.signedIn();
  browser.sharedStorage.setItem = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  await tab.client.signOut();
  assert.equal(tab.client.user, undefined);
  assert.deepEqual(tab.eventsOf("signed-out"), [{ type: "signed-out", fromOtherTab: false }]);
  const revoked = browser.issuer.requests.filter(({ url }) => url.endsWith("/token/revocation"));
  assert.equal(revoked.length, 1);
  assert.equal(tab.page.visited.length, 1, "and the session at the issuer is asked to end");
});

test("a refresh that was under way when the user signed out elsewhere does not bring the app back", async () => {
  const browser = new FakeBrowser();
  const [first, second] = [await browser.signedIn(), await browser.signedIn()];
  browser.issuer.changeClaims();
  await first.client.signOut();
  assert.equal((await second.call()).status, 200);
  assert.deepEqual(await browser.open().client.start({ askIssuer: true }), { user: undefined });
});

test("a tab where nobody is signed in hears of a sign-in in another, and one where somebody is does not", async () => {
  const browser = new FakeBrowser();
  const [signedOut, signedIn] = [browser.open(), await browser.signedIn()];
  assert.deepEqual(typesIn(signedOut), ["signed-in-elsewhere"]);
  await browser.signedIn();
  assert.deepEqual(typesIn(signedIn), ["signed-in"]);
});
