/** Requests to sign in and to sign out that an app sends by a form of its own. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { exchange, fillLogin, launchChromium, PlainBrowser } from "@portcullis/testing/end-to-end";
import { begin, isEnd, passPages, redeem, signIn, verdictOf } from "../app.ts";
import { AFTER_LOGOUT, BOB, type ServerUnderTest, startServer } from "../server-under-test.ts";

/** A page of another site, where the app is: to a browser `localhost` and `127.0.0.1` are two. */
const app = createServer((_request, response) => {
  response.setHeader("content-type", "text/html").end("<!doctype html><title>App</title><body></body>");
});
let appUrl: string;
let server: ServerUnderTest;
before(async () => {
  server = await startServer();
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  appUrl = `http://localhost:${(app.address() as AddressInfo).port}/`;
});
after(async () => {
  app.closeAllConnections();
  app.close();
  await server.stop();
});

/** As a browser sends it from a page of another site: without the session. */
const post = (path: string, body: URLSearchParams) =>
  exchange(`${server.issuer}${path}`, { method: "POST", body, headers: { accept: "text/html" } });

describe("an authorization request by POST", () => {
  it("is led on to the same request by GET, and touches no cookie", async () => {
    const { url } = begin(server.issuer);
    const answer = await post("/authorize", url.searchParams);
    assert.equal(answer.status, 303);
    assert.equal(answer.headers["set-cookie"], undefined);
    assert.equal(new URL(answer.headers.location!, `${server.issuer}/authorize`).href, url.href);
  });

  it("signs in through the pages, to a code that is good", async () => {
    const browser = new PlainBrowser();
    const attempt = begin(server.issuer);
    const { headers } = await post("/authorize", attempt.url.searchParams);
    const callback = await passPages(browser, new URL(headers.location!, `${server.issuer}/authorize`));
    assert.equal((await redeem(server.issuer, attempt, callback)).status, 200);
  });

  it("keeps a parameter that comes twice, which is refused then", async () => {
    const { searchParams } = begin(server.issuer).url;
    searchParams.append("redirect_uri", "https://evil.test/");
    const { headers } = await post("/authorize", searchParams);
    const answer = await exchange(new URL(headers.location!, `${server.issuer}/authorize`));
    assert.equal(answer.status, 400);
    assert.equal(answer.headers.location, undefined);
  });

  it("may be as long as one by GET, and no longer", async () => {
    const { searchParams } = begin(server.issuer).url;
    const withState = (length: number) => {
      searchParams.set("state", "s".repeat(length));
      return searchParams;
    };
    const room = 8192 - `/authorize?${withState(0)}`.length;
    assert.equal((await post("/authorize", withState(room))).status, 303);
    const answer = await post("/authorize", withState(room + 1));
    assert.equal(answer.status, 414);
    assert.match(answer.body, /request_too_large/);
  });

  it("is refused when its body is no form", async () => {
    const headers = { "content-type": "application/json" };
    const answer = await exchange(`${server.issuer}/authorize`, { method: "POST", body: "{}", headers });
    assert.equal(answer.status, 415);
  });
});

describe("a sign-out request by POST", () => {
  const requestOf = (id_token: string) =>
    new URLSearchParams({ id_token_hint: id_token, post_logout_redirect_uri: AFTER_LOGOUT, state: "xyz" });

  it("ends nothing by itself, and is asked about like one by GET", async () => {
    const device = await signIn(server);
    const head = server.server.storage.log.head();
    const answer = await post("/logout", requestOf(device.id_token));
    assert.equal(answer.status, 303);
    assert.equal(answer.headers["set-cookie"], undefined);
    const page = await device.browser.open(new URL(answer.headers.location!, `${server.issuer}/logout`));
    assert.equal(verdictOf(server, device.access_token), "allow");
    assert.equal(server.server.storage.log.head(), head);
    const after = await device.browser.submit(page, page.forms[0]!, {
      isEnd: (url) => url.href.startsWith(AFTER_LOGOUT),
    });
    assert.equal(after.url.href, `${AFTER_LOGOUT}?state=xyz`);
    assert.equal(verdictOf(server, device.access_token), "logged_out");
  });
});

describe("a browser that sends a form of another site", () => {
  it("is recognized by its session, when it signs in again and when it signs out", async () => {
    const chromium = await launchChromium();
    try {
      const context = await chromium.newContext();
      const send = async (path: string, fields: URLSearchParams) => {
        const page = await context.newPage();
        await page.goto(appUrl);
        await page.evaluate(sendForm, [`${server.issuer}${path}`, [...fields]] as const);
        return page;
      };
      const signing = await send("/authorize", begin(server.issuer).url.searchParams);
      await fillLogin(signing, BOB);
      const [allowed] = await Promise.all([
        signing.waitForRequest((request) => isEnd(new URL(request.url()))),
        signing.getByRole("button", { name: /allow/i }).click(),
      ]);
      assert.ok(new URL(allowed.url()).searchParams.has("code"));
      const silently = context.waitForEvent("request", (request) => isEnd(new URL(request.url())));
      await send("/authorize", begin(server.issuer, { prompt: "none" }).url.searchParams);
      const { searchParams } = new URL((await silently).url());
      assert.ok(searchParams.has("code"), `${searchParams}`);
      const signingOut = await send("/logout", new URLSearchParams({ client_id: "web" }));
      await signingOut
        .getByRole("button", { name: /sign out/i })
        .first()
        .waitFor();
    } finally {
      await chromium.close();
    }
  });
});

/** In the page of the app. */
function sendForm([action, fields]: readonly [string, readonly (readonly [string, string])[]]): void {
  const form = Object.assign(document.createElement("form"), { method: "post", action });
  for (const [name, value] of fields)
    form.append(Object.assign(document.createElement("input"), { name, value }));
  document.body.append(form);
  form.submit();
}
