/** How many sessions there may be: what a sign-in beyond that does, and who is told what. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { PolicySettings, SessionEnded } from "@portcullis/protocol";
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
import { sessionsOf, signInToAccount, tryPassword } from "../oidc/sign-in-pages.ts";
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

const limit = (
  max: number,
  per: "user" | "deviceType",
  overflow: NonNullable<PolicySettings["sessionLimit"]>["overflow"],
) => changePolicy(server, { sessionLimit: { max, per, overflow } });
const verdicts = (...devices: readonly SignedIn[]): string[] =>
  devices.map((device) => verdictOf(server, device.access_token));
const liveSids = async () => (await sessionsOf(server)).map(({ uid }) => uid).toSorted();
const sidsOf = (...devices: readonly SignedIn[]) => devices.map(({ claims }) => claims.sid).toSorted();

/** One after another: the order of those of one second is not told by their times. */
async function signInLater(userAgent = LAPTOP, credentials = ALICE): Promise<SignedIn> {
  server.advance(1000);
  return signInOn(server, userAgent, { credentials });
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
    const {
      error_description: told,
      reason,
      replacedBy,
    } = json<Record<string, string> & SessionEnded>(refused);
    assert.match(told!, /^replaced: .*Safari on iPhone/);
    assert.deepEqual(
      [reason, replacedBy?.device, replacedBy?.address],
      ["replaced", "Safari on iPhone", undefined],
    );
    assert.doesNotMatch(told!, /127\.0\.0\.1/, "an app of somebody else's does not hear where the user is");
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
    assert.match((await signInToAccount(server)).page.body, /Your account/);
    assert.deepEqual(verdicts(first), ["replaced"]);
  });
});

