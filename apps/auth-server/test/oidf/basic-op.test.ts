/**
 * The modules of the plans `oidcc-basic-certification-test-plan`, `oidcc-formpost-basic-certification-test-plan` and
 * `oidcc-config-certification-test-plan` of the OpenID conformance suite, with a static client: what each asks of a server. The first
 * two plans have the same modules, and differ in how the answer comes. Modules for clients that register themselves
 * (`oidcc-idtoken-unsigned`) are in neither.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { type Exchange, exchange, json, type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify, UnsecuredJWT } from "jose";
import { done, startAdministered } from "../api/administrator.ts";
import { assertRefused, form, isEnd, ok, pressFirst, type TokenAnswer, token } from "../oidc/app.ts";
import { ALICE, basicOf, REDIRECT_URI, type ServerUnderTest } from "../oidc/server-under-test.ts";

const CLIENT = "suite";

const OTHER_CLIENT = "suite-2";
const registered = (clientId: string) => ({
  clientId,
  name: "Conformance suite",
  clientSecret: `${clientId}-secret-0123456789abcdef`,
  redirectUris: [REDIRECT_URI],
  grantTypes: ["authorization_code", "refresh_token"],
  requirePkce: false,
  idTokenAlgorithm: "RS256",
  resources: {},
});

let server: ServerUnderTest;
let keys: ReturnType<typeof createRemoteJWKSet>;
before(async () => {
  server = await startAdministered(({ clients }) => {
    clients.push(registered(CLIENT) as never, registered(OTHER_CLIENT) as never);
  });
  const profile = {
    phoneNumber: "+14255551212",
    phoneNumberVerified: true,
    address: { locality: "Springfield" },
  };
  await done(server, ["PATCH", "users/alice"], { body: { profile }, scope: "users.write" });
  keys = createRemoteJWKSet(new URL(`${server.issuer}/jwks`));
});
after(() => server.stop());

type Parameters = Readonly<Record<string, string | undefined>>;
type Answer = Readonly<Record<string, string>>;

/** A browser and an app, of which the app asks for its answers in one response mode. */
class Suite {
  readonly mode: string | undefined;
  browser = new PlainBrowser();
  /** Pages on which somebody had to type a password. */
  signIns = 0;

  constructor(mode: string | undefined) {
    this.mode = mode;
  }

  urlOf(parameters: Parameters = {}): URL {
    const all = {
      client_id: CLIENT,
      response_type: "code",
      response_mode: this.mode,
      redirect_uri: REDIRECT_URI,
      scope: "openid",
      state: randomBytes(8).toString("hex"),
      nonce: randomBytes(8).toString("hex"),
      ...parameters,
    };
    return new URL(`${server.issuer}/authorize?${form(all)}`);
  }

  /** From the request to what the app hears, through whatever pages are in between. */
  async authorize(url: URL): Promise<Answer> {
    return this.pass(await this.browser.open(url, isEnd));
  }

  async pass(first: Page): Promise<Answer> {
    let page = first;
    for (let pages = 0; pages < 4; pages++) {
      if (isEnd(page.url)) return Object.fromEntries(page.url.searchParams);
      const [shown] = page.forms;
      assert.ok(shown !== undefined && page.status === 200, `${page.status} ${page.body}`);
      if (shown.action === REDIRECT_URI) return shown.fields;
      if (shown.hasPassword) this.signIns++;
      page = await pressFirst(this.browser, page, ALICE);
    }
    assert.fail(page.body);
  }

  /** As above, with the state checked, to tokens whose ID token is right. */
  async tokens(parameters: Parameters = {}, more: Parameters = {}) {
    const url = this.urlOf(parameters);
    const answer = await this.authorize(url);
    assert.equal(answer.state, url.searchParams.get("state"));
    assert.equal(answer.iss, server.issuer);
    const tokens = ok(await redeem(answer.code!, more));
    const idToken = await verified(tokens.id_token);
    assert.equal(idToken.nonce, url.searchParams.get("nonce") ?? undefined);
    return { ...tokens, idToken };
  }

  async error(url: URL): Promise<string | undefined> {
    const answer = await this.authorize(url);
    assert.equal(answer.code, undefined);
    return answer.error;
  }
}

const fieldsOf = (code: string, more: Parameters): Record<string, string | undefined> => ({
  grant_type: "authorization_code",
  code,
  redirect_uri: REDIRECT_URI,
  ...more,
});

