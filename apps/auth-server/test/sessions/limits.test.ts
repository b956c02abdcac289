/** How many sessions there may be: what a sign-in beyond that does, and who is told what. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { json, type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import {
  assertRefused,
  begin,
  isEnd,
  ok,
  pressFirst,
  refresh,
  type SignedIn,
  signIn,
  verdictOf,
} from "../oidc/app.ts";
import { ALICE, BOB, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import { makeUser } from "../people/make-user.ts";
import { changePolicy } from "./policy.ts";
import { LAPTOP, PHONE, signInOn } from "./session-api.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());
beforeEach(async () => {
  await changePolicy(server, { sessionLimit: undefined });
  await server.server.storage.write(async ({ db }) => void (await db.deleteFrom("oidc_sessions").execute()));
});

const limit = (max: number, per: "user" | "deviceType", overflow: "replaceOldest" | "refuse") =>
  changePolicy(server, { sessionLimit: { max, per, overflow } });
const verdicts = (...devices: readonly SignedIn[]): string[] =>
  devices.map((device) => verdictOf(server, device.access_token));
async function liveSids(): Promise<string[]> {
  const { id } = (await server.server.people.users.findByName("alice"))!;
  return (await server.server.oidc.sessions.devicesOf(id)).map(({ uid }) => uid).toSorted();
}
const sidsOf = (...devices: readonly SignedIn[]) => devices.map(({ claims }) => claims.sid).toSorted();

/** One after another: the order of those of one second is not told by their times. */
async function signInLater(userAgent = LAPTOP, credentials = ALICE): Promise<SignedIn> {
  server.advance(1000);
  return signInOn(server, userAgent, { credentials });
}

/** The page after the password, on the way to an app. */
async function tryToSignIn(): Promise<Page> {
  const browser = new PlainBrowser();
  return pressFirst(browser, await browser.open(begin(server.issuer).url, isEnd));
}

async function signInToAccount(browser: PlainBrowser): Promise<Page> {
  const page = await browser.open(`${server.issuer}/account`);
  return browser.submit(page, page.forms[0]!, { fill: ALICE });
}

describe("a limit that replaces the oldest", () => {
  it("ends it when there is one more, with the reason, and nobody else's", async () => {
    await limit(2, "user", "replaceOldest");
    const [first, second, bob] = [await signInLater(), await signInLater(), await signInLater(LAPTOP, BOB)];
    assert.deepEqual(verdicts(first, second, bob), ["allow", "allow", "allow"]);
    const third = await signInLater(PHONE);
    assert.deepEqual(verdicts(first, second, third, bob), ["replaced", "allow", "allow", "allow"]);
    assert.deepEqual(await liveSids(), sidsOf(second, third));
    ok(await refresh(server.issuer, second.refresh_token));
  });

  it("tells the app by what, and the device by what and from where", async () => {
    await limit(1, "user", "replaceOldest");
    const first = await signInLater();
    await signInLater(PHONE);
    const refused = await refresh(server.issuer, first.refresh_token);
    assertRefused(refused, "invalid_grant");
    const { error_description: told } = json<{ error_description: string }>(refused);
    assert.match(told, /^replaced: .*Safari on iPhone/);
    assert.doesNotMatch(told, /127\.0\.0\.1/, "an app of somebody else's does not hear where the user is");
    const page = await first.browser.open(`${server.issuer}/account`);
    assert.equal(page.forms[0]!.hasPassword, true);
    assert.match(page.body, /Safari on iPhone from 127\.0\.0\.1/);
  });

  it("counts each type of device by itself where it says so", async () => {
    await limit(1, "deviceType", "replaceOldest");
    const [laptop, phone] = [await signInLater(), await signInLater(PHONE)];
    assert.deepEqual(verdicts(laptop, phone), ["allow", "allow"]);
    const other = await signInLater(PHONE);
    assert.deepEqual(verdicts(laptop, phone, other), ["allow", "replaced", "allow"]);
  });

  it("ends as many as there are too many once it was lowered", async () => {
    const before = [await signInLater(), await signInLater(), await signInLater()];
    await limit(1, "user", "replaceOldest");
    assert.deepEqual(verdicts(...before), ["allow", "allow", "allow"], "not by itself");
    await signInLater();
    assert.deepEqual(verdicts(...before), ["replaced", "replaced", "replaced"]);
  });

  it("counts a sign-in on the account page as well", async () => {
    await limit(1, "user", "replaceOldest");
    const first = await signInLater();
    server.advance(1000);
    assert.match((await signInToAccount(new PlainBrowser())).body, /Your account/);
    assert.deepEqual(verdicts(first), ["replaced"]);
  });
});

