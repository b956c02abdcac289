/** What a person does with the own account through an app of the operator's own: `/account/v1`. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { exchange, PlainBrowser } from "@portcullis/testing/end-to-end";
import {
  assertRefused,
  begin,
  ok,
  passPages,
  refresh,
  type SignedIn,
  signIn,
  token,
  verdictOf,
} from "../oidc/app.ts";
import { BOB, basicOf, type ServerUnderTest } from "../oidc/server-under-test.ts";
import { LAPTOP, PHONE, signInOn } from "../sessions/session-api.ts";
import {
  ACCOUNT_APP,
  type AccountAnswer,
  type AccountCall,
  callAccount,
  forAccount,
  signInToAccount,
} from "./account-client.ts";
import { type AccountsUnderTest, refusalOf, startAccounts } from "./accounts-under-test.ts";

let accounts: AccountsUnderTest;
let server: ServerUnderTest;
let alice: SignedIn;
before(async () => {
  accounts = await startAccounts();
  server = accounts.server;
});
after(() => server.stop());
beforeEach(async () => {
  alice = await accounts.signInAnew();
});

const call = (
  by: Pick<SignedIn, "access_token">,
  what: readonly [string, string],
  calling: AccountCall = {},
): Promise<AccountAnswer> => callAccount(server.issuer, by.access_token, what, calling);

describe("who may call", () => {
  it("is an app of the operator's own that acts for a person: others get no token for this API", async () => {
    const { clients } = server.server.oidc;
    await server.server.storage.write(async (transaction) => {
      const { clientId: _id, enabled: _enabled, ...app } = await clients.lock(transaction, ACCOUNT_APP);
      const others = { ...app, clientId: "not-ours", origin: "api", firstParty: false } as const;
      await clients.insert(transaction, others);
    });
    const parameters = { ...forAccount(server), client_id: "not-ours" };
    const callback = await passPages(new PlainBrowser(), begin(server.issuer, parameters).url);
    assert.equal(callback.searchParams.get("error"), "access_denied");

    const resource = `${server.issuer}/account`;
    const asked = { grant_type: "client_credentials", resource, scope: "account.read" };
    assertRefused(await token(server.issuer, asked, { authorization: basicOf("admin") }), "invalid_scope");
  });

  it("is asked at every call: an app that is the operator's own no more is refused", async () => {
    const own = async (firstParty: boolean) => {
      const { clients } = server.server.oidc;
      await server.server.storage.write(async (transaction) => {
        const app = await clients.lock(transaction, ACCOUNT_APP);
        await clients.update(transaction, ACCOUNT_APP, { ...app, firstParty });
      });
    };
    await own(false);
    assert.deepEqual(refusalOf(await call(alice, ["GET", ""])), [403, "insufficient_scope"]);
    assertRefused(
      await refresh(server.issuer, alice.refresh_token, { client_id: ACCOUNT_APP }),
      "invalid_scope",
    );
    await own(true);
    assert.equal((await call(alice, ["GET", ""])).status, 200);
  });

  it("needs a token for this API and the scope: that of another API is refused", async () => {
    const web = await signIn(server);
    assert.deepEqual(refusalOf(await call(web, ["GET", ""])), [401, "invalid_token"]);
    const reader = await signInToAccount(server, { scope: "account.read" });
    assert.equal((await call(reader, ["GET", "/sessions"])).status, 200);
    assert.deepEqual(refusalOf(await call(reader, ["POST", "/sessions/end"], { body: { all: true } })), [
      403,
      "insufficient_scope",
    ]);
  });

  it("ends with the session, a ban and a disabling, with the reason", async () => {
    const { revoker } = server.server.revocations;
    await revoker.revoke({
      scope: "session",
      key: alice.claims.sid,
      mode: "kill",
      reason: "kicked",
      actor: "x",
    });
    assert.deepEqual(refusalOf(await call(alice, ["GET", ""])), [401, "invalid_token", "kicked"]);
    for (const [path, body, reason, undo] of [
      ["users/bob/disable", {}, "user_disabled", ["POST", "users/bob/enable"]],
      ["users/bob/bans", { scope: "all", reason: "spam" }, "banned", undefined],
    ] as const) {
      const bob = await signInToAccount(server, { credentials: BOB });
      assert.equal((await call(bob, ["GET", ""])).status, 200);
      await accounts.administer("POST", path, body);
      assert.deepEqual(refusalOf(await call(bob, ["GET", ""])), [401, "invalid_token", reason]);
      if (undo !== undefined) await accounts.administer(undo[0], undo[1], {});
    }
  });
});

describe("whoever is banned from this API alone", () => {
  const banned = (scope: object) => accounts.administer("POST", "users/bob/bans", { scope, reason: "spam" });
  const account = () => `${server.issuer}/account`;
  const renewed = (bob: SignedIn) => refresh(server.issuer, bob.refresh_token, { client_id: ACCOUNT_APP });
  afterEach(() => server.server.storage.write(({ db }) => db.deleteFrom("bans").execute()));

  it("gets no token for it, and those of before are refused", async () => {
    const bob = await signInToAccount(server, { credentials: BOB });
    await banned({ api: account() });
    assert.deepEqual(refusalOf(await call(bob, ["GET", ""])), [401, "invalid_token", "banned"]);
    assertRefused(await renewed(bob), "access_denied");
  });

  it("from one permission has the other", async () => {
    const bob = await signInToAccount(server, { credentials: BOB });
    await banned({ api: account(), permission: "account.write" });
    assert.deepEqual(refusalOf(await call(bob, ["GET", ""])), [401, "invalid_token", "claims_changed"]);
    const fresh = { ...bob, ...ok(await renewed(bob)) };
    assert.equal((await call(fresh, ["GET", ""])).status, 200);
    const refused = await call(fresh, ["PATCH", ""], { body: { name: "Bob" } });
    assert.deepEqual(refusalOf(refused).slice(0, 2), [403, "insufficient_scope"]);
  });
});

describe("the account", () => {
  it("is shown without what the operator keeps of it", async () => {
    const { body, headers } = await call(alice, ["GET", ""]);
    assert.deepEqual([body.sub, body.username, body.name], [alice.claims.sub, "alice", "Alice Example"]);
    assert.equal("attributes" in body || "status" in body, false);
    assert.match(String(headers.etag), /^"\d+"$/);
  });

  it("is changed in name, picture and language, and in nothing by which it is found", async () => {
    const { headers } = await call(alice, ["GET", ""]);
    const body = { name: "Alice Young", locale: "fr" };
    const changed = await call(alice, ["PATCH", ""], { body, headers: { "if-match": String(headers.etag) } });
    assert.deepEqual([changed.status, changed.body.name, changed.body.locale], [200, "Alice Young", "fr"]);
    assert.equal(changed.body.email, "alice@example.com");
    const stale = { body, headers: { "if-match": String(headers.etag) } };
    assert.deepEqual(refusalOf(await call(alice, ["PATCH", ""], stale)), [412, "precondition_failed"]);
    for (const field of ["username", "email", "emailVerified", "attributes", "mustChangePassword"]) {
      const answer = await call(alice, ["PATCH", ""], { body: { [field]: null } });
      assert.deepEqual([answer.status, answer.body.problems[0].field], [400, field]);
    }
    for (const name of [
      "Alice\u202eelpmaxE",
      "Al\u200bice",
      "Al\u2028ice",
      "Al\u2066ice",
      "\u0007",
      "  ",
      "\u200d",
    ]) {
      const answer = await call(alice, ["PATCH", ""], { body: { name } });
      assert.deepEqual([answer.status, answer.body.problems[0].field], [400, "name"], JSON.stringify(name));
    }
    const joined = "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627";
    assert.equal((await call(alice, ["PATCH", ""], { body: { name: joined } })).body.name, joined);
    await call(alice, ["PATCH", ""], { body: { name: "Alice Example", locale: null } });
  });
});

describe("sessions", () => {
  it("are one's own, with device and address, and the one of the call is marked", async () => {
    await signInOn(server, PHONE);
    await signIn(server, { credentials: BOB });
    const { body } = await call(alice, ["GET", "/sessions?total=true"]);
    assert.equal(body.total, 2);
    const mine = body.items.find(({ current }: { current: boolean }) => current);
    assert.deepEqual(
      [mine.sid, mine.device.name, mine.address, mine.active],
      [alice.claims.sid, "Firefox on Windows", "127.0.0.1", true],
    );
    assert.equal("user" in mine, false);
    assert.equal((await call(alice, ["GET", `/sessions/${mine.sid}`])).body.sid, mine.sid);
  });

  it("of somebody else are none: not to be read, named or ended", async () => {
    const bob = await signIn(server, { credentials: BOB });
    const path = `/sessions/${bob.claims.sid}`;
    const name = { body: { device: { name: "Mine now" } } };
    for (const [method, calling] of [
      ["GET", {}],
      ["PATCH", name],
      ["DELETE", {}],
    ] as const)
      assert.deepEqual(refusalOf(await call(alice, [method, path], calling)), [404, "unknown_session"]);
    assert.deepEqual(refusalOf(await call(alice, ["DELETE", `${path}?dryRun=true`])), [
      404,
      "unknown_session",
    ]);
    assert.equal(verdictOf(server, bob.access_token), "allow");
    const row = await server.server.storage.read
      .selectFrom("oidc_sessions")
      .select("device_name")
      .where("uid", "=", bob.claims.sid)
      .executeTakeFirstOrThrow();
    assert.equal(row.device_name, null);
  });

  it("get a name, and lose it", async () => {
    const path = `/sessions/${alice.claims.sid}`;
    const named = await call(alice, ["PATCH", path], { body: { device: { name: "Work laptop" } } });
    assert.deepEqual([named.status, named.body.device.name], [200, "Work laptop"]);
    const unnamed = await call(alice, ["PATCH", path], { body: { device: { name: null } } });
    assert.equal(unnamed.body.device.name, "Firefox on Windows");
  });

  it("end one by one: another as kicked, the own as logged out", async () => {
    const phone = await signInOn(server, PHONE);
    const { status, body } = await call(alice, ["DELETE", `/sessions/${phone.claims.sid}`]);
    assert.deepEqual([status, body.changed, body.receipt.state], [200, true, "enforced"]);
    assert.equal(verdictOf(server, phone.access_token), "kicked");
    assert.equal((await call(alice, ["DELETE", `/sessions/${phone.claims.sid}`])).body.changed, false);
    assert.equal((await call(alice, ["DELETE", `/sessions/${alice.claims.sid}`])).status, 200);
    assert.equal(verdictOf(server, alice.access_token), "logged_out");
  });

  it("end all but this one, by type of device, and all", async () => {
    const [phone, laptop] = [await signInOn(server, PHONE), await signInOn(server, LAPTOP)];
    const bob = await signIn(server, { credentials: BOB });
    const end = (body: object, query = "") => call(alice, ["POST", `/sessions/end${query}`], { body });
    assert.deepEqual((await end({ others: true }, "?dryRun=true")).body.ends.sessions, 2);
    assert.equal((await end({ deviceType: "mobile" })).body.ended, 1);
    assert.deepEqual(
      [phone, laptop].map((one) => verdictOf(server, one.access_token)),
      ["kicked", "allow"],
    );
    assert.equal((await end({ others: true })).body.ended, 1);
    assert.deepEqual(
      [laptop, alice].map((one) => verdictOf(server, one.access_token)),
      ["kicked", "allow"],
    );
    assert.equal("receipt" in (await end({ others: true })).body, false);
    assert.equal((await end({ others: true, all: true })).status, 400);
    assert.equal((await end({ all: true })).body.ended, 1);
    assert.equal(verdictOf(server, alice.access_token), "logged_out");
    assert.equal(verdictOf(server, bob.access_token), "allow");
  });
});

describe("apps with access", () => {
  it("are listed, and lose it, and nothing else does", async () => {
    const web = await signIn(server, { browser: alice.browser });
    const { body } = await call(alice, ["GET", "/consents"]);
    assert.deepEqual(
      body.items.map((one: { clientId: string; firstParty: boolean }) => [one.clientId, one.firstParty]),
      [
        [ACCOUNT_APP, true],
        ["web", false],
      ],
    );
    assert.equal((await call(alice, ["DELETE", "/consents/web?dryRun=true"])).body.ends.apps, 1);
    assert.equal(verdictOf(server, web.access_token), "allow");
    const withdrawn = await call(alice, ["DELETE", "/consents/web"]);
    assert.deepEqual([withdrawn.status, withdrawn.body.receipt.state], [200, "enforced"]);
    assert.equal(verdictOf(server, web.access_token), "consent_withdrawn");
    assert.deepEqual(refusalOf(await call(alice, ["DELETE", "/consents/web"])), [404, "unknown_consent"]);
    assert.equal((await call(alice, ["DELETE", `/consents/${ACCOUNT_APP}`])).status, 200);
    assert.equal(verdictOf(server, alice.access_token), "logged_out");
  });
});

describe("known devices", () => {
  it("are one's own, and are forgotten one by one", async () => {
    await signIn(server, { credentials: BOB });
    const { body } = await call(alice, ["GET", "/devices"]);
    assert.ok(body.items.length > 0);
    const { id } = body.items[0];
    const bob = await signInToAccount(server, { credentials: BOB });
    assert.deepEqual(refusalOf(await call(bob, ["DELETE", `/devices/${id}`])), [404, "unknown_device"]);
    assert.equal((await call(alice, ["DELETE", `/devices/${id}`])).status, 200);
    const left = (await call(alice, ["GET", "/devices"])).body.items;
    assert.equal(left.length, body.items.length - 1);
    assert.deepEqual(refusalOf(await call(alice, ["DELETE", `/devices/${id}`])), [404, "unknown_device"]);
    assert.equal(verdictOf(server, alice.access_token), "allow");
  });
});

describe("a browser of another origin", () => {
  it("may call with a token, and never with a cookie", async () => {
    const preflight = await exchange(`${server.issuer}/account/v1/sessions/end`, {
      method: "OPTIONS",
      headers: { origin: "https://shop.example", "access-control-request-method": "POST" },
    });
    assert.equal(preflight.status, 204);
    assert.match(String(preflight.headers["access-control-allow-headers"]), /Authorization/);
    for (const path of ["", "/nothing"]) {
      const answer = await exchange(`${server.issuer}/account/v1${path}`, {
        headers: { origin: "https://shop.example" },
      });
      assert.equal(answer.headers["access-control-allow-origin"], "*");
      assert.equal(answer.headers["access-control-allow-credentials"], undefined);
      assert.match(String(answer.headers["access-control-expose-headers"]), /WWW-Authenticate/);
    }
    const byCookie = await alice.browser.request(`${server.issuer}/account/v1`, {});
    assert.equal(byCookie.status, 401);
  });
});
