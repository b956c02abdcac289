/** How long an app may go on in a session: by its own times and those of its APIs, which only shorten what the policy says. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { BlastRadius, Receipt } from "@portcullis/protocol";
import { json, type PlainBrowser } from "@portcullis/testing/end-to-end";
import { LAST_SEEN_SLACK_SECONDS } from "../../src/sessions/live-sessions.ts";
import { ask, startAdministered } from "../api/administrator.ts";
import {
  assertRefused,
  begin,
  claimsOf,
  isEnd,
  ok,
  passPages,
  redeem,
  refresh,
  type SignedIn,
  signIn,
  verdictOf,
} from "../oidc/app.ts";
import { RESOURCE, type ServerUnderTest } from "../oidc/server-under-test.ts";
import { changePolicy } from "./policy.ts";

const MINUTE = 60_000;
let server: ServerUnderTest;
before(async () => {
  server = await startAdministered();
});
after(() => server.stop());

interface Times {
  readonly sessionIdleSeconds?: number | null;
  readonly sessionAbsoluteSeconds?: number | null;
}
interface Ended {
  readonly receipt?: Receipt;
}
async function patch<Body = Ended>(path: string, body: object): Promise<Body> {
  const answer = await ask(server, ["PATCH", path], { body });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body as Body;
}
const ofApp = (times: Times) => patch("apps/web", times);
const API = `apis/${encodeURIComponent(RESOURCE)}`;
const ofApi = (times: Times) => patch(API, times);
const ofPolicy = (policy: Partial<typeof NO_POLICY>) => changePolicy(server, { ...NO_POLICY, ...policy });
beforeEach(async () => {
  await ofApp({ sessionIdleSeconds: null, sessionAbsoluteSeconds: null });
  await ofApi({ sessionIdleSeconds: null, sessionAbsoluteSeconds: null });
});

/** What the authorization endpoint says while nobody looks. */
async function silently(browser: PlainBrowser, parameters: Record<string, string> = {}) {
  const { url } = await browser.open(begin(server.issuer, { prompt: "none", ...parameters }).url, isEnd);
  return url.searchParams.get("error") ?? "signed in";
}
async function refused(device: SignedIn, clientId = "web"): Promise<string> {
  const answer = await refresh(server.issuer, device.refresh_token, { client_id: clientId });
  assertRefused(answer, "invalid_grant");
  return json<{ error_description: string }>(answer).error_description;
}
/** Signs in to another app in the session of the device. */
const other = (device: SignedIn) =>
  signIn(server, { browser: device.browser, parameters: { client_id: "other" } });

