import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { leaseSecretOf } from "@portcullis/testing";
import { exchange, type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import { importJWK, SignJWT } from "jose";
import {
  assertRefused,
  begin,
  claimsOf,
  isEnd,
  machineToken,
  ok,
  refresh,
  revokeByApi,
  type SignedIn,
  signIn,
  verdictOf,
  withBrokenLog,
} from "../oidc/app.ts";
import { AFTER_LOGOUT, ALICE, BOB, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";

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
    assert.match(
      String(page.trail[0]!.headers["portcullis-receipt"]),
      new RegExp(`^seq=${head + 1}, state=enforced`),
    );
  });

  it("says beforehand that it ends the app's own sign-in too, when that is another than the browser's", async () => {
    const [here, elsewhere] = [await signIn(server), await signIn(server)];
    const said = /another sign-in of yours/;
    assert.doesNotMatch((await here.browser.open(logoutUrl(here))).body, said);
    const page = await here.browser.open(logoutUrl(elsewhere));
    assert.match(page.body, said);
    await here.browser.submit(page, page.forms[0]!, { isEnd: isBye });
    for (const device of [here, elsewhere]) {
      assert.equal(verdictOf(server, device.access_token), "logged_out");
    }
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
        body: JSON.stringify({
          replica,
          secret: leaseSecretOf(replica),
          incarnation: log.incarnation,
          applied: log.head(),
          leaseMs,
        }),
      });
    await Promise.all(names.map((name) => lease(name, 60_000)));
    const page = await logOut(device);
    await Promise.all(names.map((name) => lease(name, 0)));
    const [answer] = page.trail;
    assert.match(String(answer!.headers["portcullis-receipt"]), /state=pending/);
    assert.ok(JSON.stringify(answer!.headers).length < 4096);
    assert.match(page.body, /may still accept the old access, until \d\d:\d\d:\d\d UTC at the latest/);
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
    assert.equal(answer.status, 403);
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
    assert.match(done.body, /You are still signed in/);
    assert.equal(verdictOf(server, device.access_token), "logged_out");
    const again = await signIn(server, { browser: device.browser });
    assert.equal(again.claims.sid, device.claims.sid);
    assert.equal(verdictOf(server, again.access_token), "allow");
  });
});

describe("logging out of an app whose tokens have ended already", () => {
  const byApp = async ({ refresh_token }: SignedIn) => {
    const body = new URLSearchParams({ client_id: "web", token: refresh_token });
    assert.equal((await exchange(`${server.issuer}/revoke`, { body })).status, 200);
  };
  const BACK = { post_logout_redirect_uri: AFTER_LOGOUT, state: "xyz" };

  it("asks nothing while no other app uses the sign-in, and ends the session", async () => {
    const device = await signIn(server);
    await byApp(device);
    const head = server.server.storage.log.head();
    const page = await device.browser.open(logoutUrl(device, BACK), isBye);
    assert.equal(page.url.href, `${AFTER_LOGOUT}?state=xyz`);
    assert.match(String(page.headers["portcullis-receipt"]), new RegExp(`^seq=${head + 1}, state=enforced`));
    assert.equal(linesSince(head), 1);
    assert.ok((await device.browser.open(begin(server.issuer).url, isEnd)).forms[0]?.hasPassword);
  });

  it("asks while another app uses the sign-in, and ends nothing before the answer", async () => {
    const device = await signIn(server);
    const other = await signIn(server, { browser: device.browser, parameters: { client_id: "other" } });
    await byApp(device);
    assert.match((await device.browser.open(logoutUrl(device, BACK), isBye)).body, /<h1>Sign out\?/);
    assert.equal(verdictOf(server, other.access_token), "allow");
  });

  it("asks with a token as a hint that is no ID token, though it is signed for the app and names the session", async () => {
    const device = await signIn(server);
    await byApp(device);
    const key = await server.server.ring.signing("ES256");
    const { sub, sid } = device.claims;
    const logoutToken = await new SignJWT({ iss: server.issuer, sub, sid, aud: "web" })
      .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: "logout+jwt" })
      .setIssuedAt()
      .setExpirationTime("2m")
      .sign(await importJWK(key, key.alg));
    const page = await device.browser.open(logoutUrl({ ...device, id_token: logoutToken }, BACK), isBye);
    assert.match(page.body, /<h1>Sign out\?/);
    const silent = begin(server.issuer, { prompt: "none", id_token_hint: logoutToken });
    const { searchParams } = (await device.browser.open(silent.url, isEnd)).url;
    assert.equal(searchParams.get("error"), "invalid_request");
  });

  it("asks without a hint, and with one of a session that has ended, and ends nothing before the answer", async () => {
    const device = await signIn(server);
    const { sid, sub } = device.claims;
    await server.server.oidc.endings.endSession({ uid: sid, accountId: sub });
    const again = await signIn(server, { browser: device.browser });
    await byApp(again);
    const bare = new URL("/logout?client_id=web", server.issuer);
    for (const url of [bare, logoutUrl(device, BACK)]) {
      const { body } = await device.browser.open(url, isBye);
      assert.match(body, /<h1>Sign out\?/);
      assert.doesNotMatch(body, /another sign-in of yours/, "that one has ended");
    }
    assert.ok(isEnd((await device.browser.open(begin(server.issuer, { prompt: "none" }).url, isEnd)).url));
  });
});

