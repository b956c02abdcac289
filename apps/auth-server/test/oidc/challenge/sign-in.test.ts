/** Signing in by JSON: what an app of the operator's own gives and is asked for, step by step. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { exchange, json, PlainBrowser } from "@portcullis/testing/end-to-end";
import { ask } from "../../api/administrator.ts";
import { makeUser, setMustChange } from "../../people/make-user.ts";
import { changePolicy } from "../../sessions/policy.ts";
import {
  assertRefused,
  begin,
  claimsOf,
  form,
  ok,
  passPages,
  pressFirst,
  redeem,
  refresh,
  token,
  verdictOf,
} from "../app.ts";
import { ALICE, basicOf, REDIRECT_URI, RESOURCE, type ServerUnderTest } from "../server-under-test.ts";
import { asking, codeIn, errorOf, JsonApp, startForJson, stepOf } from "./json-app.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startForJson();
});
after(() => server.stop());
beforeEach(() => changePolicy(server, { sessionLimit: undefined }));
afterEach(() => server.freezeClock(undefined));

const PASSWORD = asking("password", ["username", "password"]);
const REFUSED = asking("password", ["username", "password"], "wrong_credentials");

const sessionsOf = (sub: string) => server.server.oidc.sessions.devicesOf(sub);
const subOf = async (username: string): Promise<string> =>
  (await server.server.people.users.findByName(username))!.id;
const newUser = (username: string, password = ALICE.password) =>
  makeUser(
    { users: server.server.people.users, storage: server.server.storage },
    { username, name: username, password },
  );

describe("an app of the operator's own that may sign people in by JSON", () => {
  it("gets an ordinary code for name and password, and tokens for it", async () => {
    const app = new JsonApp(server, { userAgent: "Shop/2.1 (iPhone; iOS 19)", address: "192.0.2.7" });
    const answered = codeIn(await app.begin(ALICE));
    assert.deepEqual(Object.keys(answered.body).toSorted(), ["authorization_code", "device"]);
    assert.equal(answered.headers["cache-control"], "no-store");
    assert.equal(answered.headers["set-cookie"], undefined, "a browser is not signed in by it");
    const tokens = ok(await app.redeem(answered));
    const claims = claimsOf(tokens.access_token);
    assert.deepEqual(
      [claims.sub, claims.client_id, claims.scope],
      [await subOf("alice"), "shop", "orders.read"],
    );
    assert.ok(claims.sid && claims.gid && claims.rv >= 0 && claims.auth_time > 0);
    assert.equal(verdictOf(server, tokens.access_token), "allow");
    const session = (await server.server.oidc.sessions.findLive(claims.sid))!;
    assert.deepEqual(
      [session.user_agent, session.address, session.amr],
      ["Shop/2.1 (iPhone; iOS 19)", "192.0.2.7", "pwd"],
    );
    ok(await refresh(server.issuer, tokens.refresh_token, { client_id: "shop" }));
  });

  it("is found by discovery", async () => {
    const answer = await exchange(`${server.issuer}/.well-known/oauth-authorization-server`);
    assert.equal(json(answer).authorization_challenge_endpoint, `${server.issuer}/authorize-challenge`);
  });

  it("is asked for what it has not given yet, and goes on with each auth_session once", async () => {
    const app = new JsonApp(server);
    const first = await app.begin();
    assert.deepEqual(stepOf(first), PASSWORD);
    assert.match(first.body.auth_session!, /^[\w-]{43}$/);
    const named = await app.goOn(first, { username: "alice" });
    assert.deepEqual(stepOf(named), asking("password", ["password"]));
    assert.deepEqual(errorOf(await app.goOn(first, ALICE)), [400, "invalid_session"]);
    const wrong = await app.goOn(named, { password: "wrong" });
    assert.deepEqual(stepOf(wrong), REFUSED);
    ok(await app.redeem(codeIn(await app.goOn(wrong, ALICE))));
    assert.deepEqual(errorOf(await app.goOn(wrong, ALICE)), [400, "invalid_session"]);
  });

  it("proves itself at each step, if it has a secret", async () => {
    const app = new JsonApp(server, { clientId: "till" });
    const unproved = await app.begin(ALICE);
    assert.deepEqual(errorOf(unproved), [401, "invalid_client"]);
    const headers = { authorization: basicOf("till") };
    const { status, body } = await app.send({ ...(await parametersOf(app)) }, headers);
    assert.equal(status, 400);
    assert.deepEqual(errorOf(await app.goOn({ status, body, headers: {} }, ALICE)), [401, "invalid_client"]);
    const answered = await app.send({ auth_session: body.auth_session, ...ALICE }, headers);
    ok(await app.redeem(codeIn(answered)));
  });

  it("that is not set so is refused, and so is one that does not exist", async () => {
    for (const clientId of ["own", "web"]) {
      const app = new JsonApp(server, { clientId });
      assert.deepEqual(errorOf(await app.begin(ALICE)), [400, "unauthorized_client"]);
    }
    assert.deepEqual(errorOf(await new JsonApp(server, { clientId: "nobody" }).begin(ALICE)), [
      401,
      "invalid_client",
    ]);
  });

  it("is refused what the authorization endpoint refuses, and a request without PKCE", async () => {
    const app = new JsonApp(server);
    const refused = async (fields: Record<string, string | undefined>) =>
      errorOf(await app.begin({ ...ALICE, ...fields }));
    assert.deepEqual(await refused({ code_challenge: undefined, code_challenge_method: undefined }), [
      400,
      "invalid_request",
    ]);
    assert.deepEqual(await refused({ code_challenge_method: "plain" }), [400, "invalid_request"]);
    assert.deepEqual(await refused({ response_type: "token" }), [400, "unsupported_response_type"]);
    assert.deepEqual(await refused({ resource: "https://nowhere.example" }), [400, "invalid_target"]);
    assert.deepEqual(await refused({ redirect_uri: "https://elsewhere.example/" }), [400, "invalid_request"]);
  });

  it("has its code redeemed by whoever holds the verifier alone, without a redirect_uri", async () => {
    const app = new JsonApp(server);
    const answered = codeIn(await app.begin(ALICE));
    const other = new JsonApp(server);
    assertRefused(await app.redeem(answered, { code_verifier: other.verifier }), "invalid_grant");
    ok(await app.redeem(answered));
    assertRefused(await app.redeem(answered), "invalid_grant");
    const browser = new PlainBrowser();
    const attempt = begin(server.issuer);
    const callback = await passPages(browser, attempt.url);
    const withoutUri = {
      grant_type: "authorization_code",
      client_id: "web",
      code: callback.searchParams.get("code")!,
    };
    assertRefused(
      await token(server.issuer, { ...withoutUri, code_verifier: attempt.verifier }),
      "invalid_request",
    );
    ok(await redeem(server.issuer, attempt, callback));
  });
});

const parametersOf = async (app: JsonApp) => ({
  response_type: "code",
  scope: "openid orders.read",
  resource: RESOURCE,
  code_challenge: (await import("node:crypto")).createHash("sha256").update(app.verifier).digest("base64url"),
  code_challenge_method: "S256",
});

describe("whoever may not sign in", () => {
  it("gets one answer, whether there is such a user, whether the user is disabled, whatever the e-mail address is", async () => {
    await newUser("gone");
    await ask(server, ["POST", "users/gone/disable"]);
    const bodies = [];
    for (const username of ["gone", "nobody", "unverified@example.com", "a b\u0000"]) {
      const answered = await new JsonApp(server).begin({ username, password: ALICE.password });
      assert.deepEqual(stepOf(answered), REFUSED, username);
      bodies.push(Object.keys(answered.body).join());
    }
    assert.equal(new Set(bodies).size, 1);
  });

  it("hears of a ban only with the right password, with its message", async () => {
    await newUser("banned");
    const ban = { scope: "all", reason: "spam", message: "Пишите в поддержку." };
    await ask(server, ["POST", "users/banned/bans"], { body: ban, scope: "bans.write" });
    const app = new JsonApp(server);
    const given = { username: "banned", password: ALICE.password };
    assert.deepEqual(stepOf(await app.begin({ ...given, password: "wrong" })), REFUSED);
    const { status, body } = await app.begin(given);
    assert.deepEqual(
      [status, body.error, body.reason, body.message],
      [403, "access_denied", "banned", "Пишите в поддержку."],
    );
  });

  it("waits where the password is guessed, as at the page", async () => {
    await newUser("guessed");
    const app = new JsonApp(server, { address: "192.0.2.66" });
    const now = server.nowMs();
    server.freezeClock(now);
    for (let guess = 0; guess < 6; guess++)
      assert.deepEqual(stepOf(await app.begin({ username: "guessed", password: "wrong" })), REFUSED);
    const waiting = await app.begin({ username: "guessed", password: ALICE.password });
    assert.deepEqual(
      [waiting.status, waiting.body.problem, waiting.body.retry_after, waiting.headers["retry-after"]],
      [429, "too_many_attempts", 1, "1"],
    );
    server.freezeClock(now + 1000);
    codeIn(await app.goOn(waiting, { username: "guessed", password: ALICE.password }));
  });

  it("is known by its device, wherever it is, and does not wait for what others guess there", async () => {
    await newUser("traveller");
    const own = { username: "traveller", password: ALICE.password };
    const { device } = await new JsonApp(server).signIn(own);
    const app = new JsonApp(server, { address: "192.0.2.67" });
    server.freezeClock(server.nowMs());
    for (let guess = 0; guess < 6; guess++) await app.begin({ ...own, password: "wrong" });
    assert.equal((await app.begin(own)).status, 429);
    const known = codeIn(await app.begin({ ...own, device }));
    assert.equal(known.body.device, device);
  });
});

describe("a user who must change the password", () => {
  it("chooses a new one by JSON, and only then is there a session", async () => {
    const { id } = await newUser("anna");
    await setMustChange(server.server, "anna");
    const app = new JsonApp(server);
    const asked = await app.begin({ username: "anna", password: ALICE.password });
    const change = (problem?: string) => asking("change_password", ["new_password"], problem);
    assert.deepEqual(stepOf(asked), change());
    const short = await app.goOn(asked, { new_password: "short" });
    assert.deepEqual(stepOf(short), change("too_short"));
    const same = await app.goOn(short, { new_password: ALICE.password });
    assert.deepEqual(stepOf(same), change("not_new"));
    assert.equal((await sessionsOf(id)).length, 0);
    ok(await app.redeem(codeIn(await app.goOn(same, { new_password: "a password of my own" }))));
    assert.equal((await sessionsOf(id)).length, 1);
    assert.deepEqual(stepOf(await app.begin({ username: "anna", password: ALICE.password })), REFUSED);
  });

  it("begins anew when the ten minutes are over, and when the password is another", async () => {
    await newUser("berta");
    await setMustChange(server.server, "berta");
    const app = new JsonApp(server);
    const own = { username: "berta", password: ALICE.password };
    const late = await app.begin(own);
    server.advance(10 * 60_000);
    assert.deepEqual(errorOf(await app.goOn(late, { new_password: "a password of my own" })), [
      400,
      "invalid_session",
    ]);
    const overtaken = await app.begin(own);
    await ask(server, ["POST", "users/berta/password"], { body: { password: "set by somebody else" } });
    const refused = await app.goOn(overtaken, { new_password: "a password of my own" });
    assert.deepEqual(errorOf(refused), [400, "invalid_session"]);
  });
});

describe("an auth_session", () => {
  it("is good for its app alone, and for its PKCE challenge", async () => {
    const app = new JsonApp(server);
    const asked = await app.begin();
    const till = new JsonApp(server, { clientId: "till" });
    const stolen = { auth_session: asked.body.auth_session, ...ALICE };
    assert.deepEqual(errorOf(await till.send(stolen, { authorization: basicOf("till") })), [
      400,
      "invalid_session",
    ]);
    const exchanged = { client_id: "shop", ...stolen, code_challenge: "a".repeat(43) };
    assert.deepEqual(errorOf(await app.send(exchanged)), [400, "invalid_session"]);
    codeIn(await app.goOn(asked, ALICE));
  });

  it("is stored as a hash", async () => {
    const { body } = await new JsonApp(server).begin();
    const rows = await server.server.storage.read.selectFrom("oidc_artefacts").selectAll().execute();
    assert.ok(rows.some(({ model }) => model === "AuthSession"));
    assert.ok(!JSON.stringify(rows).includes(body.auth_session!));
  });

  it("that is none is refused", async () => {
    const app = new JsonApp(server);
    for (const auth_session of ["", "x", "a".repeat(43)])
      assert.deepEqual(errorOf(await app.send({ client_id: "shop", auth_session, ...ALICE })), [
        400,
        "invalid_session",
      ]);
  });

  it("takes one step, of fifty requests at once, at whatever server", async () => {
    const { id } = await newUser("fifty");
    const urls = [
      server.issuer,
      ...(server.server.storage.dialect === "postgres" ? [await server.startAnother()] : []),
    ];
    const app = new JsonApp(server);
    const asked = await app.begin();
    const apps = urls.map((at) => new JsonApp(server, { at }));
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        apps[index % apps.length]!.goOn(asked, { username: "fifty", password: ALICE.password }),
      ),
    );
    const [won, ...more] = answers.filter(({ status }) => status === 200);
    assert.ok(won !== undefined && more.length === 0, `${more.length} more`);
    for (const lost of answers.filter(({ status }) => status !== 200))
      assert.deepEqual(errorOf(lost), [400, "invalid_session"]);
    assert.equal((await sessionsOf(id)).length, 1);
    ok(await app.redeem(won));
  });
});

describe("where sessions are limited", () => {
  it("the user chooses by JSON which one ends, if the policy asks", async () => {
    const { id } = await newUser("limited");
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
    assert.equal((await sessionsOf(id)).length, 1);
  });

  it("one more is refused, if the policy says so", async () => {
    await newUser("full");
    const own = { username: "full", password: ALICE.password };
    await changePolicy(server, { sessionLimit: { max: 1, per: "user", overflow: "refuse" } });
    await new JsonApp(server).signIn(own);
    const { status, body } = await new JsonApp(server).begin(own);
    assert.deepEqual([status, body.error, body.reason], [403, "access_denied", "session_limit_reached"]);
  });

  it("of the app, a page asks, and no session is left behind", async () => {
    const { id } = await newUser("twice");
    const own = { username: "twice", password: ALICE.password };
    await changePolicy(server, { sessionLimit: { max: 1, per: "app", overflow: "ask" } });
    await new JsonApp(server).signIn(own);
    const { status, body } = await new JsonApp(server).begin({ ...own, redirect_uri: REDIRECT_URI });
    assert.deepEqual([status, body.error], [400, "redirect_to_web"]);
    assert.equal((await sessionsOf(id)).length, 1);
  });
});

describe("what only a page can ask", () => {
  it("leads to the web, with a request_uri if the app has said where it comes back", async () => {
    const app = new JsonApp(server);
    const bare = await app.begin({ prompt: "consent" });
    assert.deepEqual([...errorOf(bare), bare.body.request_uri], [400, "redirect_to_web", undefined]);
    const led = await app.begin({ prompt: "login consent", redirect_uri: REDIRECT_URI });
    assert.deepEqual(errorOf(led), [400, "redirect_to_web"]);
    const url = new URL("/authorize", server.issuer);
    url.search = form({ client_id: "shop", request_uri: led.body.request_uri }).toString();
    const browser = new PlainBrowser();
    const callback = await passPages(browser, url);
    const code = callback.searchParams.get("code")!;
    ok(await app.redeem({ ...led, body: { authorization_code: code } }, { redirect_uri: REDIRECT_URI }));
  });
});

describe("the session of a sign-in by JSON", () => {
  it("is one among the others on the account page, and ends there", async () => {
    const { id } = await newUser("paged");
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
    const { id } = await newUser("leaver");
    const { access_token, refresh_token } = await new JsonApp(server).signIn({
      username: "leaver",
      password: ALICE.password,
    });
    assert.equal((await sessionsOf(id)).length, 1);
    const body = form({ token: refresh_token, client_id: "shop" });
    assert.equal((await exchange(`${server.issuer}/revoke`, { body })).status, 200);
    assert.equal(verdictOf(server, access_token), "revoked");
    assert.equal((await sessionsOf(id)).length, 0);
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
      const { id } = await newUser(username);
      const radius = async () => {
        const { body } = await ask(server, ["POST", "apps/shop/disable?dryRun=true"]);
        return body.ends.sessions as number;
      };
      const before = await radius();
      const { access_token, refresh_token } = await new JsonApp(server).signIn({
        username,
        password: ALICE.password,
      });
      assert.equal((await sessionsOf(id)).length, 1, username);
      assert.equal(await radius(), before + 1, "and a dry run says so");
      await end({ refresh_token, username });
      assert.notEqual(verdictOf(server, access_token), "allow", username);
      assert.equal((await sessionsOf(id)).length, 0, username);
    }
    const { id } = await newUser("mover");
    const own = { username: "mover", password: ALICE.password };
    await changePolicy(server, { sessionLimit: { max: 1, per: "app", overflow: "replaceOldest" } });
    const first = await new JsonApp(server).signIn(own);
    const second = await new JsonApp(server).signIn(own);
    assert.equal(verdictOf(server, first.access_token), "replaced");
    assert.deepEqual(
      (await sessionsOf(id)).map(({ uid }) => uid),
      [claimsOf(second.access_token).sid],
    );
  });

  it("of a browser lives on when an app gives its tokens back, as before", async () => {
    const { id } = await newUser("browsing");
    const own = { username: "browsing", password: ALICE.password };
    const attempt = begin(server.issuer);
    const callback = await passPages(new PlainBrowser(), attempt.url, own);
    const { refresh_token } = ok(await redeem(server.issuer, attempt, callback));
    await exchange(`${server.issuer}/revoke`, { body: form({ token: refresh_token, client_id: "web" }) });
    assert.equal((await sessionsOf(id)).length, 1);
  });
});

describe("a page of the app in a browser", () => {
  it("reads the answer from the origins of the app's redirect URIs, and no other page does", async () => {
    const app = new JsonApp(server);
    const { origin } = new URL(REDIRECT_URI);
    const asked = await app.send({ client_id: "shop", ...(await parametersOf(app)) }, { origin });
    assert.equal(asked.headers["access-control-allow-origin"], origin);
    assert.equal(asked.headers["access-control-allow-credentials"], undefined);
    const used = await app.send({ client_id: "shop", auth_session: "x" }, { origin });
    assert.equal(used.headers["access-control-allow-origin"], origin);
    const elsewhere = await app.send(
      { client_id: "shop", ...(await parametersOf(app)), ...ALICE },
      { origin: "https://evil.example" },
    );
    assert.deepEqual(errorOf(elsewhere), [400, "invalid_request"]);
    assert.equal(elsewhere.headers["access-control-allow-origin"], undefined);
  });

  it("may ask before, as at the token endpoint", async () => {
    const answer = await exchange(`${server.issuer}/authorize-challenge`, {
      method: "OPTIONS",
      headers: { origin: "https://app.example", "access-control-request-method": "POST" },
    });
    assert.deepEqual([answer.status, answer.headers["access-control-allow-methods"]], [204, "POST"]);
    assert.equal((await exchange(`${server.issuer}/authorize-challenge`)).status, 405);
  });
});

describe("what the app asks for", () => {
  it("is somebody in particular, by an ID token of before: nobody else gets a code, or leaves a session", async () => {
    const { id } = await newUser("stranger");
    const { id_token } = await new JsonApp(server).signIn();
    const given = { username: "stranger", password: ALICE.password };
    const refused = await new JsonApp(server).begin({ ...given, id_token_hint: id_token });
    assert.deepEqual(stepOf(refused), asking("password", ["username", "password"], "other_user"));
    assert.equal((await sessionsOf(id)).length, 0);
    codeIn(await new JsonApp(server).begin({ ...ALICE, id_token_hint: id_token }));
  });

  it("is a fresh sign-in, which each is; and never one without a question", async () => {
    const began = Math.floor(server.nowMs() / 1000);
    const app = new JsonApp(server);
    const { access_token } = ok(
      await app.redeem(codeIn(await app.begin({ ...ALICE, max_age: "5", prompt: "login" }))),
    );
    assert.ok(claimsOf(access_token).auth_time >= began);
    assert.deepEqual(errorOf(await app.begin({ ...ALICE, prompt: "none" })), [400, "login_required"]);
  });
});

describe("a device that several people share", () => {
  it("is known for each of them", async () => {
    await newUser("mother");
    await newUser("father");
    const first = await new JsonApp(server).signIn({ username: "mother", password: ALICE.password });
    const second = codeIn(
      await new JsonApp(server).begin({ username: "father", password: ALICE.password, device: first.device }),
    );
    assert.equal(second.body.device?.split(".").length, 2);
    const guesser = new JsonApp(server, { address: "192.0.2.68" });
    for (let guess = 0; guess < 6; guess++) await guesser.begin({ username: "mother", password: "wrong" });
    codeIn(await guesser.begin({ username: "mother", password: ALICE.password, device: second.body.device }));
  });
});