describe("a limit that refuses", () => {
  it("says so on the page, and opens nothing", async () => {
    await limit(1, "user", "refuse");
    const first = await signInLater();
    const page = await tryPassword(server);
    assert.equal(page.status, 403);
    assert.match(page.body, /role="alert">You are signed in on as many devices as is allowed\./);
    assert.equal((await signInToAccount(server)).page.status, 403);
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

describe("a limit that asks", () => {
  const ASKS = /Choose a device to sign out/;
  const CHANGED = /signed in or out somewhere else/;

  interface Asked {
    readonly browser: PlainBrowser;
    readonly page: Page;
  }
  async function asked(at: "app" | "account" = "app", userAgent = LAPTOP): Promise<Asked> {
    server.advance(1000);
    const browser = new PlainBrowser();
    browser.headers = { "user-agent": userAgent };
    const start = at === "app" ? begin(server.issuer).url : `${server.issuer}/account`;
    const page = await pressFirst(browser, await browser.open(start, isEnd));
    return { browser, page };
  }
  const offered = ({ page }: Asked): string[] =>
    [...page.body.matchAll(/name="ends" value="([^"]+)"/g)].map(([, uid]) => uid!).toSorted();
  const choose = ({ browser, page }: Asked, ...devices: readonly SignedIn[]): Promise<Page> =>
    browser.submit(page, page.forms[0]!, {
      ticked: devices.map(({ claims }) => ["ends", claims.sid] as const),
      isEnd,
    });
  const cancel = ({ browser, page }: Asked): Promise<Page> =>
    browser.submit(page, page.forms[0]!, { button: page.forms[0]!.buttons[1]!, isEnd });

  it("shows where the user is signed in, and ends what was chosen when the new session is opened", async () => {
    await limit(2, "user", "ask");
    const [first, second] = [await signInLater(PHONE), await signInLater()];
    const asking = await asked();
    assert.equal(asking.page.status, 200);
    assert.match(asking.page.body, ASKS);
    assert.match(asking.page.body, /Safari on iPhone.*127\.0\.0\.1.*last seen/s);
    assert.deepEqual(offered(asking), sidsOf(first, second));
    assert.deepEqual(verdicts(first, second), ["allow", "allow"], "nothing has ended yet");
    const { url } = await choose(asking, first);
    assert.ok(url.searchParams.has("code"), "the app goes on");
    assert.deepEqual(verdicts(first, second), ["replaced", "allow"]);
    const live = await liveSids();
    assert.equal(live.length, 2);
    const { replaced_by } = await server.server.storage.read
      .selectFrom("oidc_sessions")
      .select("replaced_by")
      .where("uid", "=", first.claims.sid)
      .executeTakeFirstOrThrow();
    assert.ok(live.includes(replaced_by!) && replaced_by !== second.claims.sid);
    const refused = await refresh(server.issuer, first.refresh_token);
    assert.match(json<{ error_description: string }>(refused).error_description, /^replaced: .*Firefox/);
  });

  it("asks at the account page too, and there as well nothing happens when it is cancelled", async () => {
    await limit(1, "user", "ask");
    const first = await signInLater();
    const asking = await asked("account");
    assert.match(asking.page.body, ASKS);
    const cancelled = await cancel(asking);
    assert.ok(cancelled.forms[0]!.hasPassword);
    assert.deepEqual([await liveSids(), verdicts(first)], [sidsOf(first), ["allow"]]);
    assert.match((await choose(await asked("account"), first)).body, /Your account/);
    assert.deepEqual(verdicts(first), ["replaced"]);
  });

  it("leads back to the app when it is cancelled", async () => {
    await limit(1, "user", "ask");
    const first = await signInLater();
    const { url } = await cancel(await asked());
    assert.equal(url.searchParams.get("error"), "access_denied");
    assert.equal(url.searchParams.get("state"), "some-state");
    assert.deepEqual(verdicts(first), ["allow"]);
  });

  it("wants as many as are needed, and says so", async () => {
    const [first, second, third] = [await signInLater(), await signInLater(), await signInLater()];
    await limit(2, "user", "ask");
    const asking = await asked();
    assert.match(asking.page.body, /Sign out 2 or more/);
    const none = await choose(asking);
    assert.equal(none.status, 422);
    assert.match(none.body, /role="alert">Choose at least one/);
    const again = await choose({ ...asking, page: none }, second);
    assert.equal(again.status, 422);
    assert.match(again.body, /role="alert">Choose more/);
    assert.deepEqual(await liveSids(), sidsOf(first, second, third));
    await choose({ ...asking, page: again }, second, third);
    assert.deepEqual(verdicts(first, second, third), ["allow", "replaced", "replaced"]);
  });

  it("ends nobody else's session, whatever is sent", async () => {
    await limit(1, "user", "ask");
    const [first, bob] = [await signInLater(), await signInLater(LAPTOP, BOB)];
    const again = await choose(await asked(), bob);
    assert.equal(again.status, 422);
    assert.match(again.body, ASKS);
    assert.deepEqual(verdicts(first, bob), ["allow", "allow"]);
  });

  it("asks for the password again when the sessions are others by then", async () => {
    await limit(2, "user", "ask");
    const [first, second] = [await signInLater(), await signInLater()];
    const asking = await asked();
    await server.server.oidc.endings.endSession({ uid: second.claims.sid, accountId: second.claims.sub });
    const other = await signInLater(PHONE);
    const late = await choose(asking, first);
    assert.match(late.body, CHANGED);
    assert.ok(late.forms[0]!.hasPassword);
    assert.deepEqual([await liveSids(), verdicts(first)], [sidsOf(first, other), ["allow"]]);
    const shown = await asking.browser.open(asking.page.url);
    assert.doesNotMatch(shown.body, ASKS);
  });

  it("has a ticket of one use, for this action alone, that ends after ten minutes", async () => {
    await limit(1, "user", "ask");
    const first = await signInLater();
    const asking = await asked("account");
    await choose(asking, first);
    const [live] = await liveSids();
    const { sub } = first.claims;
    await server.server.oidc.endings.endSession({ uid: live!, accountId: sub });
    const { ticket } = asking.page.forms[0]!.fields;
    const replay = async (more: Record<string, string>, { browser } = asking) => {
      const start = await browser.open(`${server.issuer}/account`);
      return browser.submit(start, start.forms[0]!, { fill: { ticket: ticket!, ...more } });
    };
    const thief = { ...asking, browser: new PlainBrowser() };
    assert.match((await replay({ ends: first.claims.sid }, thief)).body, /open for too long/);
    assert.match((await replay({ ends: first.claims.sid })).body, CHANGED);
    assert.match(
      (await replay({ newPassword: "a new password", repeatedPassword: "a new password" })).body,
      CHANGED,
    );
    assert.deepEqual(await liveSids(), []);

    const [last, slow] = [await signInLater(), await asked()];
    server.advance(11 * 60_000);
    assert.match((await choose(slow, last)).body, /open for too long/);
    assert.deepEqual(verdicts(last), ["allow"]);
  });

  it("asks again when another sign-in takes the room between the choice and the session", async () => {
    await limit(1, "user", "ask");
    const first = await signInLater();
    const asking = await asked();
    const form = asking.page.forms[0]!;
    const body = new URLSearchParams({ ...form.fields, decision: "end", ends: first.claims.sid });
    const origin = new URL(server.issuer).origin;
    const chosen = await asking.browser.request(new URL(form.action, asking.page.url), {
      method: "POST",
      body,
      headers: { origin },
    });
    await choose(await asked("account", PHONE), first);
    const [winner] = await liveSids();
    const again = await asking.browser.open(new URL(chosen.headers.location!, server.issuer), isEnd);
    assert.equal(again.status, 422, again.body);
    assert.match(again.body, CHANGED);
    assert.deepEqual(await liveSids(), [winner]);
    const asked2 = { browser: asking.browser, page: await pressFirst(asking.browser, again) };
    assert.match(asked2.page.body, ASKS);
    const next = await asking.browser.submit(asked2.page, asked2.page.forms[0]!, {
      ticked: [["ends", winner!]],
      isEnd,
    });
    assert.ok(next.url.searchParams.has("code"));
    assert.equal((await liveSids()).length, 1);
    assert.notDeepEqual(await liveSids(), [winner]);
  });
});