const linesSince = (head: number) => server.server.storage.log.head() - head;

describe("pages that ask whether to sign out", () => {
  it("work though another was opened after them, and say the same when the other one did it", async () => {
    const device = await signIn(server);
    const head = server.server.storage.log.head();
    const [first, second] = [
      await device.browser.open(logoutUrl(device)),
      await device.browser.open(logoutUrl(device)),
    ];
    for (const page of [first, second]) {
      const done = await device.browser.submit(page, page.forms[0]!);
      assert.equal(done.status, 200, done.body);
      assert.match(done.body, /<h1>Signed out<\/h1>/);
    }
    assert.equal(verdictOf(server, device.access_token), "logged_out");
    assert.equal(linesSince(head), 1);
  });

  it("take a double click for one", async () => {
    const device = await signIn(server);
    const head = server.server.storage.log.head();
    const page = await device.browser.open(
      logoutUrl(device, { post_logout_redirect_uri: AFTER_LOGOUT, state: "xyz" }),
    );
    const clicks = [1, 2, 3].map(() => device.browser.submit(page, page.forms[0]!, { isEnd: isBye }));
    for (const { url } of await Promise.all(clicks)) assert.equal(url.href, `${AFTER_LOGOUT}?state=xyz`);
    assert.equal(verdictOf(server, device.access_token), "logged_out");
    assert.equal(linesSince(head), 1);
  });

  it("that stayed open end nothing of the session that came after", async () => {
    const device = await signIn(server);
    const old = await device.browser.open(logoutUrl(device));
    await logOut(device);
    const again = await signIn(server, { browser: device.browser });
    await device.browser.submit(old, old.forms[0]!);
    assert.equal(verdictOf(server, again.access_token), "allow");
    ok(await refresh(server.issuer, again.refresh_token));
  });

  it("end the session that the app means, too, when this browser is in another of the same user", async () => {
    const [there, here] = [await signIn(server), await signIn(server)];
    const page = await here.browser.open(logoutUrl(there));
    await here.browser.submit(page, page.forms[0]!);
    for (const { access_token } of [there, here]) assert.equal(verdictOf(server, access_token), "logged_out");
  });

  it("are refused when what they ask for was changed, or another site sends them", async () => {
    const device = await signIn(server);
    const page = await device.browser.open(logoutUrl(device));
    const [sent] = page.forms;
    const request = Buffer.from(
      JSON.stringify({ session: device.claims.sid, redirectTo: "http://evil.test/" }),
    );
    const changed = { ...sent!, fields: { ...sent!.fields, request: request.toString("base64url") } };
    assert.equal((await device.browser.submit(page, changed)).status, 403);
    const fromElsewhere = {
      ...page,
      url: new URL("http://evil.test/"),
    };
    const action = new URL(sent!.action, page.url).href;
    assert.equal((await device.browser.submit(fromElsewhere, { ...sent!, action })).status, 403);
    assert.equal(verdictOf(server, device.access_token), "allow");
  });
});

