/** What others may send at the front channel, and what must not come of it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { type Exchange, exchange, json, type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import { begin, form, isEnd, redeem, signIn } from "../app.ts";
import { ALICE, REDIRECT_URI, type ServerUnderTest, startServer } from "../server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

const POISON = {
  host: "evil.test",
  "x-forwarded-host": "evil.test",
  "x-forwarded-proto": "gopher",
  "x-forwarded-port": "1",
  forwarded: "host=evil.test;proto=gopher",
};

describe("an authorization request that leads nowhere", () => {
  it("is told to people in a sentence, with what its developers need below", async () => {
    const page = await exchange(`${server.issuer}/authorize`);
    assert.equal(page.status, 400);
    assert.match(
      page.body,
      /<p>The app that sent you here sent a request that is not complete or not valid\.<\/p>/,
    );
    assert.match(page.body, /For the developers of the app: missing required parameter/);
    const other = await exchange(begin(server.issuer, { client_id: "nobody" }).url);
    assert.match(other.body, /<p>The app that sent you here is not available on this server\.<\/p>/);
  });
});

describe("a Host header that somebody made up", () => {
  it("reaches no URL in discovery, at any path, redirect, form or cookie", async () => {
    const { id_token } = await signIn(server);
    const answers = await Promise.all([
      exchange(`${server.issuer}/.well-known/openid-configuration`, { headers: POISON }),
      exchange(`${server.issuer}/.well-known/oauth-authorization-server`, { headers: POISON }),
      exchange(begin(server.issuer).url, { headers: POISON }),
      exchange(`${server.issuer}/logout?id_token_hint=${id_token}`, {
        headers: { ...POISON, accept: "text/html" },
      }),
      exchange(`${server.issuer}/account`, { headers: { ...POISON, accept: "text/html" } }),
      exchange(`${server.issuer}/nowhere`, { headers: { ...POISON, accept: "text/html" } }),
    ]);
    for (const { headers, body } of answers) {
      assert.doesNotMatch(JSON.stringify(headers) + body, /evil\.test|gopher/);
    }
    assert.equal(json(answers[0]!).token_endpoint, `${server.issuer}/token`);
  });
});

describe("a request target that is a whole URL of somebody else", () => {
  it("reaches no URL in discovery", async () => {
    const { port } = new URL(server.issuer);
    const path = "http://evil.test/.well-known/openid-configuration";
    const [answer] = await once(request({ host: "127.0.0.1", port, path }).end(), "response");
    const document = JSON.parse(await text(answer));
    assert.doesNotMatch(JSON.stringify(document), /evil\.test/);
    assert.equal(document.token_endpoint, `${server.issuer}/token`);
  });
});

describe("a redirect URI", () => {
  const spellings = [
    `${REDIRECT_URI}/`,
    `${REDIRECT_URI}?x=1`,
    `${REDIRECT_URI}#fragment`,
    `${REDIRECT_URI}%2f..`,
    `${REDIRECT_URI}/../evil`,
    REDIRECT_URI.replace("/callback", "/Callback"),
    REDIRECT_URI.replace("127.0.0.1", "127.0.0.1.evil.test"),
    REDIRECT_URI.replace("127.0.0.1", "localhost"),
    REDIRECT_URI.replace("127.0.0.1:9403", "127.0.0.1:9404"),
    REDIRECT_URI.replace("http://", "http://user@"),
    REDIRECT_URI.replace("http://127.0.0.1:9403", "http://127.0.0.1:9403@evil.test"),
    REDIRECT_URI.replace("http://", "http:\\\\"),
    REDIRECT_URI.replace("http://", "HTTP://"),
    REDIRECT_URI.replace("http://", "https://"),
    ` ${REDIRECT_URI}`,
    "javascript:alert(1)",
    "data:text/html,x",
    "//evil.test/callback",
    "https://evil.test/callback",
  ];
  for (const spelling of spellings) {
    it(`is not followed when it is ${JSON.stringify(spelling)}`, async () => {
      const answer = await exchange(begin(server.issuer, { redirect_uri: spelling }).url);
      assert.equal(answer.status, 400);
      assert.equal(answer.headers.location, undefined);
      assert.equal(answer.headers["set-cookie"], undefined, "no interaction was begun");
    });
  }

  it("is not followed when it is left out, or there twice", async () => {
    const { url } = begin(server.issuer);
    const twice = new URL(url);
    twice.searchParams.append("redirect_uri", "https://evil.test/");
    for (const candidate of [begin(server.issuer, { redirect_uri: undefined }).url, twice]) {
      const answer = await exchange(candidate);
      assert.equal(answer.status, 400);
      assert.equal(answer.headers.location, undefined);
    }
  });

  it("must be the same when the code is redeemed", async () => {
    const attempt = begin(server.issuer);
    const { browser } = await signIn(server);
    const { url } = await browser.open(attempt.url, isEnd);
    const body = form({
      grant_type: "authorization_code",
      client_id: "web",
      code: url.searchParams.get("code")!,
      redirect_uri: `${REDIRECT_URI}/`,
      code_verifier: attempt.verifier,
    });
    assert.equal((await exchange(`${server.issuer}/token`, { body })).status, 400);
    assert.equal((await redeem(server.issuer, attempt, url)).status, 200);
  });
});

/** What browsers send along with a form of another site. */
const FOREIGN: Record<string, Record<string, string>> = {
  "an Origin of another site": { origin: "https://evil.test" },
  "the Origin null and no more": { origin: "null" },
  "Sec-Fetch-Site: cross-site": { origin: "null", "sec-fetch-site": "cross-site" },
  "Sec-Fetch-Site: same-site": { "sec-fetch-site": "same-site" },
};

