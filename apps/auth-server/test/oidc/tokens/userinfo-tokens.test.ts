/** Apps whose tokens for an API open the UserInfo endpoint as well. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  type AccessTokenVerifier,
  createAccessTokenVerifier,
  localKeySource,
} from "@portcullis/access-token";
import { challengeOf, type Exchange, exchange, json, PlainBrowser } from "@portcullis/testing/end-to-end";
import {
  begin,
  claimsOf,
  introspect,
  isEnd,
  machineToken,
  ok,
  pressFirst,
  redeem,
  refresh,
  revokeByApi,
  type SignedIn,
  signIn,
  verdictOf,
} from "../app.ts";
import {
  ALICE,
  BOB,
  OTHER_RESOURCE,
  RESOURCE,
  type ServerUnderTest,
  startServer,
} from "../server-under-test.ts";

const SCOPE = "openid profile email orders.read";
let server: ServerUnderTest;
let userinfo: string;
before(async () => {
  server = await startServer({
    change({ clients, issuer }) {
      const [web, , service] = clients;
      const more = { optionalScopes: ["email"], userinfoWithApiToken: true };
      const ofAccount = { firstParty: true, resources: { [`${issuer}/account`]: ["account.read"] } };
      const made = [
        { ...web!, ...more, clientId: "one-token" },
        { ...web!, ...more, clientId: "choice" },
        { ...web!, ...more, ...ofAccount, clientId: "account-app" },
        {
          ...service!,
          userinfoWithApiToken: true,
          clientId: "job",
          clientSecret: "job-secret-0123456789abcdef",
        },
      ];
      clients.push(...made);
    },
  });
  userinfo = `${server.issuer}/userinfo`;
});
after(() => server.stop());

const enter = (parameters: Record<string, string> = {}, credentials = ALICE) =>
  signIn(server, { credentials, parameters: { client_id: "one-token", scope: SCOPE, ...parameters } });

const ask = (accessToken: string, query = ""): Promise<Exchange> =>
  exchange(`${userinfo}${query}`, { headers: { authorization: `Bearer ${accessToken}` } });

interface Told {
  readonly reason?: string;
  readonly mode?: string;
}

/** `told`: why, in header and body, as guards say it. Without it, nothing is told but that the token is no good. */
function assertDead(answer: Exchange, { reason, mode }: Told = {}): void {
  assert.equal(answer.status, 401, answer.body);
  for (const told of [challengeOf(answer), json<Record<string, string>>(answer)])
    assert.deepEqual([told?.error, told?.reason, told?.mode], ["invalid_token", reason, mode]);
}

async function verifierFor(audience: string): Promise<AccessTokenVerifier> {
  const { body } = await exchange(`${server.issuer}/jwks`);
  const clock = { wallMs: () => server.nowMs() };
  return createAccessTokenVerifier({
    issuer: server.issuer,
    audience,
    keys: localKeySource(JSON.parse(body)),
    clock,
  });
}

