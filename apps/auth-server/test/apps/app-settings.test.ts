/** What can be set of one app, and holds of its requests: PKCE, the default API, lifetimes, its kind. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { PlainBrowser } from "@portcullis/testing/end-to-end";
import { ask, done, refusalOf, startAdministered } from "../api/administrator.ts";
import {
  assertRefused,
  begin,
  claimsOf,
  isEnd,
  ok,
  passPages,
  refresh,
  token,
  verdictOf,
} from "../oidc/app.ts";
import { OTHER_RESOURCE, REDIRECT_URI, RESOURCE, type ServerUnderTest } from "../oidc/server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startAdministered();
});
after(() => server.stop());

let made = 0;
async function createApp(settings: object) {
  const app = await done(server, ["POST", "apps"], {
    body: {
      clientId: `set-${++made}`,
      type: "web",
      name: "Shop",
      redirectUris: [REDIRECT_URI],
      apis: { [RESOURCE]: ["orders.read"] },
      ...settings,
    },
  });
  const basic = Buffer.from(`${app.clientId}:${app.clientSecret}`).toString("base64");
  const headers = app.clientSecret === undefined ? {} : { authorization: `Basic ${basic}` };
  const own = app.clientSecret === undefined ? { client_id: app.clientId } : {};
  return { clientId: app.clientId as string, headers, own, app };
}

type Created = Awaited<ReturnType<typeof createApp>>;

const WITHOUT_PKCE = { code_challenge: undefined, code_challenge_method: undefined };

async function codeOf({ clientId }: Created, parameters: Record<string, string | undefined> = {}) {
  const attempt = begin(server.issuer, { client_id: clientId, ...parameters });
  const url = await passPages(new PlainBrowser(), attempt.url);
  return { code: url.searchParams.get("code") ?? undefined, verifier: attempt.verifier, url };
}

const redeem = ({ headers, own }: Created, fields: Record<string, string | undefined>) =>
  token(
    server.issuer,
    { grant_type: "authorization_code", redirect_uri: REDIRECT_URI, ...own, ...fields },
    headers,
  );

async function errorAt(parameters: Record<string, string | undefined>): Promise<string> {
  const page = await new PlainBrowser().open(begin(server.issuer, parameters).url, isEnd);
  return page.url.searchParams.get("error") ?? `none: ${page.status}`;
}

describe("an app that goes without PKCE", () => {
  it("sends a nonce in its place, which its ID token has", async () => {
    const app = await createApp({ requirePkce: false });
    const { code } = await codeOf(app, { ...WITHOUT_PKCE, nonce: "n-0S6_WzA2Mj" });
    const tokens = ok(await redeem(app, { code }));
    assert.equal((claimsOf(tokens.id_token) as unknown as { nonce: string }).nonce, "n-0S6_WzA2Mj");
  });

  it("has what it was given ended when its code is replayed, by itself alone", async () => {
    const app = await createApp({ requirePkce: false });
    const { code } = await codeOf(app, { ...WITHOUT_PKCE, nonce: "n" });
    const tokens = ok(await redeem(app, { code }));
    server.advance(120_000);
    assertRefused(await redeem(await createApp({}), { code }), "invalid_grant");
    assert.equal(verdictOf(server, tokens.access_token), "allow");
    assertRefused(await redeem(app, { code }), "invalid_grant");
    assert.equal(verdictOf(server, tokens.access_token), "code_replay");
  });

  it("is refused without either, and with a nonce that no ID token will show", async () => {
    const { clientId: client_id } = await createApp({ requirePkce: false });
    assert.equal(await errorAt({ client_id, ...WITHOUT_PKCE }), "invalid_request");
    const noId = { ...WITHOUT_PKCE, nonce: "n", scope: "orders.read" };
    assert.equal(await errorAt({ client_id, ...noId }), "invalid_request");
  });

  it("is refused a code_verifier for a code that was asked for without a challenge", async () => {
    const app = await createApp({ requirePkce: false });
    const { code, verifier } = await codeOf(app, { ...WITHOUT_PKCE, nonce: "n" });
    assertRefused(await redeem(app, { code, code_verifier: verifier }), "invalid_grant");
  });

  it("is held to the challenge that it sends all the same", async () => {
    const app = await createApp({ requirePkce: false });
    const { code } = await codeOf(app);
    assertRefused(await redeem(app, { code }), "invalid_grant");
  });

  it("is none that did not say so", async () => {
    const { clientId: client_id } = await createApp({});
    assert.equal(await errorAt({ client_id, ...WITHOUT_PKCE, nonce: "n" }), "invalid_request");
  });
});

describe("an app with a default API", () => {
  it("gets a JWT for it when it names no resource, for users and for itself", async () => {
    const grantTypes = ["authorization_code", "refresh_token", "client_credentials"];
    const app = await createApp({ defaultApi: RESOURCE, grantTypes });
    const { code, verifier } = await codeOf(app, { resource: undefined });
    const tokens = ok(await redeem(app, { code, code_verifier: verifier }));
    const { aud, scope } = claimsOf(tokens.access_token);
    assert.deepEqual([aud, scope], [RESOURCE, "orders.read"]);
    const fields = { grant_type: "refresh_token", refresh_token: tokens.refresh_token };
    assert.equal(claimsOf(ok(await token(server.issuer, fields, app.headers)).access_token).aud, RESOURCE);
    const itself = ok(await token(server.issuer, { grant_type: "client_credentials" }, app.headers));
    assert.equal(claimsOf(itself.access_token).aud, RESOURCE);
  });

  it("gets it among several that its user has allowed", async () => {
    const apis = { [RESOURCE]: ["orders.read"], [OTHER_RESOURCE]: ["bills.read"] };
    const app = await createApp({ apis, defaultApi: OTHER_RESOURCE });
    const attempt = begin(server.issuer, { client_id: app.clientId, scope: "openid orders.read bills.read" });
    attempt.url.searchParams.append("resource", OTHER_RESOURCE);
    const callback = await passPages(new PlainBrowser(), attempt.url);
    const code = callback.searchParams.get("code")!;
    const first = ok(await redeem(app, { code, code_verifier: attempt.verifier }));
    const next = { grant_type: "refresh_token", refresh_token: first.refresh_token };
    const again = ok(await token(server.issuer, next, app.headers));
    for (const { access_token, scope } of [first, again]) {
      assert.equal(claimsOf(access_token).aud, OTHER_RESOURCE);
      assert.equal(scope, "openid bills.read");
    }
  });

  it("is none that did not say so: its token is for userinfo, and the answer says so", async () => {
    const app = await createApp({});
    const { code, verifier } = await codeOf(app, { resource: undefined });
    const { access_token, scope } = ok(await redeem(app, { code, code_verifier: verifier }));
    assert.deepEqual([access_token.includes("."), scope], [false, "openid profile"]);
  });
});

describe("an app that names no API, and has no default", () => {
  const acting = { grantTypes: ["client_credentials"], type: "service", redirectUris: [] };
  const forItself = ({ headers }: Created, fields: object = {}) =>
    token(server.issuer, { grant_type: "client_credentials", ...fields }, headers);

  it("gets a token for the only one that it has, for itself and for users", async () => {
    const service = await createApp(acting);
    const { access_token, scope } = ok(await forItself(service, { scope: "orders.read" }));
    assert.deepEqual([claimsOf(access_token).aud, scope], [RESOURCE, "orders.read"]);
    const app = await createApp({});
    const { code, verifier } = await codeOf(app, { resource: undefined, scope: "orders.read" });
    const tokens = ok(await redeem(app, { code, code_verifier: verifier }));
    const { aud, scope: ofUser } = claimsOf(tokens.access_token);
    assert.deepEqual([aud, ofUser, tokens.scope], [RESOURCE, "orders.read", "orders.read"]);
  });

  it("hears that it must name one when it has several, and when it has none", async () => {
    const several = { apis: { [RESOURCE]: ["orders.read"], [OTHER_RESOURCE]: ["bills.read"] } };
    for (const apis of [several, { apis: {} }]) {
      assertRefused(await forItself(await createApp({ ...acting, ...apis })), "invalid_target");
    }
    const { clientId: client_id } = await createApp(several);
    const asked = { client_id, resource: undefined, scope: "orders.read" };
    assert.equal(await errorAt(asked), "invalid_target");
  });

  it("is refused when it may have nothing of what it asks for", async () => {
    const service = await createApp({ ...acting, apis: { [RESOURCE]: ["orders.read"] } });
    assertRefused(await forItself(service, { resource: RESOURCE, scope: "orders.write" }), "invalid_scope");
    const { access_token } = ok(await forItself(service, { resource: RESOURCE }));
    assert.equal("scope" in claimsOf(access_token), false, "nothing asked for, nothing given");
  });
});

describe("an app with lifetimes of its own", () => {
  it("gets access tokens for the shorter of its and the API's", async () => {
    const acting = { grantTypes: ["client_credentials"], type: "service", redirectUris: [] };
    const short = await createApp({ ...acting, accessTokenTtlSeconds: 30 });
    const long = await createApp({ ...acting, accessTokenTtlSeconds: 200 });
    await done(server, ["PATCH", `apis/${encodeURIComponent(RESOURCE)}`], {
      body: { accessTokenTtlSeconds: 60 },
    });
    const lifeOf = async ({ headers }: Created) =>
      ok(await token(server.issuer, { grant_type: "client_credentials", resource: RESOURCE }, headers))
        .expires_in;
    assert.deepEqual([await lifeOf(short), await lifeOf(long)], [30, 60]);
  });

  async function signedIn(settings: object) {
    const app = await createApp({ type: "spa", ...settings });
    const { code, verifier } = await codeOf(app);
    return { app, tokens: ok(await redeem(app, { code, code_verifier: verifier })) };
  }

  const again = (app: Created, refreshToken: string) =>
    refresh(server.issuer, refreshToken, app.own as never);

  it("refreshes as long as it is not idle for too long", async () => {
    const { app, tokens } = await signedIn({ refreshTokenIdleSeconds: 600 });
    server.advance(500_000);
    const next = ok(await again(app, tokens.refresh_token));
    server.advance(500_000);
    const last = ok(await again(app, next.refresh_token));
    server.advance(620_000);
    assertRefused(await again(app, last.refresh_token), "invalid_grant");
  });

  it("refreshes no longer than it may after the sign-in, however busy it is", async () => {
    const { app, tokens } = await signedIn({ refreshTokenAbsoluteSeconds: 900 });
    server.advance(500_000);
    const next = ok(await again(app, tokens.refresh_token));
    server.advance(300_000);
    const last = ok(await again(app, next.refresh_token));
    server.advance(110_000);
    assertRefused(await again(app, last.refresh_token), "invalid_grant");
  });

  it("is held to a shorter one from the next refresh on", async () => {
    const { app, tokens } = await signedIn({});
    const path = `apps/${app.clientId}`;
    server.advance(700_000);
    await done(server, ["PATCH", path], { body: { refreshTokenIdleSeconds: 600 } });
    assertRefused(await again(app, tokens.refresh_token), "invalid_grant");
    await done(server, ["PATCH", path], { body: { refreshTokenIdleSeconds: null } });
    const next = ok(await again(app, tokens.refresh_token));
    await done(server, ["PATCH", path], { body: { refreshTokenAbsoluteSeconds: 600 } });
    assertRefused(await again(app, next.refresh_token), "invalid_grant");
  });
});

describe("a native app that was created by the API", () => {
  it("may listen on any port of this machine, and has its own scheme", async () => {
    const app = await createApp({
      type: "native",
      redirectUris: ["http://127.0.0.1/callback", "com.example.shop:/callback"],
    });
    const parameters = { client_id: app.clientId, redirect_uri: REDIRECT_URI };
    const { code, verifier } = await codeOf(app, parameters);
    ok(await redeem(app, { code, code_verifier: verifier }));
    const elsewhere = { client_id: app.clientId, redirect_uri: "http://127.0.0.1:9403/other" };
    assert.match(await errorAt(elsewhere), /^none: 400/);
  });
});

describe("an app with private_key_jwt", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwks = { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "1" }] };
  const byKeys = { clientAuthentication: "private_key_jwt", type: "service", redirectUris: [] };

  it("is made with keys and without a secret, and can move them to where it publishes them", async () => {
    const { app, clientId } = await createApp({ ...byKeys, jwks });
    assert.deepEqual([app.clientSecret, app.jwks], [undefined, jwks]);
    const secret = await ask(server, ["POST", `apps/${clientId}/secrets`], { body: {} });
    assert.deepEqual(refusalOf(secret), [409, "no_secrets"]);
    const moved = { jwks: null, jwksUri: "https://shop.example/jwks.json" };
    const changed = await done(server, ["PATCH", `apps/${clientId}`], { body: moved });
    assert.deepEqual([changed.jwks, changed.jwksUri], [undefined, moved.jwksUri]);
  });

  it("is refused with keys that it cannot have, and with an address in the server's own network", async () => {
    const asked = { name: "Shop", apis: { [RESOURCE]: ["orders.read"] }, ...byKeys };
    const fieldsOf = async (settings: object) =>
      refusalOf(await ask(server, ["POST", "apps"], { body: { ...asked, ...settings } })).slice(2);
    assert.deepEqual(await fieldsOf({}), ["jwks"]);
    assert.deepEqual(await fieldsOf({ jwks, jwksUri: "https://shop.example/jwks.json" }), ["jwks"]);
    assert.deepEqual(await fieldsOf({ jwks, clientAuthentication: "secret" }), ["jwks"]);
    assert.deepEqual(await fieldsOf({ jwks: { keys: [privateKey.export({ format: "jwk" })] } }), [
      "jwks.keys.0",
    ]);
    for (const host of ["169.254.169.254", "127.0.0.1:8410", "[::1]", "[::ffff:10.0.0.1]"]) {
      assert.deepEqual(await fieldsOf({ jwksUri: `https://${host}/` }), ["jwksUri"], host);
    }
    assert.deepEqual(await fieldsOf({ jwksUri: "http://shop.example/jwks.json" }), ["jwksUri"]);
  });
});
