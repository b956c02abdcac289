import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Form, type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import {
  assertRefused,
  begin,
  isEnd,
  nobodysBrowser,
  ok,
  passPages,
  refresh,
  type SignedIn,
  signIn,
  verdictOf,
} from "../oidc/app.ts";
import { ALICE, BOB, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import { sessionsOf, signInToAccount } from "../oidc/sign-in-pages.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

const account = (browser: PlainBrowser) => browser.open(`${server.issuer}/account`);
const formOf = (page: Page, action: string, field?: string): Form => {
  const found = page.forms.find(
    (form) => form.action === action && (field === undefined || Object.values(form.fields).includes(field)),
  );
  assert.ok(found, `no form ${action} in ${page.body}`);
  return found;
};

const signInHere = (credentials = ALICE, browser?: PlainBrowser) =>
  signInToAccount(server, credentials, browser);

describe("the account page", () => {
  it("asks to sign in, and shows the account then", async () => {
    const { page } = await signInHere();
    assert.equal(page.url.pathname, "/account");
    assert.match(page.body, /Alice Example/);
    assert.match(page.body, /this device/);
  });

  it("says nothing of the cause when it refuses", async () => {
    const { page } = await signInHere({ ...ALICE, password: "wrong password" });
    assert.equal(page.status, 422);
    assert.match(page.body, /role="alert">The username or password is not correct\./);
    assert.match(page.body, /value="alice"/);
  });

  it("names the fields that are empty", async () => {
    const { page } = await signInHere({ username: "", password: "" });
    assert.match(page.body, /id="username-problem">Enter your username or e-mail address\./);
    assert.match(page.body, /id="password-problem">Enter your password\./);
  });

  it("shares its session with the apps: no second password", async () => {
    const { browser } = await signInHere();
    const page = await browser.open(begin(server.issuer).url, isEnd);
    assert.equal(page.forms[0]!.hasPassword, false);
  });

  it("gives the browser a new session: an identifier planted before leads nowhere", async () => {
    const { browser } = await nobodysBrowser(server);
    const anonymous = await anonymousSessions();
    assert.ok(anonymous.length > 0);
    await signInHere(ALICE, browser);
    assert.deepEqual(await anonymousSessions(), anonymous, "they stay nobody's");
  });

  it("takes no form that was shown to another browser", async () => {
    const device = await signIn(server);
    const form = await account(new PlainBrowser());
    const answer = await device.browser.request(`${server.issuer}/account/sign-in`, {
      method: "POST",
      body: new URLSearchParams({ ...form.forms[0]!.fields, ...BOB }),
    });
    assert.equal(answer.status, 303);
    const page = await account(device.browser);
    assert.match(page.body, /Alice Example/, "Bob was not signed in");
    assert.equal(verdictOf(server, device.access_token), "allow");
  });

  it("takes the form of a tab that was open before another", async () => {
    const browser = new PlainBrowser();
    const [first] = [await account(browser), await account(browser)];
    const page = await browser.submit(first, first.forms[0]!, { fill: ALICE });
    assert.match(page.body, /Alice Example/);
  });

  it("asks for what is missing first: the cursor is in the first field that is empty", async () => {
    const focused = ({ body }: Page) => /<input id="(\w+)"[^>]* autofocus>/.exec(body)?.[1];
    const { page } = await signInHere({ username: "", password: "" });
    assert.equal(focused(page), "username");
    assert.equal(focused((await signInHere({ ...ALICE, password: "" })).page), "password");
  });

  it("takes a double click for one sign-in, on one device", async () => {
    const browser = new PlainBrowser();
    const page = await account(browser);
    const before = (await devices()).length;
    const clicks = [browser, browser.copy(), browser.copy()];
    await Promise.all(clicks.map((each) => each.submit(page, page.forms[0]!, { fill: ALICE })));
    for (const each of clicks) assert.match((await account(each)).body, /Alice Example/);
    assert.equal((await devices()).length, before + 1);
    await clicks[1]!.submit(page, page.forms[0]!, { fill: ALICE });
    assert.equal((await devices()).length, before + 1, "nor does a click that came later");
  });

  it("signs in by a form that was left open, although what it led into before has ended", async () => {
    const browser = new PlainBrowser();
    const form = await account(browser);
    const page = await browser.submit(form, form.forms[0]!, { fill: ALICE });
    await browser.submit(page, formOf(page, "/account/sign-out-everywhere"));
    const again = await browser.submit(form, form.forms[0]!, { fill: ALICE });
    assert.match(again.body, /Alice Example/);
    const other = await browser.submit(form, form.forms[0]!, { fill: BOB });
    assert.match(other.body, /Bob Example/);
  });
});

describe("the times of the account page", () => {
  it("say that they are in UTC, and may be shown otherwise by one script of our own and by nothing else", async () => {
    const { page } = await signInHere();
    const times = [...page.body.matchAll(/<time datetime="([^"]+)">([^<]+)</g)];
    assert.ok(times.length >= 2);
    for (const [, iso, text] of times) assert.equal(text, `${iso!.slice(0, 10)} ${iso!.slice(11, 16)} UTC`);
    assert.match(String(page.headers["content-security-policy"]), /; script-src 'self';/);
    const scripts = [...page.body.matchAll(/<script src="([^"]+)" type="module"><\/script>/g)];
    assert.equal(page.body.split("<script").length, scripts.length + 1);
    const answer = await new PlainBrowser().request(new URL(scripts[0]![1]!, server.issuer));
    assert.equal(answer.headers["content-type"], "text/javascript; charset=utf-8");
    assert.match(answer.body, /RelativeTimeFormat/);
  });

  it("are the only reason for a script: the page that asks to sign in has none", async () => {
    const page = await account(new PlainBrowser());
    assert.match(String(page.headers["content-security-policy"]), /; script-src 'none';/);
    assert.doesNotMatch(page.body, /<script/);
  });
});

describe("a sign-in form that is sent again", () => {
  it("leaves the browser signed in, on one device, although its session was signed in again since", async () => {
    const browser = new PlainBrowser();
    const form = await account(browser);
    await browser.submit(form, form.forms[0]!, { fill: ALICE });
    await passPages(browser, begin(server.issuer, { prompt: "login" }).url);
    const before = (await devices()).map(({ uid }) => uid).toSorted();
    const again = await browser.submit(form, form.forms[0]!, { fill: ALICE });
    assert.match(again.body, /Alice Example/);
    assert.match((await account(browser)).body, /Alice Example/);
    assert.deepEqual((await devices()).map(({ uid }) => uid).toSorted(), before);
  });
});

describe("a user who is disabled after the password was looked at", () => {
  it("gets no session, and is told what anybody else is", async (t) => {
    const { storage, people, oidc } = server.server;
    const { id } = (await people.users.findByName("bob"))!;
    const before = await oidc.sessions.devicesOf(id);
    const save = oidc.sessions.save.bind(oidc.sessions);
    const late = t.mock.method(oidc.sessions, "save", async (session: never) => {
      await storage.write((transaction) => people.users.disable(transaction, id));
      return save(session);
    });
    const { browser, page } = await signInHere(BOB);
    late.mock.restore();
    await storage.write((transaction) => people.users.enable(transaction, id));
    assert.equal(page.status, 422);
    assert.match(page.body, /role="alert">The username or password is not correct\./);
    assert.ok((await account(browser)).forms[0]!.hasPassword);
    assert.deepEqual(await oidc.sessions.devicesOf(id), before);
  });
});

const devices = () => sessionsOf(server);

const anonymousSessions = () =>
  server.server.storage.read
    .selectFrom("oidc_sessions")
    .select("uid")
    .where("account_id", "is", null)
    .orderBy("uid")
    .execute();

describe("signing out one device", () => {
  it("ends that one, with its apps, and leaves the others", async () => {
    const [phone, laptop] = [await signIn(server), await signIn(server)];
    const page = await account(laptop.browser);
    const done = await laptop.browser.submit(
      page,
      formOf(page, "/account/sign-out-device", phone.claims.sid),
    );
    assert.match(done.body, /role="status">[^<]* is signed out\.</);
    assert.equal(verdictOf(server, phone.access_token), "kicked");
    assertRefused(await refresh(server.issuer, phone.refresh_token), "invalid_grant");
    ok(await refresh(server.issuer, laptop.refresh_token));
    assert.ok((await account(phone.browser)).forms[0]!.hasPassword);
  });

  it("ends this device as a logout", async () => {
    const device = await signIn(server);
    const page = await account(device.browser);
    const done = await device.browser.submit(
      page,
      formOf(page, "/account/sign-out-device", device.claims.sid),
    );
    assert.match(done.body, /<h1>Signed out<\/h1>/);
    assert.equal(verdictOf(server, device.access_token), "logged_out");
  });

  it("of somebody else is refused", async () => {
    const [alice, bob] = [await signIn(server), await signIn(server, { credentials: BOB })];
    const page = await account(alice.browser);
    const form = formOf(page, "/account/sign-out-device");
    const done = await alice.browser.submit(page, form, { fill: { device: bob.claims.sid } });
    assert.match(done.body, /role="alert">This device is already signed out\./);
    assert.equal(verdictOf(server, bob.access_token), "allow");
  });
});

describe("an action of the account page", () => {
  for (const action of ["sign-out-device", "withdraw", "sign-out-everywhere"]) {
    it(`carries its receipt in a header: ${action}`, async () => {
      const { browser } = await signIn(server);
      const page = await account(browser);
      const done = await browser.submit(page, formOf(page, `/account/${action}`));
      const { seq } = /^seq=(?<seq>\d+), state=enforced/.exec(
        String(done.trail[0]!.headers["portcullis-receipt"]),
      )!.groups!;
      assert.equal(Number(seq), server.server.storage.log.head());
    });
  }
});

describe("the time that a device is said to have signed in at", () => {
  it("is that of the sign-in, though the browser had a session of nobody before", async () => {
    const { browser } = await nobodysBrowser(server);
    const halfAnHour = 30 * 60;
    const before = Math.floor(Date.now() / 1000);
    server.advance(halfAnHour * 1000);
    const { claims } = await signIn(server, { browser });
    const row = (await server.server.oidc.sessions.findLive(claims.sid))!;
    assert.ok(row.created_at >= before + halfAnHour, "that of the session of nobody");
  });
});

describe("devices of one name", () => {
  it("have buttons that can be told apart by ear", async () => {
    await signIn(server);
    await signIn(server);
    const { page } = await signInHere();
    const labels = [...page.body.matchAll(/aria-label="(Sign out [^"]+)"/g)].map(([, label]) => label);
    assert.ok(labels.length >= 3);
    assert.equal(new Set(labels).size, labels.length, labels.join("; "));
  });
});

describe("withdrawing an app's access", () => {
  it("ends it on every device, and leaves other apps and the sessions", async () => {
    const [phone, laptop] = [await signIn(server), await signIn(server)];
    const other = await signIn(server, { browser: laptop.browser, parameters: { client_id: "other" } });
    const page = await account(laptop.browser);
    const done = await laptop.browser.submit(page, formOf(page, "/account/withdraw", "web"));
    assert.match(done.body, /Demo shop no longer has access to your account\./);
    for (const device of [phone, laptop]) {
      assert.equal(verdictOf(server, device.access_token), "consent_withdrawn");
      assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
    }
    assert.equal(verdictOf(server, other.access_token), "allow");
    const consent = await laptop.browser.open(begin(server.issuer).url, isEnd);
    assert.match(consent.body, /Allow <bdi>Demo shop<\/bdi>\?/, "it must ask again");
  });
});

describe("signing out everywhere", () => {
  it("ends every session of the user and nobody else's", async () => {
    const [phone, laptop, bob] = [
      await signIn(server),
      await signIn(server),
      await signIn(server, { credentials: BOB }),
    ];
    const page = await account(laptop.browser);
    const done = await laptop.browser.submit(page, formOf(page, "/account/sign-out-everywhere"));
    assert.match(done.body, /<h1>Signed out<\/h1>/);
    for (const device of [phone, laptop]) await assertOut(device);
    assert.equal(verdictOf(server, bob.access_token), "allow");
    ok(await refresh(server.issuer, bob.refresh_token));
  });

  it("lets the user sign in again in the same second", async () => {
    const device = await signIn(server);
    const page = await account(device.browser);
    await device.browser.submit(page, formOf(page, "/account/sign-out-everywhere"));
    const again = await signIn(server, { browser: device.browser });
    assert.equal(verdictOf(server, again.access_token), "allow");
    assert.equal(verdictOf(server, device.access_token), "logged_out");
  });
});

async function assertOut(device: SignedIn): Promise<void> {
  assert.equal(verdictOf(server, device.access_token), "logged_out");
  assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
  assert.ok((await account(device.browser)).forms[0]!.hasPassword);
}

describe("a form of the account page", () => {
  const everywhere = (
    device: SignedIn,
    fields: Record<string, string>,
    headers: Record<string, string> = {},
  ) =>
    device.browser.request(`${server.issuer}/account/sign-out-everywhere`, {
      method: "POST",
      body: new URLSearchParams(fields),
      headers,
    });

  it("is good once", async () => {
    const device = await signIn(server);
    const page = await account(device.browser);
    const form = formOf(page, "/account/withdraw", "web");
    const first = await device.browser.submit(page, form);
    assert.match(first.body, /no longer has access/);
    const head = server.server.storage.log.head();
    const second = await device.browser.submit(page, form);
    assert.match(second.body, /role="alert">That page was out of date/);
    assert.equal(server.server.storage.log.head(), head);
  });

  it("leads to a page that can be loaded again, and says it once", async () => {
    const [device, other] = [await signIn(server), await signIn(server)];
    const page = await account(device.browser);
    const done = await device.browser.submit(
      page,
      formOf(page, "/account/sign-out-device", other.claims.sid),
    );
    assert.deepEqual([done.url.pathname, done.trail[0]!.status], ["/account", 303]);
    const reloaded = await device.browser.open(done.url);
    assert.equal(reloaded.status, 200);
    assert.doesNotMatch(reloaded.body, /role="status"/);
  });

  it("has an address that leads to the account when it is opened", async () => {
    const { browser } = await signIn(server);
    for (const path of ["sign-in", "sign-out-device", "withdraw", "sign-out-everywhere", "signed-out"]) {
      const page = await browser.open(`${server.issuer}/account/${path}`);
      assert.deepEqual([page.status, page.url.pathname], [200, "/account"], path);
    }
    const page = await new PlainBrowser().open(`${server.issuer}/account/signed-out`);
    assert.match(page.body, /<h1>You are signed out<\/h1>/);
    assert.doesNotMatch(page.body, /ended/);
  });

  it("is refused without its token, with another session's, and from another site", async () => {
    const [device, other] = [await signIn(server), await signIn(server)];
    const own = formOf(await account(device.browser), "/account/sign-out-everywhere").fields;
    const foreign = formOf(await account(other.browser), "/account/sign-out-everywhere").fields;
    const answers = [
      await everywhere(device, {}),
      await everywhere(device, foreign),
      await everywhere(device, own, { origin: "https://evil.test" }),
      await everywhere(device, own, { origin: "null", "sec-fetch-site": "cross-site" }),
    ];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [303, 303, 403, 403],
    );
    assert.equal(verdictOf(server, device.access_token), "allow");
  });

  it("is refused once the session has ended", async () => {
    const device = await signIn(server);
    const { fields } = formOf(await account(device.browser), "/account/sign-out-everywhere");
    await server.server.revocations.revoker.revoke({
      scope: "session",
      key: device.claims.sid,
      mode: "kill",
    });
    assert.equal((await everywhere(device, fields)).status, 303);
    const page = await account(device.browser);
    assert.match(page.body, /role="alert">You were signed out in the meantime/);
    assert.ok(page.forms[0]!.hasPassword);
  });
});
