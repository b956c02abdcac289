/** The steps of a sign-in by JSON: who gets on to the next one, by what, and how often. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { exchange } from "@portcullis/testing/end-to-end";
import { ask } from "../../api/administrator.ts";
import { setMustChange } from "../../people/make-user.ts";
import { ok } from "../app.ts";
import { ALICE, basicOf, type ServerUnderTest } from "../server-under-test.ts";
import {
  asking,
  codeIn,
  errorOf,
  JsonApp,
  newUser,
  REFUSED,
  sessionsOf,
  startForJson,
  stepOf,
} from "./json-app.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startForJson();
});
after(() => server.stop());
afterEach(() => server.freezeClock(undefined));

it("refuses a parameter that comes twice, whichever it is, and signs nobody in", async () => {
  for (const name of ["username", "password", "auth_session", "device", "client_id", "scope"]) {
    const body = new URLSearchParams({
      client_id: "shop",
      scope: "openid",
      code_challenge: "x".repeat(43),
      ...ALICE,
    });
    for (const value of ["bob", "carol"]) body.append(name, value);
    const { status, body: text } = await exchange(`${server.issuer}/authorize-challenge`, { body });
    const { error, error_description } = JSON.parse(text);
    assert.deepEqual([status, error], [400, "invalid_request"], text);
    assert.equal(error_description, `'${name}' parameter must not be provided twice`);
  }
});

it("says what a request must be that it cannot read", async () => {
  const url = `${server.issuer}/authorize-challenge`;
  const headers = { "content-type": "application/json" };
  const asJson = await exchange(url, { method: "POST", headers, body: "{}" });
  assert.equal(asJson.status, 415);
  assert.match(asJson.body, /it must be a form \(Content-Type: application\/x-www-form-urlencoded\)/);
  const large = await exchange(url, { body: new URLSearchParams({ username: "a".repeat(9000) }) });
  assert.equal(large.status, 413);
  assert.match(large.body, /The request is too large/);
});

describe("whoever may not sign in", () => {
  it("gets one answer, whether there is such a user, whether the user is disabled, whatever the e-mail address is", async () => {
    await newUser(server, "gone");
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
    await newUser(server, "banned");
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
    await newUser(server, "guessed");
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
    await newUser(server, "traveller");
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

describe("a device that several people share", () => {
  it("is known for each of them", async () => {
    await newUser(server, "mother");
    await newUser(server, "father");
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

describe("a user who must change the password", () => {
  it("chooses a new one by JSON, and only then is there a session", async () => {
    const { id } = await newUser(server, "anna");
    await setMustChange(server.server, "anna");
    const app = new JsonApp(server);
    const asked = await app.begin({ username: "anna", password: ALICE.password });
    const change = (problem?: string) => asking("change_password", ["new_password"], problem);
    assert.deepEqual(stepOf(asked), change());
    const short = await app.goOn(asked, { new_password: "short" });
    assert.deepEqual(stepOf(short), change("too_short"));
    const same = await app.goOn(short, { new_password: ALICE.password });
    assert.deepEqual(stepOf(same), change("not_new"));
    assert.equal((await sessionsOf(server, id)).length, 0);
    ok(await app.redeem(codeIn(await app.goOn(same, { new_password: "a password of my own" }))));
    assert.equal((await sessionsOf(server, id)).length, 1);
    assert.deepEqual(stepOf(await app.begin({ username: "anna", password: ALICE.password })), REFUSED);
  });

  it("begins anew when the ten minutes are over, and when the password is another", async () => {
    await newUser(server, "berta");
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
    const { id } = await newUser(server, "fifty");
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
    assert.equal((await sessionsOf(server, id)).length, 1);
    ok(await app.redeem(won));
  });
});
