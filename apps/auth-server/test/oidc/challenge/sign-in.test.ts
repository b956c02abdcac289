/** Signing in by JSON: what an app of the operator's own gives and is asked for, and who else may not ask. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { exchange, json, PlainBrowser } from "@portcullis/testing/end-to-end";
import {
  assertRefused,
  begin,
  claimsOf,
  form,
  ok,
  passPages,
  redeem,
  refresh,
  token,
  verdictOf,
} from "../app.ts";
import { ALICE, basicOf, REDIRECT_URI, type ServerUnderTest } from "../server-under-test.ts";
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

const PASSWORD = asking("password", ["username", "password"]);

const subOf = async (username: string): Promise<string> =>
  (await server.server.people.users.findByName(username))!.id;

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
    const asked = await app.begin({ client_id: undefined }, headers);
    assert.deepEqual(stepOf(asked), PASSWORD);
    assert.deepEqual(errorOf(await app.goOn(asked, ALICE)), [401, "invalid_client"]);
    const answered = await app.send({ auth_session: asked.body.auth_session, ...ALICE }, headers);
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

describe("a page of the app in a browser", () => {
  it("reads the answer from the origins of the app's redirect URIs, and no other page does", async () => {
    const app = new JsonApp(server);
    const { origin } = new URL(REDIRECT_URI);
    const asked = await app.begin({}, { origin });
    assert.equal(asked.headers["access-control-allow-origin"], origin);
    assert.equal(asked.headers["access-control-allow-credentials"], undefined);
    const used = await app.send({ client_id: "shop", auth_session: "x" }, { origin });
    assert.equal(used.headers["access-control-allow-origin"], origin);
    const elsewhere = await app.begin(ALICE, { origin: "https://evil.example" });
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
    const { id } = await newUser(server, "stranger");
    const { id_token } = await new JsonApp(server).signIn();
    const given = { username: "stranger", password: ALICE.password };
    const refused = await new JsonApp(server).begin({ ...given, id_token_hint: id_token });
    assert.deepEqual(stepOf(refused), asking("password", ["username", "password"], "other_user"));
    assert.equal((await sessionsOf(server, id)).length, 0);
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
