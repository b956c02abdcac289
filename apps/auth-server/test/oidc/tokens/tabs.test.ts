import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  begin,
  claimsOf,
  isEnd,
  nobodysBrowser,
  ok,
  passPages,
  pressFirst,
  redeem,
  refresh,
  signIn,
  verdictOf,
} from "../app.ts";
import { BOB, type ServerUnderTest, startServer } from "../server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

describe("tabs of one browser at once", () => {
  it("that consent for one app share one grant, and all their tokens live", async () => {
    const { browser } = await signIn(server);
    const attempts = Array.from({ length: 8 }, () =>
      begin(server.issuer, { client_id: "other", scope: "openid orders.read", prompt: "consent" }),
    );
    const callbacks = await Promise.all(attempts.map(({ url }) => passPages(browser, url)));
    const tokens = [];
    for (const [at, attempt] of attempts.entries())
      tokens.push(ok(await redeem(server.issuer, attempt, callbacks[at]!)));
    assert.equal(new Set(tokens.map(({ access_token }) => claimsOf(access_token).gid)).size, 1);
    for (const { refresh_token } of tokens) {
      const next = ok(await refresh(server.issuer, refresh_token, { client_id: "other" }));
      assert.equal(verdictOf(server, next.access_token), "allow");
    }
  });

  it("that sign on silently for two apps lose neither", async () => {
    const web = await signIn(server);
    await signIn(server, { browser: web.browser, parameters: { client_id: "other" } });
    const attempts = Array.from({ length: 12 }, (_, at) =>
      begin(server.issuer, { client_id: at % 2 === 0 ? "web" : "other", prompt: "none" }),
    );
    const pages = await Promise.all(attempts.map(({ url }) => web.browser.open(url, isEnd)));
    for (const [at, attempt] of attempts.entries()) {
      const { url } = pages[at]!;
      assert.equal(url.searchParams.get("error"), null, url.search);
      const { refresh_token } = ok(await redeem(server.issuer, attempt, url));
      ok(await refresh(server.issuer, refresh_token, { client_id: attempt.clientId }));
    }
  });

  it("stay signed in after them all", async () => {
    const { browser } = await signIn(server);
    await Promise.all(
      Array.from({ length: 6 }, () => browser.open(begin(server.issuer, { prompt: "login" }).url, isEnd)),
    );
    server.advance(16_000);
    const page = await browser.open(begin(server.issuer, { prompt: "none" }).url, isEnd);
    assert.notEqual(page.url.searchParams.get("code"), null, page.url.search);
  });
});

describe("the session's cookie", () => {
  const cookieOf = (page: { trail: readonly { headers: { "set-cookie"?: string[] | undefined } }[] }) =>
    page.trail
      .flatMap(({ headers }) => headers["set-cookie"] ?? [])
      .filter((cookie) => cookie.startsWith("_session="))
      .map((cookie) => cookie.slice("_session=".length).split(";")[0]!);

  it("changes with a sign-in, and the value from before leads nowhere at once", async () => {
    // Signs nobody in, but saves a session: what an attacker would plant.
    const { browser, page } = await nobodysBrowser(server);
    const planted = cookieOf(page).at(-1);
    const { sessions } = server.server.oidc;
    assert.ok(planted !== undefined);
    assert.notEqual(await sessions.find(planted), undefined);
    await signIn(server, { browser });
    assert.equal(await sessions.find(planted), undefined);
  });

  it("that was planted is not let in by a request that began before the sign-in", async () => {
    const { browser, page } = await nobodysBrowser(server);
    const planted = cookieOf(page).at(-1)!;
    const { sessions } = server.server.oidc;
    const before = (await sessions.find(planted))!;
    const { claims } = await signIn(server, { browser });
    assert.equal(claims.sid, before.uid);
    await sessions.save({ id: planted, payload: before, ttlSeconds: 1000 });
    assert.equal(await sessions.find(planted), undefined);
  });

  it("of nobody is kept for an hour, since anybody can ask for one", async () => {
    const value = cookieOf((await nobodysBrowser(server)).page).at(-1)!;
    const { uid } = (await server.server.oidc.sessions.find(value))!;
    const row = (await server.server.oidc.sessions.findLive(uid))!;
    assert.equal(row.expires_at - row.last_seen_at, 3600);
  });

  it("leads on for ten seconds, and the skew, after a rotation that was no sign-in, under a fresh value", async () => {
    const { browser } = await signIn(server);
    const { sessions } = server.server.oidc;
    const first = cookieOf(await browser.open(begin(server.issuer, { prompt: "none" }).url, isEnd)).at(-1)!;
    const payload = (await sessions.find(first))!;
    await sessions.save({ id: "next-value", payload, ttlSeconds: 1000, replaces: first });
    server.advance(9000);
    const found = (await sessions.find(first))!;
    assert.equal(found.uid, payload.uid);
    assert.ok(![first, "next-value"].includes(found.jti!));
    // And the skew, since another server may have replaced it.
    server.advance(7000);
    assert.equal(await sessions.find(first), undefined);
    assert.notEqual(await sessions.find("next-value"), undefined);
  });

  it("of an ended session is not brought back by a late save", async () => {
    const { claims } = await signIn(server);
    const { sessions, endings } = server.server.oidc;
    const payload = (await sessions.findByUid(claims.sid))!;
    await endings.endSession({ uid: claims.sid, accountId: claims.sub });
    await sessions.save({ id: "late", payload, ttlSeconds: 1000 });
    assert.equal(await sessions.find("late"), undefined);
    assert.equal(await sessions.findByUid(claims.sid), undefined);
  });

  it("never stands for two users: the second who signs in from one anonymous session is refused", async () => {
    const { sessions } = server.server.oidc;
    const { claims } = await signIn(server);
    const payload = (await sessions.findByUid(claims.sid))!;
    const other = { ...payload, accountId: "somebody-else" };
    await assert.rejects(sessions.save({ id: "x", payload: other, ttlSeconds: 1000 }), {
      code: "session_taken",
    });
  });
});

describe("signing in as somebody else", () => {
  it("ends the first user's session in that browser, and begins another", async () => {
    const alice = await signIn(server);
    const attempt = begin(server.issuer, { prompt: "login" });
    const page = await alice.browser.open(attempt.url, isEnd);
    let next = await pressFirst(alice.browser, page, BOB);
    // The library logs the first user out through a form that submits itself; here its button is pressed.
    for (let pages = 0; !isEnd(next.url) && pages < 5; pages++)
      next = await pressFirst(alice.browser, next, BOB);
    const bob = claimsOf(ok(await redeem(server.issuer, attempt, next.url)).access_token);
    assert.notEqual(bob.sub, alice.claims.sub);
    assert.notEqual(bob.sid, alice.claims.sid);
    assert.equal(verdictOf(server, alice.access_token), "logged_out");
  });
});