for (const [whose, set] of [
  ["an app's own", ofApp],
  ["an API's", ofApi],
] as const) {
  describe(`a session of ${whose} absolute time`, () => {
    it("goes on no more after it: the refresh is told why, and the app asks for a fresh sign-in", async () => {
      await set({ sessionAbsoluteSeconds: 600 });
      const device = await signIn(server);
      server.advance(8 * MINUTE);
      const { refresh_token } = ok(await refresh(server.issuer, device.refresh_token));
      assert.equal(await silently(device.browser), "signed in");
      server.advance(3 * MINUTE);
      assert.match(await refused({ ...device, refresh_token }), /^session_too_old: /);
      assert.equal(await silently(device.browser), "login_required");
      const page = await device.browser.open(begin(server.issuer).url, isEnd);
      assert.equal(page.forms[0]!.hasPassword, true);
      const again = await signIn(server, { browser: device.browser });
      assert.equal(again.claims.sid, device.claims.sid, "the session itself lives on");
      ok(await refresh(server.issuer, again.refresh_token));
    });

    it("is over for both endpoints at the same second: no code is given that no token comes of", async () => {
      for (const times of [{ sessionAbsoluteSeconds: 600 }, { sessionIdleSeconds: 600 }]) {
        await set({ sessionIdleSeconds: null, sessionAbsoluteSeconds: null, ...times });
        const device = await signIn(server);
        server.advance(10 * MINUTE);
        assert.equal(await silently(device.browser), "login_required");
        assert.match(await refused(device), /^session_(?:too_old|idle): /);
      }
    });

    it("ends no access token of it later, nor later than the policy ends the session", async () => {
      await set({ sessionAbsoluteSeconds: 600 });
      const device = await signIn(server);
      const end = device.claims.exp - device.expires_in + 600;
      server.advance(8 * MINUTE);
      const answer = ok(await refresh(server.issuer, device.refresh_token));
      assert.ok(answer.expires_in <= 121, String(answer.expires_in));
      assert.ok(Math.abs(claimsOf(answer.access_token).exp - end) <= 2);
      await set({ sessionAbsoluteSeconds: null });
      await changePolicy(server, { idleSeconds: 660, absoluteSeconds: 660 });
      const last = ok(await refresh(server.issuer, answer.refresh_token));
      await changePolicy(server, { idleSeconds: 14 * 86_400, absoluteSeconds: 90 * 86_400 });
      assert.ok(last.expires_in <= 181, String(last.expires_in));
      assert.ok(Math.abs(claimsOf(last.access_token).exp - (end + 60)) <= 2);
    });
  });

  describe(`a session of ${whose} idle time`, () => {
    it("goes on while the app is used, and not while only another one is", async () => {
      await set({ sessionIdleSeconds: 300 });
      const [used, unused] = [await signIn(server), await signIn(server)];
      let { refresh_token } = used;
      await set({ sessionIdleSeconds: null });
      const mail = await other(unused);
      await set({ sessionIdleSeconds: 300 });
      let ofMail = mail.refresh_token;
      for (let round = 0; round < 3; round++) {
        server.advance(4 * MINUTE);
        ({ refresh_token } = ok(await refresh(server.issuer, refresh_token)));
        if (whose === "an app's own")
          ofMail = ok(await refresh(server.issuer, ofMail, { client_id: "other" })).refresh_token;
      }
      assert.equal(await silently(used.browser), "signed in");
      assert.match(await refused(unused), /^session_idle: /);
      assert.equal(await silently(unused.browser), "login_required");
      await passPages(unused.browser, begin(server.issuer).url);
      assert.equal(await silently(unused.browser), "signed in", "after a fresh sign-in");
    });
  });

  describe(`${whose} times that are edited`, () => {
    it("end what is past them at once, with a receipt, and nothing else", async () => {
      const old = await signIn(server);
      server.advance(20 * MINUTE);
      const fresh = await signIn(server);
      const { receipt } = await set({ sessionAbsoluteSeconds: 600 });
      assert.equal(receipt?.state, "enforced");
      assert.deepEqual(
        [verdictOf(server, old.access_token), verdictOf(server, fresh.access_token)],
        ["revoked", "allow"],
      );
      ok(await refresh(server.issuer, fresh.refresh_token));
      assert.ok((await server.server.oidc.sessions.findLive(old.claims.sid)) !== undefined);
    });

    it("bring nothing back when they are longer", async () => {
      await set({ sessionAbsoluteSeconds: 600 });
      const device = await signIn(server);
      server.advance(11 * MINUTE);
      assert.deepEqual((await set({ sessionAbsoluteSeconds: 6000 })).receipt, undefined);
      assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
    });
  });
}

/** In the middle of a second, so that what is read twice is one second. */
const START_MS = (Math.floor(Date.now() / 1000) + 86_400) * 1000 + 500;
const LIMIT_SECONDS = 120;
const SKEW_SECONDS = 5;
const NO_POLICY = { idleSeconds: 14 * 86_400, absoluteSeconds: 90 * 86_400 };

