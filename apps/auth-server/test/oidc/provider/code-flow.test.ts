import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { decodeIdentifier } from "@portcullis/protocol";
import { exchange, json, PlainBrowser } from "@portcullis/testing/end-to-end";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { assertRefused, begin, claimsOf, ok, passPages, redeem, refresh, signIn, token } from "../app.ts";
import { ALICE, REDIRECT_URI, RESOURCE, type ServerUnderTest, startServer } from "../server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

describe("authorization code with PKCE", () => {
  it("gives an at+jwt for the resource, signed with a key of the JWKS", async () => {
    const { access_token, scope } = await signIn(server);
    const keys = createRemoteJWKSet(new URL(`${server.issuer}/jwks`));
    const { payload, protectedHeader } = await jwtVerify(access_token, keys, {
      issuer: server.issuer,
      audience: RESOURCE,
      typ: "at+jwt",
      algorithms: ["ES256"],
    });
    assert.equal(scope, "openid profile orders.read", "all that was given");
    assert.equal(payload.scope, "orders.read");
    assert.equal(payload.client_id, "web");
    assert.equal(protectedHeader.alg, "ES256");
  });

  it("puts sid, gid and jti into it as 128-bit identifiers, and the horizon", async () => {
    const { claims } = await signIn(server);
    for (const id of [claims.sid, claims.gid, claims.jti]) assert.equal(decodeIdentifier(id)?.length, 16);
    assert.equal(claims.rv, server.server.storage.log.head());
  });

  it("answers with the issuer and the state (RFC 9207)", async () => {
    const callback = await passPages(new PlainBrowser(), begin(server.issuer).url);
    assert.equal(callback.searchParams.get("iss"), server.issuer);
    assert.equal(callback.searchParams.get("state"), "some-state");
  });

  it("gives an opaque token for userinfo when no resource is asked for", async () => {
    const { access_token } = await signIn(server, {
      parameters: { resource: undefined as never, scope: "openid email" },
    });
    assert.equal(access_token.split(".").length, 1);
    const answer = await exchange(`${server.issuer}/userinfo`, {
      headers: { authorization: `Bearer ${access_token}` },
    });
    assert.equal(json(answer).email, "alice@example.com");
  });

  it("refuses an authorization request without PKCE, and one with the plain method", async () => {
    for (const parameters of [
      { code_challenge: undefined, code_challenge_method: undefined },
      { code_challenge_method: "plain" },
    ]) {
      const page = await new PlainBrowser().open(begin(server.issuer, parameters).url, ({ href }) =>
        href.startsWith(REDIRECT_URI),
      );
      assert.equal(page.url.searchParams.get("error"), "invalid_request");
    }
  });

  it("refuses a wrong verifier, and the right one still works after it", async () => {
    const attempt = begin(server.issuer);
    const callback = await passPages(new PlainBrowser(), attempt.url);
    const wrong = { ...attempt, verifier: "x".repeat(43) };
    assertRefused(await redeem(server.issuer, wrong, callback), "invalid_grant");
    ok(await redeem(server.issuer, attempt, callback));
  });

  it("refuses a code that was issued to another client", async () => {
    const attempt = begin(server.issuer);
    const callback = await passPages(new PlainBrowser(), attempt.url);
    assertRefused(await redeem(server.issuer, { ...attempt, clientId: "other" }, callback), "invalid_grant");
  });

  it("signs on silently in the same browser, with the same session and grant", async () => {
    const first = await signIn(server);
    const attempt = begin(server.issuer, { prompt: "none" });
    const page = await first.browser.open(attempt.url, ({ href }) => href.startsWith(REDIRECT_URI));
    const again = claimsOf(ok(await redeem(server.issuer, attempt, page.url)).access_token);
    assert.deepEqual([again.sid, again.gid], [first.claims.sid, first.claims.gid]);
  });

  it("gives different sessions and grants to two devices of a user", async () => {
    const [phone, laptop] = [await signIn(server), await signIn(server)];
    assert.notEqual(phone.claims.sid, laptop.claims.sid);
    assert.notEqual(phone.claims.gid, laptop.claims.gid);
    assert.equal(phone.claims.sub, laptop.claims.sub);
  });

  it("answers access_denied when the user denies", async () => {
    const browser = new PlainBrowser();
    const end = ({ href }: URL) => href.startsWith(REDIRECT_URI);
    const { url: start } = begin(server.issuer, { prompt: "login consent" });
    const signInPage = await browser.open(start, end);
    const consent = await browser.submit(signInPage, signInPage.forms[0]!, { fill: ALICE, isEnd: end });
    const [form] = consent.forms;
    const deny = form!.buttons.find(({ value }) => value === "deny")!;
    const { url } = await browser.submit(consent, form!, { button: deny, isEnd: end });
    assert.equal(url.searchParams.get("error"), "access_denied");
  });

  it("refreshes to a new access token of the same session and grant", async () => {
    const first = await signIn(server);
    const next = ok(await refresh(server.issuer, first.refresh_token));
    const claims = claimsOf(next.access_token);
    assert.deepEqual([claims.sid, claims.gid], [first.claims.sid, first.claims.gid]);
    assert.notEqual(claims.jti, first.claims.jti);
    assert.notEqual(next.refresh_token, first.refresh_token);
  });

  it("says when the person has signed in: a refresh is no sign-in, and one that max_age asks for is", async () => {
    const { browser, refresh_token, claims } = await signIn(server);
    server.advance(600_000);
    const refreshed = claimsOf(ok(await refresh(server.issuer, refresh_token)).access_token);
    assert.deepEqual([refreshed.auth_time, refreshed.sid], [claims.auth_time, claims.sid]);
    const silent = await signIn(server, { browser });
    assert.equal(silent.claims.auth_time, claims.auth_time);
    const again = await signIn(server, { browser, parameters: { max_age: "300" } });
    assert.ok(again.claims.auth_time >= claims.auth_time + 600, `${again.claims.auth_time}`);
    assert.equal(again.claims.sid, claims.sid);
  });

  it("refuses a resource that the client is not configured for", async () => {
    const parameters = { resource: "https://billing.portcullis.example" };
    const page = await new PlainBrowser().open(begin(server.issuer, parameters).url, ({ href }) =>
      href.startsWith(REDIRECT_URI),
    );
    assert.equal(page.url.searchParams.get("error"), "invalid_target");
  });

  it("does not let a public client use client credentials", async () => {
    const answer = await token(server.issuer, { grant_type: "client_credentials", client_id: "web" });
    assertRefused(answer, "invalid_request");
  });
});
