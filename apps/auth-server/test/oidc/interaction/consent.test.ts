/** What a user has allowed an app is remembered over sessions, until it is withdrawn. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import {
  assertRefused,
  begin,
  claimsOf,
  isEnd,
  ok,
  pressFirst,
  redeem,
  refresh,
  revokeByApi,
  type SignedIn,
  signIn,
  verdictOf,
} from "../app.ts";
import { ALICE, BOB, type ServerUnderTest, startServer } from "../server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());
beforeEach(() => server.server.storage.write(({ db }) => db.deleteFrom("oidc_consents").execute()));

const asks = ({ body }: Page): boolean => /<h1>Allow /.test(body);

/** The page after the password, on a device that nobody was signed in on. */
async function afterPassword(parameters: Record<string, string> = {}, credentials = ALICE) {
  const browser = new PlainBrowser();
  const attempt = begin(server.issuer, parameters);
  const page = await pressFirst(browser, await browser.open(attempt.url, isEnd), credentials);
  return { browser, page, attempt };
}

async function withdraw({ browser }: SignedIn): Promise<void> {
  const page = await browser.open(`${server.issuer}/account`);
  const form = page.forms.find(({ fields }) => fields.client === "web")!;
  assert.match((await browser.submit(page, form)).body, /no longer has access/);
}

describe("a consent", () => {
  it("is asked for once: not at the next sign-in, on whatever device", async () => {
    await signIn(server);
    const { page, attempt } = await afterPassword();
    assert.ok(isEnd(page.url), page.body);
    const tokens = ok(await redeem(server.issuer, attempt, page.url));
    assert.equal(claimsOf(tokens.access_token).scope, "orders.read");
  });

  it("is of one user and one app", async () => {
    await signIn(server);
    assert.ok(asks((await afterPassword({}, BOB)).page));
    assert.ok(asks((await afterPassword({ client_id: "other" })).page));
  });

  it("remembers what its page showed, and not what the grant was given without being asked for", async () => {
    const { browser } = await signIn(server);
    // As with an app that was the operator's own: the grant holds what no consent says.
    await server.server.storage.write(({ db }) => db.deleteFrom("oidc_consents").execute());
    const more = begin(server.issuer, { scope: "openid profile orders.read orders.write" });
    const page = await browser.open(more.url, isEnd);
    assert.match(page.body, /Change your orders/);
    assert.doesNotMatch(page.body, /Read your orders/);
    await pressFirst(browser, page);
    const elsewhere = await afterPassword();
    assert.ok(asks(elsewhere.page));
    assert.match(elsewhere.page.body, /Read your orders/);
  });

  it("by prompt remembers all that its page listed", async () => {
    await signIn(server);
    await server.server.storage.write(({ db }) => db.deleteFrom("oidc_consents").execute());
    const { browser, page } = await afterPassword({ prompt: "consent" });
    await pressFirst(browser, page);
    assert.ok(!asks((await afterPassword()).page));
  });

  it("is asked for again for what is new, and for that alone", async () => {
    await signIn(server);
    const { browser, page, attempt } = await afterPassword({
      scope: "openid profile orders.read orders.write",
    });
    assert.match(page.body, /Change your orders/);
    assert.doesNotMatch(page.body, /Read your orders|See your name/);
    const done = await pressFirst(browser, page);
    const tokens = ok(await redeem(server.issuer, attempt, done.url));
    assert.equal(claimsOf(tokens.access_token).scope, "orders.read orders.write");
    assert.ok(isEnd((await afterPassword({ scope: "openid orders.read orders.write" })).page.url));
  });

  it("gives a token no more than was asked for this time", async () => {
    await signIn(server, { parameters: { scope: "openid orders.read orders.write" } });
    const { claims } = await signIn(server, { parameters: { scope: "openid orders.read" } });
    assert.equal(claims.scope, "orders.read");
  });

  it("is asked for whenever the app says so", async () => {
    await signIn(server);
    const { page } = await afterPassword({ prompt: "consent" });
    assert.ok(asks(page));
    for (const text of ["Read your orders", "See your profile, such as your name and your username"])
      assert.ok(page.body.includes(text), text);
  });

  it("outlives a logout, and a refresh token that was used twice", async () => {
    const device = await signIn(server);
    await server.server.oidc.endings.endSession({ uid: device.claims.sid, accountId: device.claims.sub });
    assert.ok(isEnd((await afterPassword()).page.url));
    const other = await signIn(server);
    ok(await refresh(server.issuer, other.refresh_token));
    server.advance(60_000);
    assertRefused(await refresh(server.issuer, other.refresh_token), "invalid_grant");
    assert.ok(isEnd((await afterPassword()).page.url));
  });

  it("that was denied is not remembered", async () => {
    const { browser, page } = await afterPassword();
    const [form] = page.forms;
    const deny = form!.buttons.find(({ value }) => value === "deny")!;
    const denied = await browser.submit(page, form!, { button: deny, isEnd });
    assert.equal(denied.url.searchParams.get("error"), "access_denied");
    assert.ok(asks((await afterPassword()).page));
  });

  it("that has run out is asked for again, and then lasts", async () => {
    await signIn(server);
    await server.server.storage.write(({ db }) =>
      db.updateTable("oidc_consents").set({ expires_at: 1 }).execute(),
    );
    const { browser, page } = await afterPassword();
    assert.ok(asks(page));
    await pressFirst(browser, page);
    assert.ok(isEnd((await afterPassword()).page.url));
  });

  it("that has run out is pruned", async () => {
    await signIn(server);
    await server.server.storage.write(({ db }) =>
      db.updateTable("oidc_consents").set({ expires_at: 1 }).execute(),
    );
    await server.prune();
    const { read } = server.server.storage;
    assert.deepEqual(await read.selectFrom("oidc_consents").selectAll().execute(), []);
  });
});

