/** What a person cannot take back: another password, and deletion. They need a fresh sign-in (RFC 9470). */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { PlainBrowser } from "@portcullis/testing/end-to-end";
import { assertRefused, begin, isEnd, refresh, type SignedIn, signIn, verdictOf } from "../oidc/app.ts";
import { ALICE, BOB, type ServerUnderTest } from "../oidc/server-under-test.ts";
import { PHONE, signInOn } from "../sessions/session-api.ts";
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

const NEW_PASSWORD = "a brand new battery staple";
const change = (by: SignedIn, currentPassword: string, newPassword: string, query = "") =>
  call(by, ["POST", `/password${query}`], { body: { currentPassword, newPassword } });

describe("a fresh sign-in", () => {
  it("is asked for by what cannot be undone: the app gets one by max_age, and goes on", async () => {
    // Clocks may differ by some seconds, in favour of whoever has just signed in.
    server.advance(320_000);
    const old = await refreshed(alice);
    for (const what of [
      ["POST", "/password"],
      ["DELETE", ""],
      ["DELETE", "?dryRun=true"],
    ] as const) {
      const { status, body, headers } = await call(old, what);
      assert.deepEqual([status, body.code], [401, "insufficient_user_authentication"]);
      assert.match(
        String(headers["www-authenticate"]),
        /error="insufficient_user_authentication".*max_age="300"/,
      );
    }
    assert.equal((await call(old, ["GET", "/sessions"])).status, 200);
    const parameters = { ...forAccount(server), max_age: "300" };
    const again = await signIn(server, { browser: alice.browser, parameters });
    assert.equal(again.claims.sid, alice.claims.sid);
    const tried = await change(again, ALICE.password, NEW_PASSWORD, "?dryRun=true");
    assert.equal(tried.status, 200, JSON.stringify(tried.body));
  });
});

async function refreshed({ refresh_token, ...rest }: SignedIn): Promise<SignedIn> {
  const answer = await refresh(server.issuer, refresh_token, { client_id: ACCOUNT_APP });
  return { ...rest, ...JSON.parse(answer.body) };
}

describe("the password", () => {
  it("is changed: all other sessions end with password_changed, this one lives on", async () => {
    const [phone, bob] = [await signInOn(server, PHONE), await signIn(server, { credentials: BOB })];
    const tried = await change(alice, ALICE.password, NEW_PASSWORD, "?dryRun=true");
    assert.deepEqual([tried.status, tried.body.ends.sessions], [200, 1]);
    assert.equal(verdictOf(server, phone.access_token), "allow");
    const changed = await change(alice, ALICE.password, NEW_PASSWORD);
    assert.deepEqual([changed.status, changed.body.ended, changed.body.receipt.state], [200, 1, "enforced"]);
    assert.equal(verdictOf(server, phone.access_token), "password_changed");
    assertRefused(await refresh(server.issuer, phone.refresh_token), "invalid_grant");
    assert.deepEqual(
      [alice, bob].map((one) => verdictOf(server, one.access_token)),
      ["allow", "allow"],
    );
    await refreshed(alice);
    await signInToAccount(server, { credentials: { ...ALICE, password: NEW_PASSWORD } });
    const page = await new PlainBrowser().open(begin(server.issuer).url, isEnd);
    const refused = await new PlainBrowser().submit(page, page.forms[0]!, { fill: ALICE });
    assert.ok(refused.status >= 400, "the old one is none any more");
  });

  it("is not changed by whoever does not know it, is none, or is the same", async () => {
    const wrong = await change(alice, "not my password", NEW_PASSWORD);
    assert.deepEqual(refusalOf(wrong), [422, "wrong_password"]);
    assert.deepEqual(refusalOf(await change(alice, ALICE.password, ALICE.password)), [
      422,
      "password_not_new",
    ]);
    for (const unfit of ["short", " ".repeat(8), "pass\u0000word-x"]) {
      const refused = await change(alice, ALICE.password, unfit);
      assert.deepEqual([refused.status, refused.body.problems[0].field], [400, "newPassword"]);
    }
    await accounts.setHash("alice", null);
    assert.deepEqual(refusalOf(await change(alice, ALICE.password, NEW_PASSWORD)), [409, "no_password"]);
  });

  it("is guessed no faster than at a sign-in, by calls in parallel and by dry runs neither, and keeps nobody out", async () => {
    const guess = (at: number) =>
      change(alice, `wrong ${at}`, NEW_PASSWORD, at % 2 === 0 ? "?dryRun=true" : "");
    // Five are free; then 1 s, 2 s, 4 s and so on, up to a minute.
    for (let failures = 1; failures <= 12; failures++) {
      assert.deepEqual(refusalOf(await guess(failures)), [422, "wrong_password"], `${failures}`);
      if (failures < 12) server.advance(failures <= 5 ? 0 : 1000 * 2 ** (failures - 6));
    }
    for (const waiting of await Promise.all([
      guess(13),
      guess(14),
      change(alice, ALICE.password, NEW_PASSWORD),
    ])) {
      assert.deepEqual(refusalOf(waiting), [429, "too_many_guesses"]);
      const seconds = Number(waiting.headers["retry-after"]);
      assert.ok(seconds > 1 && seconds <= 60, `${seconds}`);
    }
    await signInToAccount(server);
    server.advance(61_000);
    assert.equal((await change(alice, ALICE.password, NEW_PASSWORD)).status, 200);
  });

  it("is changed once by two calls at once: the other has the wrong one", async () => {
    const answers = await Promise.all(
      [1, 2].map((at) => change(alice, ALICE.password, `${NEW_PASSWORD} ${at}`)),
    );
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 422]);
  });
});

describe("deletion", () => {
  it("ends all that the person has, for good, and nobody else's", async () => {
    const credentials = { username: "carol", password: "a password of carol" };
    await accounts.administer("POST", "users", { ...credentials, name: "Carol" });
    const phone = await signInOn(server, PHONE, { credentials });
    const carol = await signInToAccount(server, { credentials });
    const tried = await call(carol, ["DELETE", "?dryRun=true"]);
    assert.deepEqual([tried.body.ends.users, tried.body.ends.sessions], [1, 2]);
    assert.equal((await call(carol, ["GET", ""])).status, 200);
    const deleted = await call(carol, ["DELETE", ""]);
    assert.deepEqual(
      [deleted.status, deleted.body.status, deleted.body.receipt?.state],
      [200, "deleted", "enforced"],
      JSON.stringify(deleted.body),
    );
    for (const one of [phone, carol]) assert.equal(verdictOf(server, one.access_token), "account_deleted");
    assert.deepEqual(refusalOf(await call(carol, ["GET", ""])), [401, "invalid_token", "account_deleted"]);
    assertRefused(await refresh(server.issuer, phone.refresh_token), "invalid_grant");
    assert.equal(verdictOf(server, alice.access_token), "allow");
  });

  it("is not for the last administrator", async () => {
    const { sub } = alice.claims;
    await server.server.storage.write(async ({ db }) => {
      await db
        .insertInto("user_roles")
        .values({ user_id: sub, role: "administrator", given_at: 1, given_by: null })
        .execute();
    });
    for (const query of ["?dryRun=true", ""])
      assert.deepEqual(refusalOf(await call(alice, ["DELETE", query])), [409, "last_administrator"]);
    await server.server.storage.write(async ({ db }) => {
      await db.deleteFrom("user_roles").where("user_id", "=", sub).execute();
    });
  });
});
