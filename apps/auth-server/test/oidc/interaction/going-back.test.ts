/** Back, reload and double click on the pages between an app's request and its answer. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import { begin, isEnd, pressFirst, signIn } from "../app.ts";
import { ALICE, type ServerUnderTest, startServer } from "../server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

const WRONG = { ...ALICE, password: "not the password" };

async function signInPage(): Promise<{ browser: PlainBrowser; page: Page }> {
  const browser = new PlainBrowser();
  return { browser, page: await browser.open(begin(server.issuer, { prompt: "login consent" }).url, isEnd) };
}

const devices = async () => {
  const { oidc, people } = server.server;
  return oidc.sessions.devicesOf((await people.users.findByName(ALICE.username))!.id);
};

describe("a sign-in page that was answered", () => {
  it("tells whoever goes back to it that they are signed in", async () => {
    const { browser, page } = await signInPage();
    const consent = await pressFirst(browser, page);
    await pressFirst(browser, consent);
    for (const { url } of [page, consent]) {
      const back = await browser.open(url, isEnd);
      assert.equal(back.status, 200);
      assert.match(back.body, /<h1>You are signed in<\/h1>/);
    }
    const again = await browser.submit(consent, consent.forms[0]!, { isEnd });
    assert.match(again.body, /<h1>You are signed in<\/h1>/);
  });

  it("tells whoever is not signed in to start again", async () => {
    const { page } = await signInPage();
    const stranger = await new PlainBrowser().open(page.url, isEnd);
    assert.equal(stranger.status, 400);
    assert.match(stranger.body, /Go back to the app and start again\./);
  });

  it("takes a double click for one sign-in, on one device", async () => {
    const before = (await devices()).length;
    const { browser, page } = await signInPage();
    const post = () =>
      browser.request(page.url, {
        method: "POST",
        body: new URLSearchParams({ ...page.forms[0]!.fields, ...ALICE }),
      });
    // A browser follows the answer to the last click alone.
    const [, last] = await Promise.all([post(), post()]);
    const consent = await browser.open(new URL(last.headers.location!, server.issuer), isEnd);
    assert.match(consent.body, /Allow <bdi>Demo shop<\/bdi>\?/);
    assert.equal((await devices()).length, before + 1);
  });
});

describe("a sign-in that failed", () => {
  it("is answered by a page that can be loaded again without sending the password again", async () => {
    const { browser, page } = await signInPage();
    const failed = await browser.submit(page, page.forms[0]!, { fill: WRONG, isEnd });
    assert.deepEqual([failed.trail[0]!.status, failed.status], [303, 422]);
    assert.match(failed.body, /role="alert">The username or password is not correct\./);
    assert.match(failed.body, /value="alice"/);
    const reloaded = await browser.open(failed.url, isEnd);
    assert.equal(reloaded.status, 200);
    assert.doesNotMatch(reloaded.body, /role="alert"/);
    const consent = await browser.submit(reloaded, reloaded.forms[0]!, { fill: ALICE, isEnd });
    assert.match(consent.body, /Allow <bdi>Demo shop<\/bdi>\?/);
  });

  it("on the page of another app's sign-out can be loaded again too", async () => {
    const device = await signIn(server);
    const url = new URL("/logout", server.issuer);
    url.searchParams.set("id_token_hint", device.id_token);
    const browser = new PlainBrowser();
    const page = await browser.open(url);
    const failed = await browser.submit(page, page.forms[0]!, { fill: WRONG });
    assert.deepEqual([failed.trail[0]!.status, failed.status], [303, 422]);
    const reloaded = await browser.open(failed.url);
    assert.equal(reloaded.status, 200);
    const done = await browser.submit(reloaded, reloaded.forms[0]!, { fill: ALICE });
    assert.match(done.body, /<h1>Signed out<\/h1>/);
  });
});

describe("the address of a form", () => {
  it("leads to a page when it is opened", async () => {
    for (const path of ["confirm", "sign-in", "success"]) {
      const page = await new PlainBrowser().open(`${server.issuer}/logout/${path}`);
      assert.equal(page.status, 200, path);
      assert.doesNotMatch(page.body, /ended/, path);
    }
  });
});