describe("a request that a remembered consent would answer", () => {
  const grants = () =>
    server.server.storage.read
      .selectFrom("oidc_grants")
      .select("id")
      .where("client_id", "=", "web")
      .execute();

  it("makes no grant before it is answered, and one when it is", async () => {
    await signIn(server);
    const { browser } = await signIn(server, { parameters: { client_id: "other" } });
    await server.server.storage.write(({ db }) =>
      db.deleteFrom("oidc_grants").where("client_id", "=", "web").execute(),
    );
    await browser.open(begin(server.issuer, { prompt: "login" }).url, isEnd);
    assert.deepEqual(await grants(), []);
    assert.ok(isEnd((await browser.open(begin(server.issuer).url, isEnd)).url));
    assert.equal((await grants()).length, 1);
  });

  it("asks when the consent was withdrawn while it was judged, and makes no grant", async (t) => {
    await signIn(server);
    const { browser } = await signIn(server, { parameters: { client_id: "other" } });
    const { storage, oidc } = server.server;
    await storage.write(({ db }) => db.deleteFrom("oidc_grants").where("client_id", "=", "web").execute());
    const find = oidc.consents.find.bind(oidc.consents);
    const withdrawnOnceRead = t.mock.method(oidc.consents, "find", async (pair: never) => {
      const found = await find(pair);
      await storage.write(({ db }) => db.deleteFrom("oidc_consents").execute());
      return found;
    });
    const page = await browser.open(begin(server.issuer).url, isEnd);
    withdrawnOnceRead.mock.restore();
    assert.ok(asks(page), page.body);
    for (const text of ["Read your orders", "See your profile, such as your name and your username"])
      assert.ok(page.body.includes(text), text);
    assert.deepEqual(await grants(), []);
    const silent = await browser.open(begin(server.issuer, { prompt: "none" }).url, isEnd);
    assert.equal(silent.url.searchParams.get("error"), "consent_required");
    assert.ok(isEnd((await pressFirst(browser, page)).url));
    assert.equal((await grants()).length, 1);
  });
});