describe("a token for an API of an app that has one token for everything", () => {
  it("names the API and the UserInfo endpoint, and the scopes that mean something at either", async () => {
    const { claims, scope } = await enter();
    assert.deepEqual(claims.aud, [RESOURCE, userinfo]);
    assert.equal(claims.scope, SCOPE);
    assert.equal(scope, SCOPE);
  });

  it("gets the claims of its scopes, by GET, by POST, and from a page of the app", async () => {
    const { access_token, claims } = await enter();
    const expected = {
      sub: claims.sub,
      name: "Alice Example",
      preferred_username: "alice",
      email: "alice@example.com",
      email_verified: true,
    };
    const posted = await exchange(userinfo, { body: new URLSearchParams({ access_token }) });
    for (const answer of [await ask(access_token), posted]) {
      const { updated_at, ...told } = json<Record<string, unknown>>(answer);
      assert.deepEqual(told, expected);
      assert.equal(typeof updated_at, "number");
    }
    const headers = { authorization: `Bearer ${access_token}`, origin: "http://127.0.0.1:9403" };
    const fromPage = await exchange(userinfo, { headers });
    assert.equal(fromPage.headers["access-control-allow-origin"], headers.origin);
  });

  it("gets no more than what the user has given the app", async () => {
    const browser = new PlainBrowser();
    const attempt = begin(server.issuer, { client_id: "choice", scope: SCOPE });
    let page = await browser.open(attempt.url, isEnd);
    page = await pressFirst(browser, page);
    const box = /name="([^"]+)" value="yes" checked> See your e-mail address/.exec(page.body)![1]!;
    const { [box]: _, ...fields } = page.forms[0]!.fields;
    page = await browser.submit(page, { ...page.forms[0]!, fields }, { isEnd });
    const { access_token } = ok(await redeem(server.issuer, attempt, page.url));
    assert.equal(claimsOf(access_token).scope, "openid profile orders.read");
    assert.deepEqual(Object.keys(json(await ask(access_token))).sort(), [
      "name",
      "preferred_username",
      "sub",
      "updated_at",
    ]);
  });

  it("gets what was asked for by name, after a refresh too", async () => {
    const claims = JSON.stringify({ userinfo: { email: null } });
    const tokens = await enter({ scope: "openid orders.read", claims });
    const again = ok(await refresh(server.issuer, tokens.refresh_token, { client_id: "one-token" }));
    for (const { access_token } of [tokens, again]) {
      const told = json(await ask(access_token));
      assert.deepEqual(told, { sub: tokens.claims.sub, email: "alice@example.com" });
    }
  });

  it("holds of the claims that were asked for by name those that were granted, and no others", async () => {
    const claims = JSON.stringify({ userinfo: { nickname: null, ["x".repeat(2000)]: null } });
    const { access_token } = await enter({ claims });
    assert.equal("userinfo_claims" in claimsOf(access_token), false, "nobody has a nickname");
    assert.ok(access_token.length < 1500);
  });

  it("is accepted by a verifier of its API, and by no other", async () => {
    const { access_token, claims } = await enter();
    const { audience, scopes } = await (await verifierFor(RESOURCE)).verify(access_token);
    assert.deepEqual(audience, claims.aud);
    assert.equal(scopes.has("orders.read"), true);
    const others = [OTHER_RESOURCE, userinfo, server.issuer];
    for (const other of others) {
      const verifier = await verifierFor(other);
      await assert.rejects(async () => verifier.verify(access_token), { code: "wrong_audience" });
    }
  });

  it("opens an API of this server as before", async () => {
    const parameters = { client_id: "account-app", resource: `${server.issuer}/account` };
    const { access_token } = await enter({ ...parameters, scope: "openid account.read" });
    const headers = { authorization: `Bearer ${access_token}` };
    assert.equal((await exchange(`${server.issuer}/account/v1`, { headers })).status, 200);
    assert.equal((await ask(access_token)).status, 200);
  });

  it("is introspected by a service of the API, with all that it opens", async () => {
    const { access_token, claims } = await enter();
    const answer = await introspect(server.issuer, "orders", access_token);
    assert.deepEqual({ active: answer.active, aud: answer.aud }, { active: true, aud: claims.aud });
    assert.equal((await introspect(server.issuer, "billing", access_token)).active, false);
  });

  it("keeps what it opens when it is refreshed, and opens the API alone when less is asked for", async () => {
    const tokens = await enter();
    const again = ok(await refresh(server.issuer, tokens.refresh_token, { client_id: "one-token" }));
    assert.deepEqual(claimsOf(again.access_token).aud, [RESOURCE, userinfo]);
    assert.equal((await ask(again.access_token)).status, 200);
    const scope = "orders.read";
    const less = ok(await refresh(server.issuer, again.refresh_token, { client_id: "one-token", scope }));
    assert.equal(claimsOf(less.access_token).aud, RESOURCE);
    assertDead(await ask(less.access_token));
  });
});