describe("a request to sign out whose browser has no session of that user", () => {
  const asked = { post_logout_redirect_uri: AFTER_LOGOUT, state: "xyz" };

  async function lostCookie(): Promise<{ device: SignedIn; browser: PlainBrowser; page: Page }> {
    const device = await signIn(server);
    const browser = new PlainBrowser();
    return { device, browser, page: await browser.open(logoutUrl(device, asked), isBye) };
  }
  const giving = (page: Page, browser: PlainBrowser, fill: Record<string, string>) =>
    browser.submit(page, page.forms[0]!, { fill, isEnd: isBye });

  it("is not answered as done while all tokens live: the page says so", async () => {
    const { device, page } = await lostCookie();
    assert.equal(page.status, 200);
    assert.match(page.body, /<h1>You were not signed out<\/h1>/);
    assert.match(page.body, /Demo shop/);
    assert.equal(verdictOf(server, device.access_token), "allow");
    ok(await refresh(server.issuer, device.refresh_token));
  });

  it("ends that session when its user signs in on the page, and then leads back", async () => {
    const { device, browser, page } = await lostCookie();
    const head = server.server.storage.log.head();
    const done = await giving(page, browser, ALICE);
    assert.equal(done.url.href, `${AFTER_LOGOUT}?state=xyz`);
    assert.match(String(done.headers["portcullis-receipt"]), new RegExp(`^seq=${head + 1}, state=enforced`));
    assert.equal(verdictOf(server, device.access_token), "logged_out");
    assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
    assert.equal((await giving(page, browser, ALICE)).url.href, done.url.href, "twice is as good as once");
    assert.equal(server.server.storage.log.head(), head + 1);
    const after = await browser.open(begin(server.issuer).url, isEnd);
    assert.ok(after.forms[0]?.hasPassword, "nobody was signed in by it");
  });

  it("ends nothing for another user, or for a wrong password", async () => {
    const { device, browser, page } = await lostCookie();
    const other = await giving(page, browser, BOB);
    assert.equal(other.status, 422);
    assert.match(other.body, /not the account that the app is signed in to/);
    const wrong = await giving(other, browser, { ...ALICE, password: "a guess" });
    assert.equal(wrong.status, 422);
    assert.match(wrong.body, /The username or password is not correct/);
    assert.equal(verdictOf(server, device.access_token), "allow");
  });

  it("says so too when somebody else is signed in there, who stays so", async () => {
    const alice = await signIn(server);
    const bob = await signIn(server, { credentials: BOB });
    const page = await bob.browser.open(logoutUrl(alice, asked), isBye);
    assert.match(page.body, /<h1>You were not signed out<\/h1>/);
    await giving(page, bob.browser, ALICE);
    assert.equal(verdictOf(server, alice.access_token), "logged_out");
    assert.equal(verdictOf(server, bob.access_token), "allow");
    ok(await refresh(server.issuer, bob.refresh_token));
  });

  it("is answered as done when that session has ended already", async () => {
    const device = await signIn(server);
    await logOut(device);
    const page = await new PlainBrowser().open(logoutUrl(device, asked), isBye);
    assert.equal(page.url.href, `${AFTER_LOGOUT}?state=xyz`);
    const plain = await new PlainBrowser().open(logoutUrl(device));
    assert.match(plain.body, /<h1>You are signed out<\/h1>/);
  });

  it("leaves nothing behind in the store", async () => {
    const device = await signIn(server);
    const { read } = server.server.storage;
    const rows = () => read.selectFrom("oidc_sessions").select("uid").execute();
    const before = (await rows()).length;
    await new PlainBrowser().open(logoutUrl(device));
    const page = await new PlainBrowser().open(`${server.issuer}/logout?client_id=web`);
    assert.match(page.body, /<h1>You are not signed in here<\/h1>/);
    assert.equal((await rows()).length, before);
  });

  it("is as good as one without a hint when nobody can say that its hint is ours: nobody is signed out by it", async () => {
    const device = await signIn(server);
    const [head, , signature] = device.id_token.split(".");
    const claims = Buffer.from(
      JSON.stringify({ aud: "web", sub: device.claims.sub, sid: device.claims.sid, iss: server.issuer }),
    ).toString("base64url");
    const forged = logoutUrl(device, { ...asked, id_token_hint: `${head}.${claims}.${signature}` });
    const page = await new PlainBrowser().open(forged, isBye);
    assert.match(page.body, /<h1>You are not signed in here<\/h1>/);
    const other = await signIn(server);
    const question = await other.browser.open(forged);
    await other.browser.submit(question, question.forms[0]!, { isEnd: isBye });
    assert.equal(verdictOf(server, other.access_token), "logged_out");
    assert.equal(verdictOf(server, device.access_token), "allow");
  });

  it("is an error, and no redirect, when its hint is no ID token for an app, or comes twice", async () => {
    const device = await signIn(server);
    for (const hint of ["x", device.access_token]) {
      const page = await new PlainBrowser().open(logoutUrl(device, { ...asked, id_token_hint: hint }), isBye);
      assert.equal(page.status, 400, page.url.href);
    }
    const twice = logoutUrl(device, asked);
    twice.searchParams.append("state", "again");
    assert.equal((await device.browser.open(twice, isBye)).status, 400);
  });
});

describe("an ID token", () => {
  it("names the session as the access token does, so that it can be a hint", async () => {
    const device = await signIn(server);
    assert.equal(claimsOf(device.id_token).sid, device.claims.sid);
    const next = ok(await refresh(server.issuer, device.refresh_token));
    assert.equal(claimsOf(next.id_token).sid, device.claims.sid);
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