const redeem = (code: string, more: Parameters = {}): Promise<Exchange> =>
  token(server.issuer, fieldsOf(code, more), { authorization: basicOf(CLIENT) });

async function verified(idToken: string) {
  const { payload, protectedHeader } = await jwtVerify(idToken, keys, {
    issuer: server.issuer,
    audience: CLIENT,
    requiredClaims: ["sub", "exp", "iat"],
  });
  assert.equal(protectedHeader.alg, "RS256");
  assert.equal(typeof protectedHeader.kid, "string");
  return payload;
}

const bearer = ({ access_token }: Pick<TokenAnswer, "access_token">) => ({
  authorization: `Bearer ${access_token}`,
});

async function userinfo(tokens: TokenAnswer): Promise<Record<string, unknown>> {
  const answer = await exchange(`${server.issuer}/userinfo`, { headers: bearer(tokens) });
  assert.equal(answer.status, 200, answer.body);
  assert.match(String(answer.headers["content-type"]), /^application\/json/);
  assert.equal(json(answer).sub, decodeJwt(tokens.id_token).sub);
  return json(answer);
}

it("oidcc-discovery-endpoint-verification: the document is complete, and of this issuer", async () => {
  const answer = await exchange(`${server.issuer}/.well-known/openid-configuration`);
  const found = json<Record<string, unknown>>(answer);
  assert.equal(found.issuer, server.issuer);
  for (const name of ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"])
    assert.ok(String(found[name]).startsWith(server.issuer), name);
  for (const [name, value] of Object.entries({
    response_types_supported: "code",
    response_modes_supported: "form_post",
    subject_types_supported: "public",
    id_token_signing_alg_values_supported: "RS256",
    scopes_supported: "openid",
    claims_supported: "sub",
    grant_types_supported: "authorization_code",
    token_endpoint_auth_methods_supported: "client_secret_basic",
  }))
    assert.ok((found[name] as string[]).includes(value), `${name} ${found[name]}`);
  assert.equal(found.claims_parameter_supported, true);
  assert.equal(found.request_uri_parameter_supported, false);
  const { keys: published } = json<{ keys: Record<string, unknown>[] }>(
    await exchange(String(found.jwks_uri)),
  );
  assert.ok(published.length > 0);
  for (const key of published) {
    assert.ok(key.kid !== undefined && key.use === "sig" && key.d === undefined);
    for (const name of ["n", "e", "x", "y"]) assert.doesNotMatch(String(key[name] ?? ""), /[=+/]/);
  }
});

const PLANS: Readonly<Record<string, string | undefined>> = {
  "oidcc-basic-certification-test-plan": undefined,
  "oidcc-formpost-basic-certification-test-plan": "form_post",
};

for (const [plan, mode] of Object.entries(PLANS))
  describe(plan, () => {
    const suite = new Suite(mode);
    /** As whoever is signed in already, which saves a password a module. */
    const fresh = () => new Suite(mode);

    it("oidcc-server: a code, and an ID token that is right", async () => {
      const { idToken, token_type } = await suite.tokens();
      assert.match(token_type, /^bearer$/i);
      assert.equal(typeof idToken.sub, "string");
    });

    it("oidcc-response-type-missing: an error at the redirect URI, or on a page", async () => {
      const page = await suite.browser.open(suite.urlOf({ response_type: undefined }), isEnd);
      const { error } = await suite.pass(page);
      assert.equal(error, "invalid_request");
    });

    it("oidcc-idtoken-signature: signed with RS256 by a key that is named", async () => {
      const { id_token } = await suite.tokens();
      const { alg, kid } = decodeProtectedHeader(id_token);
      assert.equal(alg, "RS256");
      assert.ok(kid);
    });

    it("oidcc-userinfo-get, oidcc-userinfo-post-header, oidcc-userinfo-post-body: the same answer three ways", async () => {
      const tokens = await suite.tokens();
      const url = `${server.issuer}/userinfo`;
      const body = form({ access_token: tokens.access_token });
      const ways = [
        await exchange(url, { headers: bearer(tokens) }),
        await exchange(url, { method: "POST", headers: bearer(tokens) }),
        await exchange(url, { method: "POST", body }),
      ];
      for (const answer of ways) {
        assert.equal(answer.status, 200, answer.body);
        assert.deepEqual(json(answer), { sub: tokens.idToken.sub });
      }
    });

    it("oidcc-ensure-request-without-nonce-succeeds-for-code-flow: with code_challenge, and not without either", async () => {
      assert.equal(await suite.error(suite.urlOf({ nonce: undefined })), "invalid_request");
      const { challenge, verifier } = pkce();
      const { idToken } = await suite.tokens({ nonce: undefined, ...challenge }, { code_verifier: verifier });
      assert.equal("nonce" in idToken, false);
    });

    const SCOPES: Readonly<Record<string, readonly [scope: string, claims: readonly string[]]>> = {
      "oidcc-scope-profile": ["profile", ["name", "preferred_username", "updated_at"]],
      "oidcc-scope-email": ["email", ["email", "email_verified"]],
      "oidcc-scope-address": ["address", ["address"]],
      "oidcc-scope-phone": ["phone", ["phone_number", "phone_number_verified"]],
    };
    const ofScopes = Object.values(SCOPES);
    const all = [
      ofScopes.map(([scope]) => scope).join(" "),
      ofScopes.flatMap(([, claims]) => claims),
    ] as const;
    for (const [module, [scope, claims]] of Object.entries({ ...SCOPES, "oidcc-scope-all": all }))
      it(`${module}: UserInfo has what is known of the user, and no more`, async () => {
        const told = await userinfo(await suite.tokens({ scope: `openid ${scope}` }));
        assert.deepEqual(Object.keys(told).toSorted(), ["sub", ...claims].toSorted());
      });

    it("oidcc-ensure-other-scope-order-succeeds: openid may be last", async () => {
      const told = await userinfo(await suite.tokens({ scope: "email openid" }));
      assert.equal(told.email, "alice@example.com");
    });

    const IGNORED: Readonly<Record<string, Parameters>> = {
      "oidcc-display-page": { display: "page" },
      "oidcc-display-popup": { display: "popup" },
      "oidcc-ensure-request-with-unknown-parameter-succeeds": { extra: "foobar" },
      "oidcc-ui-locales": { ui_locales: "se en" },
      "oidcc-claims-locales": { claims_locales: "se" },
      "oidcc-ensure-request-with-acr-values-succeeds": { acr_values: "urn:mace:incommon:iap:silver" },
    };
    for (const [module, parameters] of Object.entries(IGNORED))
      it(`${module}: succeeds`, async () => void (await suite.tokens(parameters)));

    it("oidcc-login-hint: succeeds, and the hint is in the form", async () => {
      const page = await new PlainBrowser().open(suite.urlOf({ login_hint: "bob" }), isEnd);
      assert.equal(page.forms[0]!.fields.username, "bob");
      await suite.tokens({ login_hint: "bob@example.com" });
    });

    it("oidcc-prompt-login: asks again, and auth_time is later", async () => {
      const second = fresh();
      const first = await second.tokens({ max_age: "15000" });
      server.advance(2000);
      const again = await second.tokens({ prompt: "login", max_age: "15000" });
      assert.equal(second.signIns, 2);
      assert.equal(again.idToken.sub, first.idToken.sub);
      assert.ok(Number(again.idToken.auth_time) > Number(first.idToken.auth_time));
    });

    it("oidcc-prompt-none-not-logged-in: login_required", async () => {
      assert.equal(await fresh().error(suite.urlOf({ prompt: "none" })), "login_required");
    });

    it("oidcc-prompt-none-logged-in, oidcc-id-token-hint: no page, and the same user and auth_time", async () => {
      const first = await suite.tokens({ max_age: "15000" });
      const { signIns } = suite;
      for (const more of [{ max_age: "15000" }, { max_age: "15000", id_token_hint: first.id_token }]) {
        const again = await suite.tokens({ prompt: "none", ...more });
        assert.equal(again.idToken.sub, first.idToken.sub);
        assert.equal(again.idToken.auth_time, first.idToken.auth_time);
      }
      assert.equal(suite.signIns, signIns);
    });

    it("oidcc-max-age-1: asks again, and auth_time is later", async () => {
      const second = fresh();
      const first = await second.tokens({ max_age: "15000" });
      server.advance(10_000);
      const again = await second.tokens({ max_age: "1" });
      assert.equal(second.signIns, 2);
      assert.ok(Number(again.idToken.auth_time) > Number(first.idToken.auth_time));
    });

    it("oidcc-max-age-10000: does not ask again, and auth_time is there and the same", async () => {
      const first = await suite.tokens({ max_age: "10000" });
      const again = await suite.tokens({ max_age: "10000" });
      assert.equal(typeof first.idToken.auth_time, "number");
      assert.equal(again.idToken.auth_time, first.idToken.auth_time);
    });

    it("oidcc-codereuse, oidcc-codereuse-30seconds: a code is good once, and a second use ends its tokens", async () => {
      for (const afterMs of [0, 30_000]) {
        const second = fresh();
        const { code } = await second.authorize(second.urlOf());
        const tokens = ok(await redeem(code!));
        server.advance(afterMs);
        assertRefused(await redeem(code!), "invalid_grant");
        const answer = await exchange(`${server.issuer}/userinfo`, { headers: bearer(tokens) });
        assert.equal(answer.status, 401, `${afterMs} ms`);
      }
    });

    it("oidcc-ensure-registered-redirect-uri: an error page, and nothing leads there", async () => {
      const page = await suite.browser.open(suite.urlOf({ redirect_uri: `${REDIRECT_URI}/not-registered` }));
      assert.equal(page.status, 400);
      assert.deepEqual(page.forms, []);
      assert.match(page.body, /not registered/);
    });

    it("oidcc-ensure-post-request-succeeds: the request by a form", async () => {
      const { pathname, searchParams } = suite.urlOf();
      const url = `${server.issuer}${pathname}`;
      const posted = await exchange(url, { method: "POST", body: searchParams });
      const answer = await suite.authorize(new URL(posted.headers.location!, url));
      assert.equal(answer.state, searchParams.get("state"));
      assert.equal((await redeem(answer.code!)).status, 200);
    });

    it("oidcc-server-client-secret-post: the secret in the body", async () => {
      const { code } = await suite.authorize(suite.urlOf());
      const secret = { client_id: CLIENT, client_secret: `${CLIENT}-secret-0123456789abcdef` };
      await verified(ok(await token(server.issuer, fieldsOf(code!, secret))).id_token);
    });

    it("oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported: rejected", async () => {
      const request_uri = "https://suite.example/request.jwt";
      assert.equal(await suite.error(suite.urlOf({ request_uri })), "request_uri_not_supported");
    });

    it("oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported, oidcc-ensure-request-object-with-redirect-uri: rejected", async () => {
      for (const redirect_uri of [REDIRECT_URI, "https://evil.test/callback"]) {
        const request = new UnsecuredJWT({ client_id: CLIENT, redirect_uri, scope: "openid" }).encode();
        assert.equal(await suite.error(suite.urlOf({ request })), "request_not_supported");
      }
    });

    it("oidcc-claims-essential: an essential claim is at UserInfo", async () => {
      const claims = JSON.stringify({ userinfo: { name: { essential: true } } });
      assert.equal((await userinfo(await suite.tokens({ claims }))).name, "Alice Example");
    });

    it("oidcc-refresh-token: another ID token of the same user, and refused to another client", async () => {
      const first = await suite.tokens({ scope: "openid offline_access", prompt: "consent" });
      const fields = { grant_type: "refresh_token", refresh_token: first.refresh_token };
      const ofOther = { authorization: basicOf(OTHER_CLIENT) };
      assertRefused(await token(server.issuer, fields, ofOther), "invalid_grant");
      const again = ok(await token(server.issuer, fields, { authorization: basicOf(CLIENT) }));
      const idToken = await verified(again.id_token);
      assert.equal(idToken.sub, first.idToken.sub);
      assert.equal(idToken.auth_time, first.idToken.auth_time);
      assert.equal((await userinfo(again)).sub, idToken.sub);
    });

    it("oidcc-ensure-request-with-valid-pkce-succeeds: with the right verifier, and not with another", async () => {
      const { challenge, verifier } = pkce();
      await suite.tokens(challenge, { code_verifier: verifier });
      const { code } = await suite.authorize(suite.urlOf(challenge));
      assertRefused(await redeem(code!, { code_verifier: pkce().verifier }), "invalid_grant");
    });
  });

function pkce() {
  const verifier = randomBytes(32).toString("base64url");
  const code_challenge = createHash("sha256").update(verifier).digest("base64url");
  return { verifier, challenge: { code_challenge, code_challenge_method: "S256" } };
}
