/** In how many sessions of a user an app may be: what one more does, and that other apps of those sessions live on. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { AppSessionLimit } from "@portcullis/protocol";
import { json, type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import { ask, startAdministered } from "../api/administrator.ts";
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
import { ALICE, type ServerUnderTest } from "../oidc/server-under-test.ts";
import { changePolicy } from "./policy.ts";
import { LAPTOP, PHONE, signInOn } from "./session-api.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startAdministered();
});
after(() => server.stop());

async function limitOfApp(sessionLimit: AppSessionLimit | null, clientId = "web"): Promise<void> {
  const answer = await ask(server, ["PATCH", `apps/${clientId}`], { body: { sessionLimit } });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
}
const limitOfPolicy = (max: number, overflow: AppSessionLimit["overflow"]) =>
  changePolicy(server, { sessionLimit: { max, per: "app", overflow } });
beforeEach(async () => {
  await changePolicy(server, { sessionLimit: undefined });
  await limitOfApp(null);
  await server.server.storage.write(async ({ db }) => {
    await db.deleteFrom("oidc_grants").execute();
    await db.deleteFrom("oidc_sessions").execute();
  });
});

async function signInLater(userAgent = LAPTOP, clientId = "web"): Promise<SignedIn> {
  server.advance(1000);
  return signInOn(server, userAgent, { parameters: { client_id: clientId } });
}
/** Another app in the session of the device. */
const otherAppOn = ({ browser }: SignedIn): Promise<SignedIn> =>
  signIn(server, { browser, parameters: { client_id: "other" } });
const verdicts = (...devices: readonly SignedIn[]): string[] =>
  devices.map((device) => verdictOf(server, device.access_token));
const isLive = async ({ claims }: SignedIn): Promise<boolean> =>
  (await server.server.oidc.sessions.findLive(claims.sid)) !== undefined;

/** After the password, on the way to the app. */
async function come(clientId = "web"): Promise<{ browser: PlainBrowser; page: Page }> {
  server.advance(1000);
  const browser = new PlainBrowser();
  const start = await browser.open(begin(server.issuer, { client_id: clientId }).url, isEnd);
  return { browser, page: await pressFirst(browser, start, ALICE) };
}

for (const [whose, limit] of [
  ["the app's own", limitOfApp],
  ["the policy's", ({ max, overflow }: AppSessionLimit) => limitOfPolicy(max, overflow)],
] as const) {
  describe(`${whose} limit that replaces the oldest`, () => {
    it("ends the app's part of the oldest session, with the reason, and nothing else of it", async () => {
      await limit({ max: 2, overflow: "replaceOldest" });
      const [first, second] = [await signInLater(), await signInLater()];
      const otherApp = await otherAppOn(first);
      const third = await signInLater(PHONE);
      assert.deepEqual(verdicts(first, second, third, otherApp), ["replaced", "allow", "allow", "allow"]);
      assert.ok(await isLive(first));
      ok(await refresh(server.issuer, otherApp.refresh_token, { client_id: "other" }));
      const refused = await refresh(server.issuer, first.refresh_token);
      assertRefused(refused, "invalid_grant");
      assert.match(
        json<{ error_description: string }>(refused).error_description,
        /^replaced: .*Safari on iPhone/,
      );
      const { body } = await ask(server, ["GET", `sessions/${first.claims.sid}`]);
      assert.deepEqual(
        body.replacedApps.map((app: object) => ({ ...app, name: "" })),
        [{ clientId: "web", name: "", replacedBy: third.claims.sid }],
      );
    });
  });

  describe(`${whose} limit that refuses`, () => {
    it("gives the app access_denied, with words, and leaves the rest as it is", async () => {
      await limit({ max: 1, overflow: "refuse" });
      const first = await signInLater();
      const { page } = await come();
      assert.equal(page.url.searchParams.get("error"), "access_denied");
      assert.match(page.url.searchParams.get("error_description")!, /as many devices as is allowed/);
      assert.deepEqual(verdicts(first), ["allow"]);
      const again = await signIn(server, { browser: first.browser });
      assert.equal(again.claims.gid, first.claims.gid, "where it is in already, it stays");
    });
  });
}

describe("a limit of an app", () => {
  it("counts that app alone, and takes the place of the policy's", async () => {
    await limitOfPolicy(1, "refuse");
    await limitOfApp({ max: 2, overflow: "refuse" });
    const [first, second] = [await signInLater(), await signInLater()];
    const other = await otherAppOn(first);
    assert.deepEqual(verdicts(first, second, other), ["allow", "allow", "allow"]);
    assert.equal((await come()).page.url.searchParams.get("error"), "access_denied");
    assert.equal((await come("other")).page.url.searchParams.get("error"), "access_denied", "by the policy");
  });

  it("lets in again where the app was left", async () => {
    await limitOfApp({ max: 1, overflow: "refuse" });
    const first = await signInLater();
    await server.server.oidc.endings.endGrant(first.claims.gid);
    assert.deepEqual(verdicts(await signInLater()), ["allow"]);
  });
});

describe("a limit of an app that asks", () => {
  const ASKS = /You use <bdi><strong>[^<]+<\/strong><\/bdi> on one device/;
  beforeEach(() => limitOfApp({ max: 1, overflow: "ask" }));

  it("shows where the app is in, and ends its part of what was chosen", async () => {
    const first = await signInLater(PHONE);
    const otherApp = await otherAppOn(first);
    const { browser, page } = await come();
    assert.match(page.body, ASKS);
    assert.match(page.body, /Safari on iPhone/);
    assert.deepEqual(verdicts(first), ["allow"]);
    const tooFew = await browser.submit(page, page.forms[0]!, { isEnd });
    assert.match(tooFew.body, ASKS);
    const chosen = { ticked: [["ends", first.claims.sid]] as const, isEnd };
    const { url } = await browser.submit(tooFew, tooFew.forms[0]!, chosen);
    assert.ok(url.searchParams.has("code"), url.href);
    assert.deepEqual(verdicts(first, otherApp), ["replaced", "allow"]);
  });

  it("leads back to the app when it is cancelled, or when there is no page to ask on", async () => {
    const first = await signInLater();
    const { browser, page } = await come();
    const [, cancel] = page.forms[0]!.buttons;
    const { url } = await browser.submit(page, page.forms[0]!, { button: cancel!, isEnd });
    assert.equal(url.searchParams.get("error"), "access_denied");
    const silent = await browser.open(begin(server.issuer, { prompt: "none" }).url, isEnd);
    assert.equal(silent.url.searchParams.get("error"), "interaction_required");
    assert.deepEqual(verdicts(first), ["allow"]);
  });

  it("asks again when the choice is none any more", async () => {
    const first = await signInLater();
    const { browser, page } = await come();
    await server.server.oidc.endings.endGrant(first.claims.gid);
    const second = await signInLater(PHONE);
    const again = await browser.submit(page, page.forms[0]!, {
      ticked: [["ends", first.claims.sid]],
      isEnd,
    });
    assert.match(again.body, ASKS);
    assert.equal(again.status, 422);
    assert.deepEqual(verdicts(second), ["allow"]);
  });
});