describe("a limit that refuses", () => {
  it("says so on the page, and opens nothing", async () => {
    await limit(1, "user", "refuse");
    const first = await signInLater();
    const page = await tryToSignIn();
    assert.equal(page.status, 403);
    assert.match(page.body, /role="alert">You are signed in on as many devices as is allowed\./);
    assert.equal((await signInToAccount(new PlainBrowser())).status, 403);
    assert.deepEqual(await liveSids(), sidsOf(first));
    assert.deepEqual(verdicts(first), ["allow"]);
  });

  it("says nothing of it to whoever has not the password", async () => {
    await limit(1, "user", "refuse");
    await signInLater();
    const browser = new PlainBrowser();
    const page = await browser.open(begin(server.issuer).url, isEnd);
    const refused = await pressFirst(browser, page, { ...ALICE, password: "wrong" });
    assert.match(refused.body, /The username or password is not correct/);
  });

  it("lets in again when there is room", async () => {
    await limit(1, "user", "refuse");
    const first = await signInLater();
    await server.server.oidc.endings.endSession({ uid: first.claims.sid, accountId: first.claims.sub });
    assert.deepEqual(verdicts(await signInLater()), ["allow"]);
  });

  it("refuses nobody who signs in again where he is signed in", async () => {
    await limit(1, "user", "refuse");
    const first = await signInLater();
    const again = await signIn(server, { browser: first.browser, parameters: { prompt: "login" } });
    assert.deepEqual(verdicts(again), ["allow"]);
    const page = await new PlainBrowser().open(`${server.issuer}/account`);
    assert.ok(page.forms[0]!.hasPassword);
  });

  it("takes the browser's own session for the one that makes room, and ends it", async () => {
    await limit(1, "user", "refuse");
    const browser = new PlainBrowser();
    const open = () => browser.open(`${server.issuer}/account`);
    const [first, second] = [await open(), await open()];
    await browser.submit(first, first.forms[0]!, { fill: ALICE });
    const before = await liveSids();
    const page = await browser.submit(second, second.forms[0]!, { fill: ALICE });
    assert.match(page.body, /Your account/);
    const now = await liveSids();
    assert.deepEqual([before.length, now.length], [1, 1]);
    assert.notDeepEqual(now, before);
  });

  it("does not count what a new password ends anyway", async () => {
    await limit(1, "user", "refuse");
    const { storage, people } = server.server;
    const [carol, password] = [{ username: "carol", password: "a first password" }, "a password of my own"];
    const { id } = await makeUser({ storage, users: people.users }, { ...carol, name: "Carol" });
    const first = await signInLater(LAPTOP, carol);
    await storage.write(async ({ db }) => {
      await db.updateTable("users").set({ must_change_password: 1 }).where("id", "=", id).execute();
    });
    const browser = new PlainBrowser();
    const asked = await pressFirst(browser, await browser.open(begin(server.issuer).url, isEnd), carol);
    assert.match(asked.body, /Choose a new password/);
    const next = await pressFirst(browser, asked, { newPassword: password, repeatedPassword: password });
    assert.notEqual(next.status, 403, next.body);
    assert.deepEqual(verdicts(first), ["password_changed"]);
    const live = await server.server.oidc.sessions.devicesOf(id);
    assert.equal(live.length, 1);
    assert.notEqual(live[0]!.uid, first.claims.sid);
  });
});
