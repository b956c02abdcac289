/** Bans of users: what ends, what is refused while one stands, and what the user and the app are told. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import type { BanList, LiftedBan, NewBan } from "@portcullis/protocol";
import { type Exchange, json, PlainBrowser } from "@portcullis/testing/end-to-end";
import { callApi, startForScopes } from "../api/call-api.ts";
import {
  assertRefused,
  begin,
  claimsOf,
  introspect,
  isEnd,
  ok,
  passPages,
  redeem,
  refresh,
  revokeByApi,
  signIn,
  token,
  verdictOf,
} from "../oidc/app.ts";
import {
  ALICE,
  BOB,
  OTHER_RESOURCE,
  REDIRECT_URI,
  RESOURCE,
  type ServerUnderTest,
} from "../oidc/server-under-test.ts";
import { alertIn, assertNothingLate, tryPassword } from "../oidc/sign-in-pages.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startForScopes(["bans.read", "bans.write", "users.write"]);
});
after(() => server.stop());
afterEach(() => server.server.storage.write(({ db }) => db.deleteFrom("bans").execute()));

const call = (method: string, path: string, body?: unknown, scope = scopeOf(method)): Promise<Exchange> =>
  callApi(server, path, { method, body, scope, headers: { prefer: "wait=2" } });

const scopeOf = (method: string): string => (method === "GET" ? "bans.read" : "bans.write");

const problemOf = (answer: Exchange) => {
  const { code } = json<{ code: string }>(answer);
  return [answer.status, code];
};

async function ban(user: string, more: Record<string, unknown> = {}): Promise<NewBan> {
  const answer = await call("POST", `users/${user}/bans`, { scope: "all", reason: "spam", ...more });
  assert.equal(answer.status, 200, answer.body);
  return json<NewBan>(answer);
}

async function lift({ id }: NewBan): Promise<LiftedBan> {
  const answer = await call("DELETE", `bans/${id}`);
  assert.equal(answer.status, 200, answer.body);
  return json<LiftedBan>(answer);
}

const inSeconds = (seconds: number): string =>
  new Date(Math.floor(Date.now() / 1000 + seconds) * 1000).toISOString();

const BOTH = { client_id: "other", scope: "openid orders.read orders.write bills.read" };

/** A code that is good for tokens of both APIs. */
async function codeForBoth(credentials = BOB) {
  const attempt = begin(server.issuer, BOTH);
  attempt.url.searchParams.append("resource", OTHER_RESOURCE);
  const callback = await passPages(new PlainBrowser(), attempt.url, credentials);
  const fields = {
    grant_type: "authorization_code",
    client_id: "other",
    code: callback.searchParams.get("code")!,
    redirect_uri: REDIRECT_URI,
    code_verifier: attempt.verifier,
  };
  return (resource: string) => token(server.issuer, { ...fields, resource });
}

const refreshFor = (refreshToken: string, resource: string) =>
  refresh(server.issuer, refreshToken, { client_id: "other", resource });

