/** Answers to apps that ask for them by a form (OAuth 2.0 Form Post Response Mode 1.0). */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import {
  exchange,
  fillLogin,
  json,
  launchChromium,
  type Page,
  PlainBrowser,
} from "@portcullis/testing/end-to-end";
import { type Attempt, begin, pressFirst, redeem } from "../app.ts";
import { BOB, REDIRECT_URI, type ServerUnderTest, startServer } from "../server-under-test.ts";

const app = createServer(async (request, response) => {
  const body = await text(request);
  if (request.method === "POST") app.emit("posted", request.headers["content-type"], body);
  response.end("back at the app");
});
let callback: string;
let server: ServerUnderTest;
before(async () => {
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  callback = `http://127.0.0.1:${(app.address() as AddressInfo).port}/callback`;
  const change = ({ clients }: { clients: { redirectUris?: string[] }[] }) =>
    void clients[0]!.redirectUris!.push(callback);
  server = await startServer({ change: change as never });
});
after(async () => {
  app.closeAllConnections();
  app.close();
  await server.stop();
});

const beginByForm = (parameters: Record<string, string> = {}): Attempt =>
  begin(server.issuer, { response_mode: "form_post", ...parameters });

const isOfApp = (page: Page): boolean => page.forms[0]?.action === REDIRECT_URI;

async function pageWithAnswer(browser: PlainBrowser, { url }: Attempt): Promise<Page> {
  let page = await browser.open(url);
  for (let pages = 0; !isOfApp(page) && pages < 3; pages++)
    page = await pressFirst(browser, page, BOB, () => false);
  return page;
}

const policyOf = ({ headers }: Page): Record<string, string> =>
  Object.fromEntries(
    String(headers["content-security-policy"])
      .split(";")
      .map((directive) => directive.trim())
      .map((directive) => [directive.split(" ")[0]!, directive.slice(directive.indexOf(" ") + 1)]),
  );

describe("an answer by form_post", () => {
  it("is a form to the app's redirect URI, with a code that is good", async () => {
    const attempt = beginByForm();
    const page = await pageWithAnswer(new PlainBrowser(), attempt);
    assert.equal(page.status, 200);
    const [form, ...others] = page.forms;
    assert.equal(others.length, 0);
    assert.equal(form!.method, "POST");
    assert.deepEqual(Object.keys(form!.fields).sort(), ["code", "iss", "state"]);
    assert.equal(form!.fields.state, "some-state");
    assert.equal(form!.fields.iss, server.issuer);
    const answered = new URL(`${REDIRECT_URI}?code=${form!.fields.code}`);
    assert.equal((await redeem(server.issuer, attempt, answered)).status, 200);
  });

  it("has a policy by which nothing in the page itself runs, and which binds nowhere that the app leads on to", async () => {
    const policy = policyOf(await pageWithAnswer(new PlainBrowser(), beginByForm()));
    assert.equal(policy["form-action"], undefined, "browsers apply it to the app's redirects too");
    assert.equal(policy["script-src"], "'self'");
    assert.equal(policy["default-src"], "'none'");
    assert.equal(policy["frame-ancestors"], "'none'");
  });

  it("has a button for whoever runs no scripts, and is stored by nobody", async () => {
    const page = await pageWithAnswer(new PlainBrowser(), beginByForm());
    assert.equal(page.forms[0]!.buttons.length, 1);
    assert.equal(page.headers["cache-control"], "no-store");
  });

  it("holds what the app sent as text, whatever it is", async () => {
    const state = `"><script>alert(1)</script>'&`;
    const page = await pageWithAnswer(new PlainBrowser(), beginByForm({ state }));
    assert.equal(page.forms[0]!.fields.state, state);
    assert.doesNotMatch(page.body, /<script>/);
  });

  it("is used for errors as well", async () => {
    const page = await new PlainBrowser().open(beginByForm({ prompt: "none" }).url);
    assert.ok(isOfApp(page), page.body);
    const { error, state, iss } = page.forms[0]!.fields;
    assert.deepEqual(
      { error, state, iss },
      { error: "login_required", state: "some-state", iss: server.issuer },
    );
  });

  it("leads nowhere that is not registered", async () => {
    const page = await new PlainBrowser().open(beginByForm({ redirect_uri: "https://evil.test/" }).url);
    assert.equal(page.status, 400);
    assert.equal(page.forms.length, 0);
  });

  it("is offered by discovery", async () => {
    const metadata = json<Record<string, string[]>>(
      await exchange(`${server.issuer}/.well-known/openid-configuration`),
    );
    assert.deepEqual(metadata.response_modes_supported, ["form_post", "fragment", "query"]);
  });

  it("is sent by browsers without a click", async () => {
    const chromium = await launchChromium();
    try {
      const page = await (await chromium.newContext()).newPage();
      const posted = once(app, "posted");
      await page.goto(beginByForm({ redirect_uri: callback, prompt: "login consent" }).url.href);
      await fillLogin(page, BOB);
      await page.getByRole("button", { name: /allow/i }).click();
      const [type, body] = await posted;
      assert.equal(type, "application/x-www-form-urlencoded");
      assert.deepEqual([...new URLSearchParams(body).keys()].sort(), ["code", "iss", "state"]);
    } finally {
      await chromium.close();
    }
  });
});