const post = (browser: PlainBrowser, url: URL | string, fields: Record<string, string>, headers = {}) =>
  browser.request(url, { method: "POST", body: new URLSearchParams(fields), headers });

const assertForbidden = (answer: Exchange) => assert.equal(answer.status, 403, answer.body);

describe("the sign-in form", () => {
  let browser: PlainBrowser;
  let page: Page;
  before(async () => {
    browser = new PlainBrowser();
    page = await browser.open(begin(server.issuer).url, isEnd);
  });

  for (const [name, headers] of Object.entries(FOREIGN)) {
    it(`is refused with ${name}`, async () => {
      assertForbidden(await post(browser, page.url, { ...page.forms[0]!.fields, ...ALICE }, headers));
    });
  }

  it("is refused without its token, with that of another page, and with the token twice", async () => {
    const other = await new PlainBrowser().open(begin(server.issuer).url, isEnd);
    assertForbidden(await post(browser, page.url, ALICE));
    assertForbidden(await post(browser, page.url, { ...other.forms[0]!.fields, ...ALICE }));
    const token = page.forms[0]!.fields.form!;
    const twice = new URLSearchParams([["form", token], ["form", token], ...Object.entries(ALICE)]);
    assertForbidden(await browser.request(page.url, { method: "POST", body: twice }));
  });

  it("is refused in a browser that was not shown it", async () => {
    const stranger = new PlainBrowser();
    const answer = await stranger.submit(page, page.forms[0]!, { fill: ALICE, isEnd });
    assert.equal(answer.status, 400);
    assert.match(answer.body, /interaction_expired/);
  });

  it("takes a browser's own form, whose Origin is null for want of a referrer", async () => {
    const headers = { origin: "null", "sec-fetch-site": "same-origin" };
    const answer = await post(browser, page.url, { ...page.forms[0]!.fields, ...ALICE }, headers);
    assert.equal(answer.status, 303, answer.body);
  });
});

describe("the consent form", () => {
  async function consentPage(): Promise<{ browser: PlainBrowser; page: Page }> {
    const browser = new PlainBrowser();
    const attempt = begin(server.issuer, { prompt: "login consent", scope: "openid profile orders.read" });
    const first = await browser.open(attempt.url, isEnd);
    return { browser, page: await browser.submit(first, first.forms[0]!, { fill: ALICE, isEnd }) };
  }

  it("is refused from another site and without its token", async () => {
    const { browser, page } = await consentPage();
    const { fields } = page.forms[0]!;
    assertForbidden(
      await post(browser, page.url, { ...fields, decision: "allow" }, { origin: "https://evil.test" }),
    );
    assertForbidden(await post(browser, page.url, { decision: "allow" }));
  });

  it("does nothing without a decision", async () => {
    const { browser, page } = await consentPage();
    assertForbidden(await post(browser, page.url, page.forms[0]!.fields));
  });

  it("shows what is asked for, by whom, for whom, and where it leads", async () => {
    const { page } = await consentPage();
    for (const text of [
      "Demo shop",
      "alice",
      "Read your orders",
      "See your profile, such as your name and your username",
      "127.0.0.1:9403",
    ]) {
      assert.ok(page.body.includes(text), text);
    }
  });
});