describe("a user who is banned from everything", () => {
  it("loses sessions, refresh tokens, codes and access tokens at once, with a true receipt", async () => {
    const device = await signIn(server, { credentials: BOB });
    const attempt = begin(server.issuer);
    const code = await passPages(new PlainBrowser(), attempt.url, BOB);
    const { receipt, ...made } = await ban("bob", { until: inSeconds(3600), message: "Write to us." });
    assert.deepEqual(
      [made.user, made.scope, made.status],
      [{ sub: device.claims.sub, username: "bob" }, "all", "standing"],
    );
    assert.deepEqual([receipt!.seq, receipt!.state], [server.server.storage.log.head(), "enforced"]);
    assert.equal(verdictOf(server, device.access_token), "banned");
    assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
    assertRefused(await redeem(server.issuer, attempt, code), "invalid_grant");
    assert.equal((await introspect(server.issuer, "auditor", device.access_token)).active, false);
    const account = await device.browser.open(new URL("/account", server.issuer));
    assert.ok(account.forms[0]?.hasPassword, "the account page asks to sign in");
    assert.equal(
      (await signIn(server, { credentials: ALICE })).claims.sub.length,
      22,
      "nobody else is banned",
    );
  });

  it("is told so by the app: a refresh says why, what the operator says and until when, while the ban stands", async () => {
    const device = await signIn(server, { credentials: BOB });
    const until = inSeconds(3600);
    const made = await ban("bob", { reason: "case 4711", until, message: "Write to us." });
    const told = {
      error: "invalid_grant",
      error_description: `The user is banned until ${until.slice(0, 10)} ${until.slice(11, 16)} UTC.`,
      reason: "banned",
      message: "Write to us.",
      until,
    };
    for (let again = 0; again < 2; again++) {
      const refused = await refresh(server.issuer, device.refresh_token);
      assert.deepEqual([refused.status, json(refused)], [400, told]);
    }
    const unknown = json<Record<string, unknown>>(await refresh(server.issuer, "no-token-of-anybody"));
    assert.deepEqual([unknown.error, unknown.reason], ["invalid_grant", undefined]);
    await lift(made);
    const over = json<Record<string, unknown>>(await refresh(server.issuer, device.refresh_token));
    assert.deepEqual([over.error, over.reason], ["invalid_grant", undefined]);
  });

  it("is told so, and until when, after the right password, and not before", async () => {
    const until = inSeconds(3600);
    await ban("bob", { reason: "case 4711", until, message: "Write to <us>." });
    const wrong = alertIn(await tryPassword(server, { ...BOB, password: "wrong password" }));
    const nobody = alertIn(await tryPassword(server, { ...BOB, username: "nobody" }));
    assert.deepEqual([wrong, nobody], Array(2).fill("The username or password is not correct."));
    const told = `This account is banned until ${until.slice(0, 10)} ${until.slice(11, 16)} UTC. Write to &lt;us&gt;.`;
    for (const start of [begin(server.issuer).url, new URL("/account", server.issuer)]) {
      const page = await tryPassword(server, BOB, start);
      assert.deepEqual([page.status, alertIn(page)], [403, told]);
      assert.doesNotMatch(page.body, /4711/, "the reason is not for the user");
      assert.ok(page.forms[0]?.hasPassword, "another account can be used");
    }
  });

  it("may sign in again once the ban is over by itself, or was lifted, and what ended stays ended", async () => {
    const device = await signIn(server, { credentials: BOB });
    const made = await ban("bob", { until: inSeconds(600) });
    server.advance(590_000);
    assert.equal((await tryPassword(server, BOB)).status, 403);
    server.advance(20_000);
    await signIn(server, { credentials: BOB });
    assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
    assert.equal(json<NewBan>(await call("GET", `bans/${made.id}`)).status, "over");
    const late = await lift(made);
    assert.deepEqual([late.changed, late.status, late.liftedAt], [false, "over", undefined]);

    const forever = await ban("bob");
    assert.equal((await tryPassword(server, BOB)).status, 403);
    const lifted = await lift(forever);
    assert.deepEqual([lifted.changed, lifted.status, lifted.liftedBy], [true, "lifted", "admin"]);
    assert.equal((await lift(forever)).changed, false);
    await signIn(server, { credentials: BOB });
  });

  it("stays banned by a second ban when the first is lifted, and the longer one is told", async () => {
    const first = await ban("bob", { message: "The first." });
    const second = await ban("bob", { message: "The second.", until: inSeconds(86_400) });
    assert.match(alertIn(await tryPassword(server, BOB)), /^This account is banned\. The first\.$/);
    await lift(first);
    assert.match(alertIn(await tryPassword(server, BOB)), /The second\.$/);
    await lift(second);
    await signIn(server, { credentials: BOB });
  });

  it("does not finish what was under way, also when the ban is lifted meanwhile", async () => {
    const browser = new PlainBrowser();
    const page = await browser.open(begin(server.issuer).url, isEnd);
    const beforeReturn = (url: URL) => url.pathname.startsWith("/authorize/");
    const parked = await browser.submit(page, page.forms[0]!, { fill: BOB, isEnd: beforeReturn });
    await lift(await ban("bob"));
    assert.equal((await browser.open(parked.url, isEnd)).status, 400);
  });

  it("has no session that a sign-in saves after it", async () => {
    let made: NewBan;
    await assertNothingLate(server, BOB, {
      keepOut: async () => {
        made = await ban("bob");
      },
      letIn: () => lift(made),
    });
  });

  it("is told nothing of the ban while disabled too", async () => {
    await ban("bob");
    assert.equal((await call("POST", "users/bob/disable", {}, "users.write")).status, 200);
    assert.match(alertIn(await tryPassword(server, BOB)), /not correct/);
    assert.equal((await call("POST", "users/bob/enable", {}, "users.write")).status, 200);
  });
});

