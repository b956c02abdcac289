/** The session that a sign-in by JSON opens: whether there may be one more, what it is beside others, and what ends it. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { exchange, PlainBrowser } from "@portcullis/testing/end-to-end";
import { ask } from "../../api/administrator.ts";
import { changePolicy } from "../../sessions/policy.ts";
import {
  assertRefused,
  begin,
  claimsOf,
  form,
  isEnd,
  ok,
  passPages,
  pressFirst,
  redeem,
  refresh,
  verdictOf,
} from "../app.ts";
import { ALICE, REDIRECT_URI, type ServerUnderTest } from "../server-under-test.ts";
import { asking, codeIn, JsonApp, newUser, sessionsOf, startForJson, stepOf } from "./json-app.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startForJson();
});
after(() => server.stop());
beforeEach(() => changePolicy(server, { sessionLimit: undefined }));

describe("where sessions are limited", () => {
  it("the user chooses by JSON which one ends, if the policy asks", async () => {
    const { id } = await newUser(server, "limited");
    const own = { username: "limited", password: ALICE.password };
    await changePolicy(server, { sessionLimit: { max: 1, per: "user", overflow: "ask" } });
    const first = await new JsonApp(server, { userAgent: "Shop/1 (iPhone)" }).signIn(own);
    const app = new JsonApp(server);
    const asked = await app.begin(own);
    assert.deepEqual(stepOf(asked), asking("choose_session", ["end_sessions"]));
    assert.deepEqual(
      [asked.body.at_least, asked.body.sessions?.map(({ sid }) => sid)],
      [1, [claimsOf(first.access_token).sid]],
    );
    const none = await app.goOn(asked, {});
    assert.deepEqual(stepOf(none), asking("choose_session", ["end_sessions"], "none"));
    const end_sessions = none.body.sessions!.map(({ sid }) => sid).join(" ");
    ok(await app.redeem(codeIn(await app.goOn(none, { end_sessions }))));
    assert.equal(verdictOf(server, first.access_token), "replaced");
    assert.equal((await sessionsOf(server, id)).length, 1);
  });

  it("one more is refused, if the policy says so", async () => {
    await newUser(server, "full");
    const own = { username: "full", password: ALICE.password };
    await changePolicy(server, { sessionLimit: { max: 1, per: "user", overflow: "refuse" } });
    await new JsonApp(server).signIn(own);
    const { status, body } = await new JsonApp(server).begin(own);
    assert.deepEqual([status, body.error, body.reason], [403, "access_denied", "session_limit_reached"]);
  });

  it("of the app, a page asks, and no session is left behind; the page ends one, and brings the tokens", async () => {
    const { id } = await newUser(server, "twice");
    const own = { username: "twice", password: ALICE.password };
    await changePolicy(server, { sessionLimit: { max: 1, per: "app", overflow: "ask" } });
    const first = await new JsonApp(server).signIn(own);
    const app = new JsonApp(server);
    const led = await app.begin({ ...own, redirect_uri: REDIRECT_URI });
    assert.deepEqual([led.status, led.body.error], [400, "redirect_to_web"]);
    assert.equal((await sessionsOf(server, id)).length, 1);
    const url = new URL("/authorize", server.issuer);
    url.search = form({ client_id: "shop", request_uri: led.body.request_uri }).toString();
    const browser = new PlainBrowser();
    const page = await pressFirst(browser, await browser.open(url, isEnd), own);
    assert.equal(verdictOf(server, first.access_token), "allow", "nothing ends before it was chosen");
    const [shown] = page.forms;
    const chosen = { ticked: [["ends", claimsOf(first.access_token).sid]] as const, isEnd };
    const { url: callback } = await browser.submit(page, shown!, chosen);
    const code = callback.searchParams.get("code");
    assert.ok(code, callback.href);
    const answered = { ...led, body: { authorization_code: code } };
    const tokens = ok(await app.redeem(answered, { redirect_uri: REDIRECT_URI }));
    assert.equal(claimsOf(tokens.access_token).sub, id);
    assert.equal(verdictOf(server, tokens.access_token), "allow");
    assert.equal(verdictOf(server, first.access_token), "replaced");
    const again = await new PlainBrowser().open(url, isEnd);
    assert.equal(again.status, 400, "what was pushed is good once");
    assert.match(again.body, /request_uri/);
  });
});

describe("the session of a sign-in by JSON", () => {
  it("is one among the others on the account page, and ends there", async () => {
    const { id } = await newUser(server, "paged");
    const own = { username: "paged", password: ALICE.password };
    const { access_token, refresh_token } = await new JsonApp(server, {
      userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
    }).signIn(own);
    const browser = new PlainBrowser();
    const account = await pressFirst(
      browser,
      await browser.open(`${server.issuer}/account`),
      own,
      () => false,
    );
    assert.match(account.body, /Firefox on Linux/);
    await server.server.oidc.endings.endSession({ uid: claimsOf(access_token).sid, accountId: id });
    assert.equal(verdictOf(server, access_token), "logged_out");
    assertRefused(await refresh(server.issuer, refresh_token, { client_id: "shop" }), "invalid_grant");
  });

  it("ends with the app's refresh token (RFC 7009): nobody could come into it any more", async () => {
    const { id } = await newUser(server, "leaver");
    const { access_token, refresh_token } = await new JsonApp(server).signIn({
      username: "leaver",
      password: ALICE.password,
    });
    assert.equal((await sessionsOf(server, id)).length, 1);
    const body = form({ token: refresh_token, client_id: "shop" });
    assert.equal((await exchange(`${server.issuer}/revoke`, { body })).status, 200);
    assert.equal(verdictOf(server, access_token), "revoked");
    assert.equal((await sessionsOf(server, id)).length, 0);
  });

  it("ends with whatever ends the app's access: a replay, the app that is left or disabled, one that comes into another session", async () => {
    const ways: Record<string, (held: { refresh_token: string; username: string }) => Promise<unknown>> = {
      replay: async ({ refresh_token }) => {
        const again = { client_id: "shop" };
        const { refresh_token: next } = ok(await refresh(server.issuer, refresh_token, again));
        ok(await refresh(server.issuer, next, again));
        assertRefused(await refresh(server.issuer, refresh_token, again), "invalid_grant");
      },
      left: ({ username }) =>
        ask(server, ["DELETE", `users/${username}/consents/shop`], { scope: "users.write" }),
      disabled: async () => {
        await ask(server, ["POST", "apps/shop/disable"]);
        await ask(server, ["POST", "apps/shop/enable"]);
      },
    };
    for (const [username, end] of Object.entries(ways)) {
      const { id } = await newUser(server, username);
      const radius = async () => {
        const { body } = await ask(server, ["POST", "apps/shop/disable?dryRun=true"]);
        return body.ends.sessions as number;
      };
      const before = await radius();
      const { access_token, refresh_token } = await new JsonApp(server).signIn({
        username,
        password: ALICE.password,
      });
      assert.equal((await sessionsOf(server, id)).length, 1, username);
      assert.equal(await radius(), before + 1, "and a dry run says so");
      await end({ refresh_token, username });
      assert.notEqual(verdictOf(server, access_token), "allow", username);
      assert.equal((await sessionsOf(server, id)).length, 0, username);
    }
    const { id } = await newUser(server, "mover");
    const own = { username: "mover", password: ALICE.password };
    await changePolicy(server, { sessionLimit: { max: 1, per: "app", overflow: "replaceOldest" } });
    const first = await new JsonApp(server).signIn(own);
    const second = await new JsonApp(server).signIn(own);
    assert.equal(verdictOf(server, first.access_token), "replaced");
    assert.deepEqual(
      (await sessionsOf(server, id)).map(({ uid }) => uid),
      [claimsOf(second.access_token).sid],
    );
  });

  it("of a browser lives on when an app gives its tokens back, as before", async () => {
    const { id } = await newUser(server, "browsing");
    const own = { username: "browsing", password: ALICE.password };
    const attempt = begin(server.issuer);
    const callback = await passPages(new PlainBrowser(), attempt.url, own);
    const { refresh_token } = ok(await redeem(server.issuer, attempt, callback));
    await exchange(`${server.issuer}/revoke`, { body: form({ token: refresh_token, client_id: "web" }) });
    assert.equal((await sessionsOf(server, id)).length, 1);
  });
});
