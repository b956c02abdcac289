import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { exchange, type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import {
  assertRefused,
  begin,
  isEnd,
  machineToken,
  ok,
  refresh,
  revokeByApi,
  type SignedIn,
  signIn,
  verdictOf,
  withBrokenLog,
} from "./app.ts";
import { AFTER_LOGOUT, type ServerUnderTest, startServer } from "./server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

function logoutUrl({ id_token }: SignedIn, parameters: Record<string, string> = {}): URL {
  const url = new URL("/logout", server.issuer);
  for (const [name, value] of Object.entries({ id_token_hint: id_token, ...parameters })) {
    url.searchParams.set(name, value);
  }
  return url;
}

const isBye = (url: URL) => url.href.startsWith(AFTER_LOGOUT);

async function logOut(device: SignedIn, parameters: Record<string, string> = {}): Promise<Page> {
  const page = await device.browser.open(logoutUrl(device, parameters));
  return device.browser.submit(page, page.forms[0]!, { isEnd: isBye });
}

describe("logging out", () => {
  it("ends the session and all below it with one line in the log, and says so", async () => {
    const device = await signIn(server);
    const head = server.server.storage.log.head();
    const page = await logOut(device);
    assert.equal(server.server.storage.log.head(), head + 1);
    assert.equal(verdictOf(server, device.access_token), "logged_out");
    assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
    assert.match(page.body, /<h1>Signed out<\/h1>/);
    assert.match(page.body, /no verifier is running/);
    assert.match(
      String(page.trail[0]!.headers["portcullis-receipt"]),
      new RegExp(`^seq=${head + 1}, state=enforced`),
    );
  });

  it("ends tokens of offline_access as well", async () => {
    const device = await signIn(server, {
      parameters: { scope: "openid offline_access orders.read", prompt: "consent" },
    });
    await logOut(device);
    assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
  });

  it("leads back to the app with its state, and the receipt in the header", async () => {
    const device = await signIn(server);
    const page = await logOut(device, { post_logout_redirect_uri: AFTER_LOGOUT, state: "xyz" });
    assert.equal(page.url.href, `${AFTER_LOGOUT}?state=xyz`);
    assert.match(String(page.headers["portcullis-receipt"]), /state=enforced/);
  });

  it("is not claimed on the page after it when that is opened by a link", async () => {
    const { browser } = await signIn(server);
    for (const query of ["", "?client_id=web"]) {
      const page = await browser.open(`${server.issuer}/logout/success${query}`);
      assert.match(page.body, /<h1>You are signed in<\/h1>/);
      assert.doesNotMatch(page.body, /ended|no longer/);
    }
  });

  it("has an answer of a size that browsers take while many verifiers lag", async () => {
    const device = await signIn(server);
    const accessToken = await machineToken(
      server.issuer,
      "orders",
      `${server.issuer}/api`,
      "revocations.read",
    );
    const { log } = server.server.storage;
    const names = Array.from({ length: 200 }, (_, at) => `verifier-${at}`.padEnd(64, "x"));
    const lease = (replica: string, leaseMs: number) =>
      exchange(`${server.issuer}/revocations/lease`, {
        method: "POST",
        headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/json" },
        body: JSON.stringify({ replica, incarnation: log.incarnation, applied: log.head(), leaseMs }),
      });
    await Promise.all(names.map((name) => lease(name, 60_000)));
    const page = await logOut(device);
    await Promise.all(names.map((name) => lease(name, 0)));
    const [answer] = page.trail;
    assert.match(String(answer!.headers["portcullis-receipt"]), /state=pending/);
    assert.ok(JSON.stringify(answer!.headers).length < 4096);
    assert.match(page.body, /0 of 200 verifiers so far/);
  });

  it("leads nowhere that is not registered", async () => {
    const device = await signIn(server);
    const page = await device.browser.open(
      logoutUrl(device, { post_logout_redirect_uri: `${AFTER_LOGOUT}.evil.test/` }),
    );
    assert.equal(page.status, 400);
    assert.equal(verdictOf(server, device.access_token), "allow");
  });

  it("leaves the user's other device alone", async () => {
    const [phone, laptop] = [await signIn(server), await signIn(server)];
    await logOut(phone);
    assert.equal(verdictOf(server, laptop.access_token), "allow");
    ok(await refresh(server.issuer, laptop.refresh_token));
  });

  it("then asks for the password again in that browser", async () => {
    const device = await signIn(server);
    await logOut(device);
    const page = await device.browser.open(begin(server.issuer).url, isEnd);
    assert.ok(page.forms[0]?.hasPassword);
  });

  it("then a sign-in in the same second gives tokens that work, and the old ones stay dead", async () => {
    const device = await signIn(server);
    await logOut(device);
    const again = await signIn(server, { browser: device.browser });
    assert.equal(verdictOf(server, again.access_token), "allow");
    assert.equal(verdictOf(server, device.access_token), "logged_out");
    assert.notEqual(again.claims.sid, device.claims.sid);
  });

  it("needs the token of its form: another site cannot log a user out", async () => {
    const device = await signIn(server);
    await device.browser.open(logoutUrl(device));
    const answer = await device.browser.request(`${server.issuer}/logout/confirm`, {
      body: new URLSearchParams({ logout: "yes", xsrf: "guessed" }),
    });
    assert.equal(answer.status, 400);
    assert.equal(verdictOf(server, device.access_token), "allow");
  });

  it("fails as a whole when the log cannot be written: 5xx, and everything lives on", async () => {
    const device = await signIn(server);
    const page = await device.browser.open(logoutUrl(device));
    const answer = await withBrokenLog(server, () => device.browser.submit(page, page.forms[0]!));
    assert.ok(answer.status >= 500, String(answer.status));
    assert.equal(verdictOf(server, device.access_token), "allow");
    ok(await refresh(server.issuer, device.refresh_token));
  });

  it("of one app alone ends that app's grant, and the session lives on", async () => {
    const device = await signIn(server);
    const page = await device.browser.open(logoutUrl(device));
    const [form] = page.forms;
    const onlyThis = form!.buttons.find(({ name }) => name === undefined)!;
    const done = await device.browser.submit(page, form!, { button: onlyThis });
    assert.match(done.body, /Your session here goes on/);
    assert.equal(verdictOf(server, device.access_token), "logged_out");
    const again = await signIn(server, { browser: device.browser });
    assert.equal(again.claims.sid, device.claims.sid);
    assert.equal(verdictOf(server, again.access_token), "allow");
  });
});

describe("a session that was ended by an administrator", () => {
  it("asks for the password again, and gives a new session", async () => {
    const device = await signIn(server);
    await revokeByApi(server, { scope: "session", key: device.claims.sid, mode: "kill", reason: "kicked" });
    assert.equal(verdictOf(server, device.access_token), "kicked");
    assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
    const page = await device.browser.open(begin(server.issuer).url, isEnd);
    assert.ok(page.forms[0]?.hasPassword);
    const again = await signIn(server, { browser: device.browser });
    assert.equal(verdictOf(server, again.access_token), "allow");
  });
});

describe("a revocation of mode stale", () => {
  it("ends nothing: the next refresh brings a token that passes", async () => {
    const device = await signIn(server);
    await revokeByApi(server, { scope: "session", key: device.claims.sid, mode: "stale" });
    assert.equal(verdictOf(server, device.access_token), "claims_changed");
    const next = ok(await refresh(server.issuer, device.refresh_token));
    assert.equal(verdictOf(server, next.access_token), "allow");
  });
});

describe("a client that was revoked", () => {
  it("loses what it had, other apps keep theirs, and it may sign in again", async () => {
    const web = await signIn(server);
    const other = await signIn(server, { browser: web.browser, parameters: { client_id: "other" } });
    await revokeByApi(server, { scope: "client", key: "web", mode: "kill" });
    assertRefused(await refresh(server.issuer, web.refresh_token), "invalid_grant");
    assert.equal(verdictOf(server, web.access_token), "revoked");
    assert.equal(verdictOf(server, other.access_token), "allow");
    const again = await signIn(server, { browser: new PlainBrowser() });
    assert.equal(verdictOf(server, again.access_token), "allow");
  });
});