describe("a user who is banned from one API", () => {
  it("loses the tokens for it, gets no new ones by any grant, and keeps the others", async () => {
    const redeemFor = await codeForBoth();
    const orders = ok(await redeemFor(RESOURCE));
    const bills = ok(await refreshFor(orders.refresh_token, OTHER_RESOURCE));
    const second = await codeForBoth();
    const until = inSeconds(3600);
    const made = await ban("bob", { scope: { api: RESOURCE }, until, message: "Ünpaid." });
    assert.equal(verdictOf(server, orders.access_token), "banned");
    assert.equal(verdictOf(server, bills.access_token), "allow");

    const refusals = [await refreshFor(bills.refresh_token, RESOURCE), await second(RESOURCE)];
    for (const refused of refusals) {
      assert.equal(refused.status, 400);
      assert.deepEqual(json(refused), {
        error: "access_denied",
        error_description: `The user is banned from this API until ${until.slice(0, 10)} ${until.slice(11, 16)} UTC.`,
        reason: "banned",
        message: "Ünpaid.",
        until,
      });
    }
    // Nothing of a refused request was stored: neither token was spent.
    const more = ok(await refreshFor(bills.refresh_token, OTHER_RESOURCE));
    assert.equal(verdictOf(server, more.access_token), "allow");
    assert.equal(claimsOf(ok(await second(OTHER_RESOURCE)).access_token).aud, OTHER_RESOURCE);
    await signIn(server, { credentials: BOB, parameters: { resource: OTHER_RESOURCE, ...BOTH } });

    await lift(made);
    const again = ok(await refreshFor(more.refresh_token, RESOURCE));
    assert.equal(verdictOf(server, again.access_token), "allow");
    assert.equal(verdictOf(server, orders.access_token), "banned", "what has ended stays ended");
  });

  it("does not get the answer of a refresh again that was made before", async () => {
    const { refresh_token } = ok(await (await codeForBoth())(RESOURCE));
    ok(await refreshFor(refresh_token, RESOURCE));
    await ban("bob", { scope: { api: RESOURCE } });
    assertRefused(await refreshFor(refresh_token, RESOURCE), "access_denied");
  });
});

describe("a user who is banned from one permission", () => {
  it("gets the next tokens without it, and refreshes silently", async () => {
    const redeemFor = await codeForBoth();
    const first = ok(await redeemFor(RESOURCE));
    assert.equal(claimsOf(first.access_token).scope, "orders.read orders.write");
    const made = await ban("bob", { scope: { api: RESOURCE, permission: "orders.write" } });
    assert.equal(verdictOf(server, first.access_token), "claims_changed");
    const next = ok(await refreshFor(first.refresh_token, RESOURCE));
    assert.deepEqual([next.scope, claimsOf(next.access_token).scope], ["openid orders.read", "orders.read"]);
    assert.equal(verdictOf(server, next.access_token), "allow");

    await lift(made);
    const back = ok(await refreshFor(next.refresh_token, RESOURCE));
    assert.equal(claimsOf(back.access_token).scope, "orders.read orders.write");
  });

  it("by name and by no other: a token that never had it is as it was, apart from being refreshed", async () => {
    await ban("bob", { scope: { api: RESOURCE, permission: "orders.write" } });
    const { claims, access_token } = await signIn(server, { credentials: BOB });
    assert.deepEqual([claims.scope, verdictOf(server, access_token)], ["orders.read", "allow"]);
    const other = ok(await (await codeForBoth())(OTHER_RESOURCE));
    assert.equal(claimsOf(other.access_token).scope, "bills.read");
  });
});

describe("a ban that races refreshes", () => {
  it("leaves nothing alive, whoever comes first", async () => {
    for (const scope of ["all", { api: RESOURCE }] as const) {
      const devices = await Promise.all(
        Array.from({ length: 4 }, () => signIn(server, { credentials: BOB })),
      );
      const [made, ...answers] = await Promise.all([
        ban("bob", { scope }),
        ...devices.map(({ refresh_token }) => refresh(server.issuer, refresh_token)),
        ...devices.map(() => tryPassword(server, BOB)),
      ]);
      const refreshed = answers.slice(0, devices.length) as Exchange[];
      for (const [at, answer] of refreshed.entries()) {
        const { refresh_token, access_token } = answer.status === 200 ? ok(answer) : devices[at]!;
        assert.equal(verdictOf(server, access_token), "banned");
        assertRefused(
          await refresh(server.issuer, refresh_token),
          scope === "all" ? "invalid_grant" : "access_denied",
        );
      }
      const { sub } = devices[0]!.claims;
      const left = await server.server.oidc.sessions.devicesOf(sub);
      if (scope === "all") assert.deepEqual(left, [], "no sign-in got through");
      await lift(made as NewBan);
    }
  });
});