describe("what a consent page says of a user who has no e-mail address", () => {
  const withMail = { scope: "openid profile email orders.read" };

  it("is not that the app sees one", async () => {
    const { page } = await afterPassword(withMail, BOB);
    assert.match(page.body, /See your profile, such as your name and your username/);
    assert.doesNotMatch(page.body, /e-mail/);
    assert.match((await afterPassword(withMail)).page.body, /See your e-mail address/);
  });

  it("nor where the app asks for consent itself, or for the claim alone", async () => {
    for (const parameters of [
      { ...withMail, prompt: "consent" },
      { claims: JSON.stringify({ userinfo: { email: null, name: null } }) },
    ]) {
      const { page } = await afterPassword(parameters, BOB);
      assert.match(page.body, /See your profile/);
      assert.doesNotMatch(page.body, /e-?mail/);
    }
  });

  it("is all that is allowed: once there is an address, the page asks for that", async () => {
    const first = await afterPassword(withMail, BOB);
    const done = await pressFirst(first.browser, first.page);
    const tokens = ok(await redeem(server.issuer, first.attempt, done.url));
    assert.equal(claimsOf(tokens.access_token).scope, "orders.read");
    assert.ok(isEnd((await afterPassword(withMail, BOB)).page.url), "what was answered is not asked again");
    const change = (email: string | null) =>
      server.server.storage.write(({ db }) =>
        db.updateTable("users").set({ email }).where("username", "=", "bob").execute(),
      );
    await change("bob@example.com");
    try {
      const { page } = await afterPassword(withMail, BOB);
      assert.match(page.body, /See your e-mail address/);
      assert.doesNotMatch(page.body, /See your profile/);
    } finally {
      await change(null);
    }
  });
});

describe("withdrawing a consent", () => {
  it("ends its grants in every session, with one line in the log, and the next sign-in asks", async () => {
    const [here, there] = [await signIn(server), await signIn(server)];
    const head = server.server.storage.log.head();
    await withdraw(here);
    assert.equal(server.server.storage.log.head(), head + 1);
    for (const device of [here, there]) {
      assert.equal(verdictOf(server, device.access_token), "consent_withdrawn");
      assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
      assert.ok(asks(await device.browser.open(begin(server.issuer).url, isEnd)), "the session lives on");
    }
    assert.ok(asks((await afterPassword()).page));
  });

  it("by the API is the same", async () => {
    const device = await signIn(server);
    const key = { subject: device.claims.sub, client: "web" };
    await revokeByApi(server, { scope: "subject-client", key, mode: "kill", reason: "consent_withdrawn" });
    assert.ok(asks((await afterPassword()).page));
  });

  it("can be done where no session of the app is left", async () => {
    const device = await signIn(server);
    await server.server.oidc.endings.endGrant(device.claims.gid, "logged_out");
    await withdraw(device);
    assert.ok(asks((await afterPassword()).page));
  });

  it("is not undone by a page that was open", async () => {
    const device = await signIn(server);
    const { browser, page, attempt } = await afterPassword({ prompt: "consent" });
    await withdraw(device);
    const after = await pressFirst(browser, page);
    const asked = asks(after) ? await pressFirst(browser, after) : after;
    const tokens = ok(await redeem(server.issuer, attempt, asked.url));
    assert.equal(verdictOf(server, tokens.access_token), "allow", "the user has just allowed it");
    assert.equal(verdictOf(server, device.access_token), "consent_withdrawn");
  });
});

describe("a consent for an app that is switched off", () => {
  it("gives nothing, and is there when the app is on again", async () => {
    await signIn(server);
    const { clients } = server.server.oidc;
    await server.server.storage.write((transaction) => clients.disable(transaction, "web"));
    assert.equal((await new PlainBrowser().open(begin(server.issuer).url, isEnd)).status, 400);
    await server.server.storage.write((transaction) => clients.enable(transaction, "web"));
    assert.ok(isEnd((await afterPassword()).page.url));
  });
});
