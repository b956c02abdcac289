/** Disabling users and apps by the API: what they have ends, and nothing follows. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Exchange, exchange, json, PlainBrowser } from "@portcullis/testing/end-to-end";
import { startForScopes } from "../../api/call-api.ts";
import {
  assertRefused,
  begin,
  form,
  introspect,
  isEnd,
  machineToken,
  passPages,
  pressFirst,
  redeem,
  refresh,
  revokeByApi,
  signIn,
  token,
  verdictOf,
} from "../app.ts";
import { ALICE, BOB, basicOf, RESOURCE, type ServerUnderTest } from "../server-under-test.ts";
import { alertIn, assertNothingLate, tryPassword } from "../sign-in-pages.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startForScopes(["users.write", "apps.write"]);
});
after(() => server.stop());

interface CallOptions {
  readonly client?: string;
  readonly scope?: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
}

async function call(path: string, options: CallOptions = {}): Promise<Exchange> {
  const { issuer } = server;
  const scope = options.scope ?? (path.startsWith("users") ? "users.write" : "apps.write");
  const accessToken = await machineToken(issuer, options.client ?? "admin", `${issuer}/api`, scope);
  return exchange(`${issuer}/api/v1/${path}`, {
    method: "POST",
    ...(options.body === undefined ? {} : { body: options.body }),
    headers: { authorization: `Bearer ${accessToken}`, ...options.headers },
  });
}

async function changed(path: string): Promise<Record<string, unknown>> {
  const answer = await call(path);
  assert.equal(answer.status, 200, answer.body);
  return json(answer);
}

const problemOf = (answer: Exchange) => {
  assert.match(String(answer.headers["content-type"]), /^application\/problem\+json/);
  const { status, code } = json<{ status: number; code: string }>(answer);
  assert.equal(status, answer.status);
  return [status, code];
};

const askAs = (client: string) =>
  token(
    server.issuer,
    { grant_type: "client_credentials", resource: RESOURCE, scope: "orders.read" },
    { authorization: basicOf(client) },
  );

describe("a user who is disabled", () => {
  it("loses sessions, refresh tokens and access tokens, with a receipt, and is back once enabled", async () => {
    const device = await signIn(server, { credentials: BOB });
    const answer = await call("users/bob/disable", { headers: { prefer: "wait=2" } });
    assert.equal(answer.status, 200, answer.body);
    assert.equal(answer.headers["preference-applied"], "wait=2");
    const { receipt, ...state } = json<{ receipt: { seq: number; state: string } }>(answer);
    assert.deepEqual(state, { sub: device.claims.sub, username: "bob", status: "disabled", changed: true });
    assert.deepEqual([receipt.seq, receipt.state], [server.server.storage.log.head(), "enforced"]);
    assert.equal(verdictOf(server, device.access_token), "user_disabled");
    assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
    const account = await device.browser.open(new URL("/account", server.issuer));
    assert.ok(account.forms[0]?.hasPassword, "the account page asks to sign in");

    const again = json<{ changed: boolean; receipt: { seq: number } }>(await call("users/bob/disable"));
    assert.deepEqual(
      [again.changed, again.receipt.seq],
      [false, receipt.seq],
      "repeated, it is the same receipt",
    );
    const enabled = await changed(`users/${device.claims.sub}/enable`);
    assert.deepEqual([enabled.status, enabled.changed, enabled.receipt], ["active", true, undefined]);
    assert.equal((await changed("users/bob/enable")).changed, false);
    assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
    await signIn(server, { credentials: BOB });
  });

  it("is told the same as with a wrong password", async () => {
    await changed("users/bob/disable");
    const texts: string[] = [];
    for (const credentials of [BOB, { ...BOB, password: "wrong password" }]) {
      const refused = await tryPassword(server, credentials);
      texts.push(`${refused.status} ${alertIn(refused)}`);
    }
    assert.match(texts[0]!, /not correct/);
    assert.equal(new Set(texts).size, 1, texts.join(" / "));
    await changed("users/bob/enable");
  });

  it("does not finish what was under way, also when enabled again meanwhile", async () => {
    const browser = new PlainBrowser();
    const page = await browser.open(begin(server.issuer).url, isEnd);
    const beforeReturn = (url: URL) => url.pathname.startsWith("/authorize/");
    const parked = await browser.submit(page, page.forms[0]!, { fill: BOB, isEnd: beforeReturn });
    const attempt = begin(server.issuer);
    const code = await passPages(new PlainBrowser(), attempt.url, BOB);
    const consenting = new PlainBrowser();
    const consent = await pressFirst(
      consenting,
      await consenting.open(begin(server.issuer, { prompt: "consent" }).url, isEnd),
      BOB,
    );
    assert.ok(consent.body.includes("decision"), "at the consent page");
    await changed("users/bob/disable");
    await changed("users/bob/enable");
    assert.equal((await browser.open(parked.url, isEnd)).status, 400);
    assertRefused(await redeem(server.issuer, attempt, code), "invalid_grant");
    assert.equal((await pressFirst(consenting, consent)).status, 400);
  });

  it("has no session that a sign-in saves after it", () =>
    assertNothingLate(server, BOB, {
      keepOut: () => changed("users/bob/disable"),
      letIn: () => changed("users/bob/enable"),
    }));

  it("may be named by e-mail address, and by nothing that nobody has", async () => {
    const byMail = await changed("users/alice%40example.com/disable");
    assert.equal(byMail.username, "alice");
    await changed("users/ALICE/enable");
    for (const name of ["nobody", "nobody%40example.com", "%20", "B".repeat(300)]) {
      for (const act of ["disable", "enable"]) {
        assert.deepEqual(problemOf(await call(`users/${name}/${act}`)), [404, "unknown_subject"]);
      }
    }
  });
});

describe("an app that is disabled", () => {
  it("loses its tokens and its users' grants, and nothing of it is let in anywhere", async () => {
    const { issuer } = server;
    const other = { client_id: "other" };
    const device = await signIn(server, { parameters: other });
    const machine = await machineToken(issuer, "service", RESOURCE, "orders.read");
    const signingIn = new PlainBrowser();
    const page = await signingIn.open(begin(issuer, other).url, isEnd);
    const consenting = new PlainBrowser();
    const consent = await pressFirst(
      consenting,
      await consenting.open(begin(issuer, { ...other, prompt: "consent" }).url, isEnd),
    );
    assert.ok(consent.body.includes("decision"), "at the consent page");
    const attempt = begin(issuer, other);
    const code = await passPages(new PlainBrowser(), attempt.url);

    for (const clientId of ["other", "service"]) {
      const state = await changed(`apps/${clientId}/disable`);
      assert.deepEqual([state.clientId, state.status, state.changed], [clientId, "disabled", true]);
    }
    for (const dead of [device.access_token, machine])
      assert.equal(verdictOf(server, dead), "client_disabled");
    assertRefused(await refresh(issuer, device.refresh_token, other), "invalid_client", 401);
    assertRefused(await redeem(issuer, attempt, code), "invalid_client", 401);
    assertRefused(await askAs("service"), "invalid_client", 401);
    const asService = { authorization: basicOf("service") };
    for (const path of ["introspect", "revoke"]) {
      const answer = await exchange(`${issuer}/${path}`, {
        body: form({ token: machine }),
        headers: asService,
      });
      assertRefused(answer, "invalid_client", 401);
    }
    const pushed = Object.fromEntries(begin(issuer, other).url.searchParams);
    assertRefused(await exchange(`${issuer}/par`, { body: form(pushed) }), "invalid_client", 401);
    assert.equal((await new PlainBrowser().open(begin(issuer, other).url, isEnd)).status, 400);
    for (const [browser, shown] of [
      [signingIn, page],
      [consenting, consent],
    ] as const) {
      const end = await pressFirst(browser, shown, ALICE);
      assert.deepEqual([end.status, isEnd(end.url)], [400, false], end.body);
    }
    assert.equal((await introspect(issuer, "auditor", machine)).active, false);

    for (const clientId of ["other", "service"]) await changed(`apps/${clientId}/enable`);
    assertRefused(await refresh(issuer, device.refresh_token, other), "invalid_grant");
    assertRefused(await redeem(issuer, attempt, code), "invalid_grant");
    assert.equal((await askAs("service")).status, 200);
    assert.equal(verdictOf(server, machine), "client_disabled");
  });

  it("may be told so to apps by a revocation of its own, which repeats nothing", async () => {
    await changed("apps/service/disable");
    const body = { scope: "client", key: "service", reason: "client_disabled" };
    assert.equal((await revokeByApi(server, body)).status, 200);
    await changed("apps/service/enable");
    assert.equal((await revokeByApi(server, body)).status, 409);
  });

  it("is not the app that makes the call, and not one that nobody has registered", async () => {
    assert.deepEqual(problemOf(await call("apps/admin/disable")), [409, "own_app"]);
    assert.deepEqual(problemOf(await call("apps/WEB/disable")), [404, "unknown_client"]);
    assert.deepEqual(problemOf(await call("apps/nobody/enable")), [404, "unknown_client"]);
  });
});

describe("the API", () => {
  it("is for those who have the scope, takes JSON alone, and names what is wrong", async () => {
    const { issuer } = server;
    const without = await exchange(`${issuer}/api/v1/users/bob/disable`, { method: "POST" });
    assert.equal(without.status, 401);
    assert.equal((await call("users/bob/disable", { scope: "apps.write" })).status, 403);
    assert.equal((await call("apps/web/disable", { scope: "revocations.write" })).status, 403);
    const note = { headers: { "content-type": "application/json" } };
    const wrong = await call("users/bob/disable", { ...note, body: '{"reason":"x"}' });
    assert.deepEqual(problemOf(wrong), [400, "invalid_request"]);
    assert.equal(json<{ problems: { field: string }[] }>(wrong).problems[0]!.field, "reason");
    assert.deepEqual(problemOf(await call("users/bob/disable", { ...note, body: "{" })), [
      400,
      "invalid_request",
    ]);
    const asForm = { headers: { "content-type": "application/x-www-form-urlencoded" }, body: "a=b" };
    assert.equal((await call("users/bob/disable", asForm)).status, 415);
    assert.equal((await call("users/bob/ban")).status, 404);
    assert.equal((await signIn(server, { credentials: BOB })).claims.sub.length, 22, "nothing was changed");
    const noted = await call("users/bob/disable", { ...note, body: '{"note":"left"}' });
    assert.equal(noted.status, 200, noted.body);
    const { storage } = server.server;
    const last = storage.read.selectFrom("revocations").select(["note", "actor"]).orderBy("seq", "desc");
    assert.deepEqual({ ...(await last.executeTakeFirst()) }, { note: "left", actor: "admin" });
    await changed("users/bob/enable");
  });
});