describe("the API of bans", () => {
  it("lists them with filters, page by page, the newest first", async () => {
    const bobs = [await ban("bob"), await ban("bob", { scope: { api: RESOURCE } })];
    server.advance(1000);
    const alices = await ban("alice", { scope: { api: OTHER_RESOURCE } });
    await lift(bobs[0]!);
    const list = async (path: string) => json<BanList>(await call("GET", path));
    const ids = ({ items }: BanList) => items.map(({ id }) => id);
    // A second may begin between the two.
    const byAge = (one: NewBan, other: NewBan) =>
      other.createdAt.localeCompare(one.createdAt) || (one.id < other.id ? -1 : 1);
    const oldest = bobs.toSorted(byAge).map(({ id }) => id);
    assert.deepEqual(ids(await list("bans")), [alices.id, ...oldest]);
    const page = await list("bans?limit=2&total=true");
    assert.deepEqual([ids(page), page.total], [[alices.id, oldest[0]], 3]);
    assert.deepEqual(ids(await list(`bans?limit=2&cursor=${page.next}`)), [oldest[1]]);
    assert.deepEqual(ids(await list("users/BOB/bans")), oldest);
    assert.deepEqual(ids(await list("bans?user=alice%40example.com")), [alices.id]);
    assert.deepEqual(ids(await list("users/bob/bans?status=standing")), [bobs[1]!.id]);
    assert.deepEqual(ids(await list("bans?status=lifted")), [bobs[0]!.id]);
    assert.deepEqual(ids(await list("bans?status=over")), []);
    assert.deepEqual(ids(await list(`bans?api=${encodeURIComponent(RESOURCE)}`)), [bobs[1]!.id]);
    await lift(alices);
  });

  it("succeeds for nobody and nothing that is not there", async () => {
    const unknown = { scope: { api: "https://nobody.example" }, reason: "spam" };
    const permission = { scope: { api: RESOURCE, permission: "bills.read" }, reason: "spam" };
    const head = server.server.storage.log.head();
    for (const [answer, code] of [
      [await call("POST", "users/nobody/bans", { scope: "all", reason: "spam" }), "unknown_subject"],
      [await call("POST", "users/bob/bans", unknown), "unknown_api"],
      [await call("POST", "users/bob/bans", permission), "unknown_permission"],
      [await call("GET", "users/nobody/bans"), "unknown_subject"],
      [await call("GET", "bans?user=nobody"), "unknown_subject"],
      [await call("GET", "bans/nothing"), "unknown_ban"],
      [await call("DELETE", "bans/nothing"), "unknown_ban"],
    ] as const) {
      assert.deepEqual(problemOf(answer), [404, code]);
    }
    assert.equal(server.server.storage.log.head(), head);
    await signIn(server, { credentials: BOB });
  });

  it("names all that is wrong with a ban, and asks for its scopes", async () => {
    const wrong = await call("POST", "users/bob/bans", {
      scope: "some",
      reason: " ",
      message: "x".repeat(501),
      until: "soon",
    });
    assert.deepEqual(problemOf(wrong), [400, "invalid_request"]);
    const { problems } = json<{ problems: { field: string }[] }>(wrong);
    assert.deepEqual(problems.map(({ field }) => field).toSorted(), ["message", "reason", "scope", "until"]);
    const past = await call("POST", "users/bob/bans", {
      scope: "all",
      reason: "spam",
      until: "2020-01-01T00:00:00Z",
    });
    assert.deepEqual(json<{ problems: { field: string }[] }>(past).problems[0]!.field, "until");
    assert.equal(
      (await call("POST", "users/bob/bans", { scope: "all", reason: "spam" }, "bans.read")).status,
      403,
    );
    assert.equal((await call("GET", "bans", undefined, "bans.write")).status, 403);
    assert.equal((await call("DELETE", "bans/x", undefined, "bans.read")).status, 403);
  });

  it("makes the reason `banned` of a revocation true, and nothing else does", async () => {
    const { sub } = (await signIn(server, { credentials: BOB })).claims;
    const body = { scope: "subject", key: sub, reason: "banned" };
    const refused = await revokeByApi(server, body);
    assert.equal(refused.status, 409);
    assert.match(refused.body, /is not banned.*portcullis bans add/);
    const fromOne = await ban("bob", { scope: { api: RESOURCE } });
    assert.equal((await revokeByApi(server, body)).status, 409);
    await lift(fromOne);
    const made = await ban("bob");
    assert.equal((await revokeByApi(server, body)).status, 200);
    await lift(made);
    assert.equal((await revokeByApi(server, body)).status, 409);
  });
});