for (const [limit, set] of [
  ["an app's absolute time", () => ofApp({ sessionAbsoluteSeconds: LIMIT_SECONDS })],
  ["an API's absolute time", () => ofApi({ sessionAbsoluteSeconds: LIMIT_SECONDS })],
  ["an app's idle time", () => ofApp({ sessionIdleSeconds: LIMIT_SECONDS })],
  [
    "the policy's absolute time",
    () => ofPolicy({ idleSeconds: LIMIT_SECONDS, absoluteSeconds: LIMIT_SECONDS }),
  ],
  ["the policy's idle time", () => ofPolicy({ idleSeconds: LIMIT_SECONDS })],
] as const) {
  describe(`at ${limit}`, () => {
    after(async () => {
      await ofPolicy({});
      server.freezeClock(undefined);
    });
    const slackSeconds = limit === "the policy's idle time" ? LAST_SEEN_SLACK_SECONDS : 0;
    const at = (seconds: number) =>
      server.freezeClock(START_MS + (LIMIT_SECONDS + slackSeconds + seconds) * 1000);
    /** Signed in at the start. */
    async function signedIn(): Promise<SignedIn> {
      await ofPolicy({});
      server.freezeClock(START_MS);
      const device = await signIn(server);
      await set();
      return device;
    }

    it("a code that is given in the last second brings tokens, and no more from the limit on", async () => {
      const { browser } = await signedIn();
      at(-1);
      const [one, other] = [begin(server.issuer), begin(server.issuer)];
      const [first, second] = [await passPages(browser, one.url), await passPages(browser, other.url)];
      ok(await redeem(server.issuer, one, first));
      at(0);
      if (!limit.includes("idle")) assertRefused(await redeem(server.issuer, other, second), "invalid_grant");
    });

    for (const late of [0, SKEW_SECONDS, SKEW_SECONDS + 1]) {
      it(`${late} s later both ends want a fresh sign-in`, async () => {
        const device = await signedIn();
        at(late);
        assert.equal(await silently(device.browser), "login_required");
        assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
        await passPages(device.browser, begin(server.issuer).url);
        assert.equal(await silently(device.browser), "signed in", "after a fresh sign-in");
      });
    }

    it("an app that has nothing in the session yet is asked for one as well", async () => {
      const device = await signedIn();
      if (limit.startsWith("an app's")) await patch("apps/other", await appTimes());
      at(0);
      assert.equal(await silently(device.browser, { client_id: "other" }), "login_required");
      await patch("apps/other", { sessionIdleSeconds: null, sessionAbsoluteSeconds: null });
    });
  });
}

async function appTimes(): Promise<Times> {
  const { body } = await ask(server, ["GET", "apps/web"]);
  const { sessionIdleSeconds = null, sessionAbsoluteSeconds = null } = body as Times;
  return { sessionIdleSeconds, sessionAbsoluteSeconds };
}

describe("an app's times", () => {
  it("hold for that app alone", async () => {
    await ofApp({ sessionAbsoluteSeconds: 600 });
    const device = await signIn(server);
    const mail = await other(device);
    server.advance(11 * MINUTE);
    await refused(device);
    ok(await refresh(server.issuer, mail.refresh_token, { client_id: "other" }));
    assert.equal(await silently(device.browser, { client_id: "other" }), "signed in");
  });

  it("refuse a code that was got before they were over", async () => {
    const browser = (await signIn(server)).browser;
    server.advance(20 * MINUTE);
    const attempt = begin(server.issuer);
    const callback = await passPages(browser, attempt.url);
    await ofApp({ sessionAbsoluteSeconds: 600 });
    assertRefused(await redeem(server.issuer, attempt, callback), "invalid_grant");
  });

  it("say beforehand what would end, and are refused when they do not fit each other", async () => {
    const device = await signIn(server);
    server.advance(20 * MINUTE);
    const { ends } = await patch<{ ends: BlastRadius }>("apps/web?dryRun=true", { sessionIdleSeconds: 600 });
    assert.ok(Number(ends.users) >= 1 && Number(ends.apps) === 1, JSON.stringify(ends));
    assert.equal(verdictOf(server, device.access_token), "allow");
    ok(await refresh(server.issuer, device.refresh_token));
    for (const path of ["apps/web", API]) {
      const body = { sessionIdleSeconds: 700, sessionAbsoluteSeconds: 600 };
      const answer = await ask(server, ["PATCH", path], { body });
      assert.equal(answer.status, 400);
      assert.match(JSON.stringify(answer.body), /sessionIdleSeconds/);
    }
  });
});
