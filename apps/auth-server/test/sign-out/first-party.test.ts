/** Apps of the operator's own ask for no consent, and sign out without a question. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { PlainBrowser } from "@portcullis/testing/end-to-end";
import { begin, isEnd, pressFirst, type SignedIn, signIn, verdictOf } from "../oidc/app.ts";
import {
  AFTER_LOGOUT,
  ALICE,
  BOB,
  REDIRECT_URI,
  type ServerUnderTest,
  startServer,
} from "../oidc/server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer({
    change: ({ clients }) =>
      (clients as object[]).push({
        clientId: "own",
        name: "Our shop",
        firstParty: true,
        redirectUris: [REDIRECT_URI],
        postLogoutRedirectUris: [AFTER_LOGOUT],
        grantTypes: ["authorization_code", "refresh_token"],
        resources: { "https://orders.portcullis.example": ["orders.read", "orders.write"] },
      }),
  });
});
after(() => server.stop());

const OWN = { client_id: "own" };
const isBye = (url: URL) => url.href.startsWith(AFTER_LOGOUT);

function logoutUrl({ id_token }: SignedIn, parameters: Record<string, string> = {}): URL {
  const url = new URL("/logout", server.issuer);
  const all = {
    id_token_hint: id_token,
    post_logout_redirect_uri: AFTER_LOGOUT,
    state: "xyz",
    ...parameters,
  };
  for (const [name, value] of Object.entries(all)) url.searchParams.set(name, value);
  return url;
}

describe("an app of the operator's own", () => {
  it("asks for no consent, and gets what it asks for and no more", async () => {
    const browser = new PlainBrowser();
    const first = await browser.open(begin(server.issuer, OWN).url, isEnd);
    const done = await pressFirst(browser, first);
    assert.ok(isEnd(done.url), done.body);
    const { claims } = await signIn(server, { parameters: { ...OWN, scope: "openid orders.read" } });
    assert.equal(claims.scope, "orders.read");
    const more = await signIn(server, { parameters: { ...OWN, scope: "openid orders.read orders.write" } });
    assert.equal(more.claims.scope, "orders.read orders.write");
  });

  it("is answered at once where its user is signed in, though nobody may be asked", async () => {
    const { browser } = await signIn(server, { parameters: OWN });
    const { url } = await browser.open(begin(server.issuer, { ...OWN, prompt: "none" }).url, isEnd);
    assert.ok(url.searchParams.has("code"), url.href);
  });

  it("is shown consent when it asks for that", async () => {
    const { browser } = await signIn(server, { parameters: OWN });
    const page = await browser.open(begin(server.issuer, { ...OWN, prompt: "consent" }).url, isEnd);
    assert.match(page.body, /Allow <bdi>Our shop<\/bdi>\?/);
  });

  it("leaves no consent behind, and is in the list of apps as what it is", async () => {
    const { browser } = await signIn(server, { parameters: OWN, credentials: BOB });
    const { read } = server.server.storage;
    const rows = await read.selectFrom("oidc_consents").selectAll().where("client_id", "=", "own").execute();
    assert.deepEqual(rows, []);
    const page = await browser.open(`${server.issuer}/account`);
    assert.match(page.body, /Our shop<\/strong><\/bdi>\s*<p class="note">Part of this service/);
    const form = page.forms.find(({ fields }) => fields.client === "own")!;
    assert.match((await browser.submit(page, form)).body, /You are signed out of Our shop\./);
  });
});

describe("a link to an app of the operator's own", () => {
  const grants = async () => {
    const { read } = server.server.storage;
    return read.selectFrom("oidc_grants").select(["id", "payload"]).where("client_id", "=", "own").execute();
  };
  const BOTH = "openid orders.read orders.write";
  const unanswered: Readonly<Record<string, Record<string, string>>> = {
    "asks to sign in again": { prompt: "login" },
    "asks for consent": { prompt: "consent" },
    "may ask nothing, and must": { prompt: "none", max_age: "0" },
    "comes too long after the sign-in": { max_age: "0" },
  };

  for (const [what, parameters] of Object.entries(unanswered)) {
    it(`makes no grant, and widens none, while it ${what}`, async () => {
      const { browser } = await signIn(server);
      await server.server.storage.write(({ db }) =>
        db.deleteFrom("oidc_grants").where("client_id", "=", "own").execute(),
      );
      server.advance(10_000);
      const follow = () =>
        browser.open(begin(server.issuer, { ...OWN, scope: BOTH, ...parameters }).url, isEnd);
      const { url } = await follow();
      assert.equal(url.searchParams.get("code"), null, url.href);
      assert.deepEqual(await grants(), []);
      await browser.open(begin(server.issuer, { ...OWN, scope: "openid orders.read" }).url, isEnd);
      const narrow = await grants();
      assert.equal(narrow.length, 1);
      server.advance(10_000);
      await follow();
      assert.deepEqual(await grants(), narrow);
    });
  }

  it("makes one grant when it is answered, and keeps it for the next", async () => {
    const { browser } = await signIn(server);
    await server.server.storage.write(({ db }) =>
      db.deleteFrom("oidc_grants").where("client_id", "=", "own").execute(),
    );
    const follow = async (scope: string) => {
      const { url } = await browser.open(begin(server.issuer, { ...OWN, scope }).url, isEnd);
      assert.ok(url.searchParams.has("code"), url.href);
      return grants();
    };
    const narrow = await follow("openid orders.read");
    assert.equal(narrow.length, 1);
    assert.deepEqual(await follow("openid orders.read"), narrow);
    const wide = await follow(BOTH);
    assert.deepEqual([wide.length, wide[0]!.id], [1, narrow[0]!.id]);
    assert.match(wide[0]!.payload, /orders\.write/);
    assert.deepEqual(await follow("openid orders.read"), wide);
  });
});

describe("an app of the operator's own that signs its user out", () => {
  it("is led back at once, with the session ended, one line in the log, and the receipt", async () => {
    const device = await signIn(server, { parameters: OWN });
    const head = server.server.storage.log.head();
    const page = await device.browser.open(logoutUrl(device), isBye);
    assert.equal(page.url.href, `${AFTER_LOGOUT}?state=xyz`);
    assert.match(String(page.headers["portcullis-receipt"]), new RegExp(`^seq=${head + 1}, state=enforced`));
    assert.equal(server.server.storage.log.head(), head + 1);
    assert.equal(verdictOf(server, device.access_token), "logged_out");
    const again = await device.browser.open(begin(server.issuer, OWN).url, isEnd);
    assert.ok(again.forms[0]?.hasPassword);
  });

  const lives = async (device: SignedIn, browser: PlainBrowser, url = logoutUrl(device)) => {
    const page = await browser.open(url, isBye);
    assert.ok(!isBye(page.url), page.url.href);
    assert.equal(verdictOf(server, device.access_token), "allow");
    return page;
  };

  it("ends nothing by its hint alone, without the cookie", async () => {
    const device = await signIn(server, { parameters: OWN });
    assert.match((await lives(device, new PlainBrowser())).body, /You were not signed out/);
  });

  it("is asked when the hint is of another session of the same user", async () => {
    const [here, there] = [
      await signIn(server, { parameters: OWN }),
      await signIn(server, { parameters: OWN }),
    ];
    assert.match((await lives(there, here.browser)).body, /<h1>Sign out\?/);
    assert.equal(verdictOf(server, here.access_token), "allow");
  });

  it("ends nobody else's session", async () => {
    const alice = await signIn(server, { parameters: OWN, credentials: ALICE });
    const bob = await signIn(server, { parameters: OWN, credentials: BOB });
    await lives(alice, bob.browser);
    assert.equal(verdictOf(server, bob.access_token), "allow");
  });

  it("is asked without a hint, with one that was changed, and with one of another app", async () => {
    const device = await signIn(server, { parameters: OWN });
    const other = await signIn(server, { browser: device.browser });
    const bare = new URL("/logout?client_id=own", server.issuer);
    assert.match((await lives(device, device.browser, bare)).body, /<h1>Sign out\?/);
    const [head, payload, signature] = device.id_token.split(".");
    const changed = `${head}.${payload}.${signature!.split("").reverse().join("")}`;
    const forged = logoutUrl(device, { id_token_hint: changed });
    assert.match((await lives(device, device.browser, forged)).body, /<h1>Sign out\?/);
    assert.match((await lives(device, device.browser, logoutUrl(other))).body, /<h1>Sign out\?/);
  });
});
