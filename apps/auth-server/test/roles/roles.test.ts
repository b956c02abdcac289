/** The role `administrator`: who gives it, what it opens, and what is left when it is taken. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { json, PlainBrowser } from "@portcullis/testing/end-to-end";
import {
  assertRefused,
  begin,
  isEnd,
  machineToken,
  ok,
  passPages,
  pressFirst,
  redeem,
  refresh,
  verdictOf,
} from "../oidc/app.ts";
import { ALICE, BOB, type ServerUnderTest } from "../oidc/server-under-test.ts";
import {
  call,
  isAdministrator,
  makeAdministrator,
  parametersFor,
  problemOf,
  roleOf,
  signInToConsole,
  startAdministered,
} from "./administration.ts";

let server: ServerUnderTest;
beforeEach(async () => {
  server = await startAdministered();
});
afterEach(() => server.stop());

describe("the role administrator", () => {
  it("is given and taken by name, and says whether anything changed", async () => {
    await makeAdministrator(server, "bob");
    const given = json<Record<string, unknown>>(await call(server, roleOf("ALICE"), { method: "PUT" }));
    assert.deepEqual(
      [given.username, given.role, given.held, given.changed],
      ["alice", "administrator", true, true],
    );
    assert.equal(
      json<{ changed: boolean }>(await call(server, roleOf("alice"), { method: "PUT" })).changed,
      false,
    );
    assert.deepEqual(json(await call(server, "users/alice/roles")), { items: [{ role: "administrator" }] });
    const taken = json<Record<string, unknown>>(await call(server, roleOf("alice"), { method: "DELETE" }));
    assert.deepEqual([taken.held, taken.changed], [false, true]);
    assert.equal(
      json<{ changed: boolean }>(await call(server, roleOf("alice"), { method: "DELETE" })).changed,
      false,
    );
    assert.equal(await isAdministrator(server, "alice"), false);
  });

  it("is of users and roles that exist", async () => {
    assert.deepEqual(problemOf(await call(server, roleOf("nobody"), { method: "PUT" })), [
      404,
      "unknown_subject",
    ]);
    for (const method of ["GET", "PUT", "DELETE"]) {
      const answer = await call(server, "users/alice/roles/auditor", { method });
      assert.deepEqual(problemOf(answer), [404, "unknown_role"]);
    }
  });

  it("is not given by a client that has less", async () => {
    await makeAdministrator(server, "bob");
    for (const method of ["PUT", "DELETE"]) {
      const answer = await call(server, roleOf("bob"), { method, client: "service" });
      assert.deepEqual(problemOf(answer), [403, "administrator_needed"]);
    }
    assert.equal(await isAdministrator(server, "bob"), true);
  });

  it("is given by an administrator, who is named as the one that did it", async () => {
    await makeAdministrator(server, "alice");
    const alice = await signInToConsole(server);
    const given = await call(server, roleOf("bob"), { method: "PUT", token: alice.access_token });
    assert.equal(given.status, 200, given.body);
    const rows = await server.server.storage.read.selectFrom("user_roles").selectAll().execute();
    assert.deepEqual(rows.map(({ given_by }) => given_by).toSorted(), ["admin", alice.claims.sub].toSorted());
    const disabled = await call(server, "users/bob/disable", {
      method: "POST",
      body: {},
      token: alice.access_token,
    });
    assert.equal(disabled.status, 200, disabled.body);
    const { seq } = json<{ receipt: { seq: number } }>(disabled).receipt;
    const row = server.server.storage.read.selectFrom("revocations").select("actor").where("seq", "=", seq);
    assert.equal((await row.executeTakeFirstOrThrow()).actor, alice.claims.sub);
  });
});

describe("a token of a person for the server's own API", () => {
  it("is given to an administrator, and opens the API", async () => {
    await makeAdministrator(server, "alice");
    const alice = await signInToConsole(server);
    assert.equal(alice.claims.aud, `${server.issuer}/api`);
    assert.equal((await call(server, "keys", { token: alice.access_token })).status, 200);
  });

  it("is not given to anybody else: the app is told so, and no code is made", async () => {
    const attempt = begin(server.issuer, parametersFor(server));
    const callback = await passPages(new PlainBrowser(), attempt.url, BOB);
    assert.equal(callback.searchParams.get("error"), "access_denied");
    assert.match(callback.searchParams.get("error_description")!, /only an administrator/);
    assert.equal(callback.searchParams.get("code"), null);
  });

  it("is not given to an app that is not the operator's own, which asks nobody for consent to it", async () => {
    await makeAdministrator(server, "alice");
    const browser = new PlainBrowser();
    const page = await browser.open(begin(server.issuer, parametersFor(server, "foreign")).url, isEnd);
    const { url } = await pressFirst(browser, page, ALICE);
    assert.equal(url.searchParams.get("error"), "access_denied");
    assert.match(url.searchParams.get("error_description")!, /the operator's own/);
  });

  it("is not made of a code from before the role was taken", async () => {
    await makeAdministrator(server, "bob");
    await makeAdministrator(server, "alice");
    const attempt = begin(server.issuer, parametersFor(server));
    const callback = await passPages(new PlainBrowser(), attempt.url);
    await call(server, roleOf("alice"), { method: "DELETE" });
    assertRefused(await redeem(server.issuer, attempt, callback), "invalid_scope");
  });

  it("is stale when the role is taken, is not refreshed, and is again once the role is back", async () => {
    await makeAdministrator(server, "bob");
    await makeAdministrator(server, "alice");
    const alice = await signInToConsole(server);
    const shop = ok(await redeemAtShop(alice.browser));
    assert.equal((await call(server, roleOf("alice"), { method: "DELETE" })).status, 200);
    assert.equal(verdictOf(server, alice.access_token), "claims_changed");
    assert.equal((await call(server, "keys", { token: alice.access_token })).status, 401);
    assertRefused(await refreshAt("console", alice.refresh_token), "invalid_scope");
    assert.equal(verdictOf(server, shop.access_token), "allow", "elsewhere nothing has changed");
    await makeAdministrator(server, "alice");
    const back = ok(await refreshAt("console", alice.refresh_token));
    assert.equal((await call(server, "keys", { token: back.access_token })).status, 200);
  });

  it("opens nothing once the role is gone, whatever the log says of it", async () => {
    await makeAdministrator(server, "alice");
    const alice = await signInToConsole(server);
    await server.server.storage.write(({ db }) => db.deleteFrom("user_roles").execute());
    assert.deepEqual(problemOf(await call(server, "keys", { token: alice.access_token })), [
      403,
      "insufficient_scope",
    ]);
  });
});

async function redeemAtShop(browser: PlainBrowser) {
  const attempt = begin(server.issuer);
  return redeem(server.issuer, attempt, await passPages(browser, attempt.url));
}

const refreshAt = (client: string, refreshToken: string) =>
  refresh(server.issuer, refreshToken, { client_id: client });

describe("the last administrator who can sign in", () => {
  const acts = {
    "lose the role": { path: roleOf("alice"), method: "DELETE" },
    "be disabled": { path: "users/alice/disable", method: "POST", body: {} },
  };
  for (const [what, { path, ...act }] of Object.entries(acts)) {
    it(`cannot ${what}, and can once there is another`, async () => {
      await makeAdministrator(server, "alice");
      assert.deepEqual(problemOf(await call(server, path, act)), [409, "last_administrator"]);
      const alice = await signInToConsole(server);
      assert.equal((await call(server, "keys", { token: alice.access_token })).status, 200);
      await makeAdministrator(server, "bob");
      assert.equal((await call(server, path, act)).status, 200);
    });
  }

  it("is not somebody who is disabled", async () => {
    await makeAdministrator(server, "alice");
    await makeAdministrator(server, "bob");
    assert.equal((await call(server, "users/bob/disable", { method: "POST", body: {} })).status, 200);
    const answer = await call(server, roleOf("alice"), { method: "DELETE" });
    assert.deepEqual(problemOf(answer), [409, "last_administrator"]);
    assert.equal((await call(server, roleOf("bob"), { method: "DELETE" })).status, 200);
  });

  it("is not somebody who is banned, and cannot be banned", async () => {
    await makeAdministrator(server, "alice");
    await makeAdministrator(server, "bob");
    const { issuer } = server;
    const token = await machineToken(issuer, "admin", `${issuer}/api`, "bans.write");
    const ban = (user: string) =>
      call(server, `users/${user}/bans`, { method: "POST", token, body: { scope: "all", reason: "a test" } });
    const banned = await ban("bob");
    assert.ok(banned.status < 300, banned.body);
    assert.deepEqual(problemOf(await ban("alice")), [409, "last_administrator"]);
    assert.deepEqual(problemOf(await call(server, roleOf("alice"), { method: "DELETE" })), [
      409,
      "last_administrator",
    ]);
  });
});
