/** Apps that let their users choose an account, or create one. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { exchange, json, type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import {
  type Attempt,
  begin,
  claimsOf,
  isEnd,
  ok,
  passPages,
  pressFirst,
  redeem,
  refresh,
  signIn,
  verdictOf,
} from "../app.ts";
import { ALICE, BOB, type ServerUnderTest, startServer } from "../server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

const selecting = (parameters: Record<string, string> = {}): Attempt =>
  begin(server.issuer, { prompt: "select_account", ...parameters });

const subOf = async (attempt: Attempt, callback: URL): Promise<string> =>
  claimsOf(ok(await redeem(server.issuer, attempt, callback)).id_token).sub;

function press(browser: PlainBrowser, page: Page, value: string): Promise<Page> {
  const [form] = page.forms;
  const button = form!.buttons.find((candidate) => candidate.value === value);
  assert.ok(button, page.body);
  return browser.submit(page, form!, { button, isEnd });
}

describe("prompt=select_account", () => {
  it("asks whoever is signed in, and goes on as that", async () => {
    const { browser, claims } = await signIn(server);
    const attempt = selecting();
    const page = await browser.open(attempt.url, isEnd);
    assert.match(page.body, /<h1>Choose an account<\/h1>/);
    assert.match(page.body, /signed in as <bdi><strong>alice</);
    const { url } = await press(browser, page, "continue");
    assert.equal(await subOf(attempt, url), claims.sub);
  });

  it("lets another user sign in, who takes the place of the first", async () => {
    const device = await signIn(server);
    const attempt = selecting();
    const page = await device.browser.open(attempt.url, isEnd);
    const form = await press(device.browser, page, "another");
    assert.ok(form.forms[0]!.hasPassword, form.body);
    const callback = await passPages(device.browser, form.url, BOB);
    const { id } = (await server.server.people.users.findByName(BOB.username))!;
    assert.equal(await subOf(attempt, callback), id);
    assert.equal(verdictOf(server, device.access_token), "logged_out");
  });

  it("asks nobody who is not signed in, beside the sign-in", async () => {
    const browser = new PlainBrowser();
    const page = await browser.open(selecting().url, isEnd);
    assert.ok(page.forms[0]!.hasPassword, page.body);
    const next = await pressFirst(browser, page, ALICE);
    assert.doesNotMatch(next.body, /Choose an account/);
  });

  it("can be cancelled, and the app hears of it", async () => {
    const { browser } = await signIn(server);
    const page = await browser.open(selecting().url, isEnd);
    const { url } = await press(browser, page, "cancel");
    assert.equal(url.searchParams.get("error"), "access_denied");
  });

  it("is answered once, by a form of this very page", async () => {
    const { browser } = await signIn(server);
    const page = await browser.open(selecting().url, isEnd);
    const fields = { ...page.forms[0]!.fields, form: "A".repeat(43), decision: "continue" };
    const forged = await browser.request(page.url, { method: "POST", body: new URLSearchParams(fields) });
    assert.equal(forged.status, 403);
    await press(browser, page, "continue");
    const again = await press(browser, page, "another");
    assert.match(again.body, /already completed this step/);
  });

  it("that is answered by fifty requests at once gives codes for that account alone, each good once", async () => {
    const { browser, claims } = await signIn(server);
    const attempt = selecting();
    const page = await browser.open(attempt.url, isEnd);
    const pages = await Promise.all(
      Array.from({ length: 50 }, () => press(browser.copy(), page, "continue")),
    );
    const codes = pages.map(({ url }) => url).filter((url) => url.searchParams.has("code"));
    assert.ok(codes.length > 0);
    for (const callback of codes) assert.equal(await subOf(attempt, callback), claims.sub);
    assert.equal((await redeem(server.issuer, attempt, codes[0]!)).status, 400);
  });

  it("cannot be silent", async () => {
    const { browser } = await signIn(server);
    const { url } = await browser.open(selecting({ prompt: "none select_account" }).url, isEnd);
    assert.equal(url.searchParams.get("error"), "invalid_request");
  });
});

describe("a prompt that this server has not", () => {
  it("is told to the app, and not in discovery", async () => {
    for (const prompt of ["create", "dance"]) {
      const { url } = await new PlainBrowser().open(selecting({ prompt }).url, isEnd);
      assert.equal(url.searchParams.get("error"), "invalid_request", prompt);
    }
    const answer = await exchange(`${server.issuer}/.well-known/openid-configuration`);
    const { prompt_values_supported: known, check_session_iframe: iframe } =
      json<Record<string, unknown>>(answer);
    assert.deepEqual(known, ["none", "login", "consent", "select_account"]);
    assert.equal(iframe, undefined);
  });
});

describe("an ID token", () => {
  it("names the session by the same sid as the access token, at a refresh too", async () => {
    const { access_token, id_token, refresh_token } = await signIn(server);
    const { sid } = claimsOf(access_token);
    assert.match(sid, /^[\w-]{22}$/);
    const refreshed = ok(await refresh(server.issuer, refresh_token));
    for (const token of [id_token, refreshed.id_token]) assert.equal(claimsOf(token).sid, sid);
  });
});