describe("UserInfo stays closed", () => {
  it("to the token of an app that has not asked for it, or not for openid, or that acts for itself", async () => {
    const ofOther = await signIn(server, { parameters: { client_id: "web" } });
    const withoutId = await enter({ scope: "orders.read" });
    for (const { access_token, claims } of [ofOther, withoutId]) {
      assert.equal(claims.aud, RESOURCE);
      assertDead(await ask(access_token));
    }
    const ofJob = await machineToken(server.issuer, "job", RESOURCE, "orders.read");
    assert.equal(claimsOf(ofJob).aud, RESOURCE);
    assertDead(await ask(ofJob));
  });

  it("to a token that has expired, and to one that was changed", async () => {
    const { access_token } = await enter();
    const [header, , signature] = access_token.split(".");
    const forged = { ...claimsOf(access_token), sub: (await enter({}, BOB)).claims.sub };
    const payload = Buffer.from(JSON.stringify(forged)).toString("base64url");
    assertDead(await ask(`${header}.${payload}.${signature}`));
    assertDead(await ask("a.b.c"));
    server.advance(301_000);
    assertDead(await ask(access_token));
  });

  it("to a scope that the token does not have", async () => {
    const { access_token } = await enter({ scope: "openid orders.read" });
    const answer = await ask(access_token, "?scope=openid%20email");
    assert.equal(answer.status, 403);
    assert.match(String(answer.headers["www-authenticate"]), /error="insufficient_scope"/);
  });
});

/** What ends the token. */
const ENDINGS: Readonly<Record<string, (tokens: SignedIn) => Promise<unknown>>> = {
  "the app gives it back": ({ access_token }) =>
    exchange(`${server.issuer}/revoke`, {
      body: new URLSearchParams({ token: access_token, client_id: "one-token" }),
    }),
  "its session is ended": ({ claims }) => revokeByApi(server, { scope: "session", key: claims.sid }),
  "its grant is ended": ({ claims }) => revokeByApi(server, { scope: "grant", key: claims.gid }),
  "its user is cut off": ({ claims }) => revokeByApi(server, { scope: "subject", key: claims.sub }),
  "its user is cut off from the app": ({ claims: { sub: subject } }) =>
    revokeByApi(server, { scope: "subject-client", key: { subject, client: "one-token" } }),
  "its user is cut off from the API": ({ claims: { sub: subject } }) =>
    revokeByApi(server, { scope: "subject-audience", key: { subject, audience: RESOURCE } }),
  "its app is cut off": () => revokeByApi(server, { scope: "client", key: "one-token" }),
  "its API is cut off": () => revokeByApi(server, { scope: "audience", key: RESOURCE }),
  "its claims are stale": ({ claims }) =>
    revokeByApi(server, { scope: "session", key: claims.sid, mode: "stale" }),
};

describe("a token with both audiences is dead everywhere at once", () => {
  for (const [what, end] of Object.entries(ENDINGS)) {
    it(`when ${what}`, async () => {
      const tokens = await enter();
      assert.equal((await ask(tokens.access_token)).status, 200);
      await end(tokens);
      const reason = verdictOf(server, tokens.access_token);
      assert.notEqual(reason, "allow");
      const mode = what === "its claims are stale" ? "stale" : "kill";
      assertDead(await ask(tokens.access_token), { reason, mode });
      assert.equal((await introspect(server.issuer, "orders", tokens.access_token)).active, false);
    });
  }

  it("when its session is over by itself, and with its grant", async () => {
    const tokens = await enter();
    const { endings } = server.server.oidc;
    await endings.endGrant(tokens.claims.gid);
    assertDead(await ask(tokens.access_token), { reason: "revoked", mode: "kill" });
  });

  it("when its signing key was retired, and has left the list of keys", async () => {
    const { access_token } = await enter();
    const bearer = {
      authorization: `Bearer ${await machineToken(server.issuer, "admin", `${server.issuer}/api`, "keys.write")}`,
    };
    const { kid } = JSON.parse(Buffer.from(access_token.split(".")[0]!, "base64url").toString());
    const retired = await exchange(`${server.issuer}/api/v1/keys/${kid}/retire`, {
      headers: { ...bearer, "content-type": "application/json" },
      body: "{}",
    });
    assert.equal(retired.status, 200, retired.body);
    assertDead(await ask(access_token), { reason: "key_retired", mode: "kill" });
  });
});
