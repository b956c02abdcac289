import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { exchange } from "@portcullis/testing/end-to-end";
import {
  assertRefused,
  begin,
  introspect,
  isEnd,
  ok,
  redeem,
  refresh,
  revokeToken,
  signIn,
  verdictOf,
} from "../app.ts";
import { type ServerUnderTest, startServer } from "../server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

describe("after a restart", () => {
  it("keys, sessions and refresh tokens are those from before, and what was revoked stays revoked", async () => {
    const [lives, dies] = [await signIn(server), await signIn(server)];
    const used = ok(await refresh(server.issuer, lives.refresh_token));
    await revokeToken(server.issuer, dies.access_token);
    const keysBefore = (await exchange(`${server.issuer}/jwks`)).body;
    server.advance(16_000);
    await server.restart();

    assert.equal((await exchange(`${server.issuer}/jwks`)).body, keysBefore);
    assert.equal(verdictOf(server, dies.access_token), "revoked");
    assert.equal((await introspect(server.issuer, "orders", lives.access_token)).active, true);
    const page = await lives.browser.open(begin(server.issuer, { prompt: "none" }).url, isEnd);
    assert.notEqual(page.url.searchParams.get("code"), null, page.url.search);
    const next = ok(await refresh(server.issuer, used.refresh_token));
    assert.equal(verdictOf(server, next.access_token), "allow");
    assertRefused(await refresh(server.issuer, lives.refresh_token), "invalid_grant");
    assert.equal(verdictOf(server, next.access_token), "refresh_reuse");
  });

  it("a code from before can be redeemed once", async () => {
    const { browser } = await signIn(server);
    const attempt = begin(server.issuer);
    const { url } = await browser.open(attempt.url, isEnd);
    await server.restart();
    ok(await redeem(server.issuer, attempt, url));
    assertRefused(await redeem(server.issuer, attempt, url), "invalid_grant");
  });
});