describe("every page", () => {
  const headersOf = async (url: URL | string) =>
    (await new PlainBrowser().open(url, isEnd)).headers as Record<string, string>;

  it("forbids scripts, frames, referrers, sniffing and storing", async () => {
    for (const url of [
      begin(server.issuer).url,
      `${server.issuer}/account`,
      `${server.issuer}/logout`,
      `${server.issuer}/nowhere`,
    ]) {
      const headers = await headersOf(url);
      const policy = headers["content-security-policy"]!;
      assert.match(policy, /default-src 'none'/);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.match(policy, /base-uri 'none'/);
      assert.doesNotMatch(policy, /unsafe/);
      assert.equal(headers["referrer-policy"], "no-referrer");
      assert.equal(headers["x-content-type-options"], "nosniff");
      assert.match(headers["cache-control"]!, /no-store/);
    }
  });

  it("lets its form lead to this server alone: a page of ours leads on to the app", async () => {
    const { browser } = await signIn(server);
    const page = await browser.open(begin(server.issuer, { prompt: "login" }).url, isEnd);
    assert.match(page.headers["content-security-policy"] as string, /form-action 'self'(;|$)/);
    const led = await browser.submit(page, page.forms[0]!, { fill: ALICE, isEnd });
    const last = led.trail.at(-1)!;
    assert.deepEqual([last.status, last.headers.location], [200, undefined]);
    assert.match(last.headers["content-security-policy"] as string, /form-action 'self'(;|$)/);
    assert.ok(led.url.searchParams.has("code"));
  });

  it("can be in an app's window and know it, if apps lead people to it", async () => {
    const openerPolicyOf = async (url: URL | string) => (await headersOf(url))["cross-origin-opener-policy"];
    for (const url of [
      begin(server.issuer).url,
      begin(server.issuer, { client_id: "nobody" }).url,
      `${server.issuer}/interaction/over`,
      `${server.issuer}/logout`,
    ])
      assert.equal(await openerPolicyOf(url), "unsafe-none", String(url));
    for (const path of ["/account", "/nowhere", "/authorized", "/setup"])
      assert.equal(await openerPolicyOf(server.issuer + path), "same-origin", path);
  });

  it("escapes what came with the request", async () => {
    const url = begin(server.issuer, { login_hint: '"><script>alert(1)</script>' }).url;
    const page = await new PlainBrowser().open(url, isEnd);
    assert.doesNotMatch(page.body, /<script>/);
    assert.match(page.body, /&lt;script&gt;/);
  });
});

describe("requests from a page of an app (CORS)", () => {
  const tokenFrom = (origin: string) =>
    exchange(`${server.issuer}/token`, {
      body: form({ grant_type: "refresh_token", client_id: "web", refresh_token: "none" }),
      headers: { origin },
    });

  it("are answered to the origins of the client's redirect URIs", async () => {
    const answer = await tokenFrom("http://127.0.0.1:9403");
    assert.equal(answer.headers["access-control-allow-origin"], "http://127.0.0.1:9403");
    assert.equal(json(answer).error, "invalid_grant");
  });

  it("are refused to others", async () => {
    for (const origin of ["https://evil.test", "null"]) {
      const answer = await tokenFrom(origin);
      assert.equal(answer.headers["access-control-allow-origin"], undefined);
      assert.equal(json(answer).error, "invalid_request");
    }
  });

  it("may be sent with cookies from these origins, which keycloak-js does, and from no others", async () => {
    const credentials = async (origin: string) =>
      (await tokenFrom(origin)).headers["access-control-allow-credentials"];
    assert.equal(await credentials("http://127.0.0.1:9403"), "true");
    assert.equal(await credentials("https://evil.test"), undefined);
    assert.equal(await credentials("null"), undefined);
    const ofNobody = await exchange(`${server.issuer}/token`, {
      body: form({ grant_type: "refresh_token", client_id: "nobody", refresh_token: "none" }),
      headers: { origin: "https://evil.test" },
    });
    assert.equal(ofNobody.headers["access-control-allow-credentials"], undefined);
  });

  it("may be asked for beforehand, by name and never by a star", async () => {
    const preflight = (path: string) =>
      exchange(server.issuer + path, {
        method: "OPTIONS",
        headers: {
          origin: "http://127.0.0.1:9403",
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization",
        },
      });
    for (const path of ["/token", "/userinfo", "/revoke"]) {
      const { status, headers } = await preflight(path);
      assert.equal(status, 204);
      assert.equal(headers["access-control-allow-origin"], "http://127.0.0.1:9403");
      assert.equal(headers["access-control-allow-credentials"], "true");
      assert.equal(headers["access-control-allow-headers"], "authorization");
    }
    assert.equal((await preflight("/jwks")).headers["access-control-allow-credentials"], undefined);
  });

  it("are told what was wrong before the request was read", async () => {
    const answer = await exchange(`${server.issuer}/token`, {
      method: "PUT",
      headers: { origin: "http://127.0.0.1:9403" },
    });
    assert.deepEqual([answer.status, answer.headers["access-control-allow-origin"]], [405, "*"], answer.body);
  });

  it("are answered to everybody for discovery", async () => {
    const answer = await exchange(`${server.issuer}/.well-known/openid-configuration`, {
      headers: { origin: "https://anybody.test" },
    });
    assert.equal(answer.headers["access-control-allow-origin"], "https://anybody.test");
  });
});

describe("a pushed authorization request", () => {
  it("is good for one authorization", async () => {
    const { browser } = await signIn(server);
    const attempt = begin(server.issuer);
    const pushed = await exchange(`${server.issuer}/par`, { body: attempt.url.searchParams });
    assert.equal(pushed.status, 201, pushed.body);
    const url = new URL("/authorize", server.issuer);
    url.search = form({
      client_id: "web",
      request_uri: json<{ request_uri: string }>(pushed).request_uri,
    }).toString();
    const answers = await Promise.all(Array.from({ length: 10 }, () => browser.open(url, isEnd)));
    const codes = answers.filter((page) => page.url.searchParams.has("code"));
    assert.equal(codes.length, 1);
    assert.equal((await redeem(server.issuer, attempt, codes[0]!.url)).status, 200);
  });
});
