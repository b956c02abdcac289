/** Users, clients and sessions that are out: whatever they still hold gets them nothing. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { systemClock } from "@portcullis/protocol";
import { PlainBrowser } from "@portcullis/testing/end-to-end";
import { lineageIn } from "../../../src/oidc/endings/lineage.ts";
import {
  assertRefused,
  begin,
  introspect,
  isEnd,
  passPages,
  redeem,
  refresh,
  signIn,
  token,
} from "../app.ts";
import { BOB, basicOf, RESOURCE, type ServerUnderTest, startServer } from "../server-under-test.ts";
import { alertIn, tryPassword } from "../sign-in-pages.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

describe("a user who is disabled", () => {
  it("cannot refresh, redeem a code, nor sign in, and cannot tell it from a wrong password", async () => {
    const device = await signIn(server, { credentials: BOB });
    const attempt = begin(server.issuer);
    const callback = await passPages(device.browser, attempt.url, BOB);
    const { people, storage } = server.server;
    // The row alone: even if nothing that hangs below was ended.
    await storage.write((transaction) => people.users.disable(transaction, device.claims.sub));
    assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
    assertRefused(await redeem(server.issuer, attempt, callback), "invalid_grant");

    const texts: string[] = [];
    for (const credentials of [
      BOB,
      { ...BOB, password: "wrong password" },
      { username: "nobody", password: "x" },
    ]) {
      const refused = await tryPassword(server, credentials);
      assert.equal(refused.status, 422);
      texts.push(alertIn(refused));
    }
    assert.match(texts[0]!, /not correct/);
    assert.equal(new Set(texts).size, 1, texts.join(" / "));
    await storage.write((transaction) => people.users.enable(transaction, device.claims.sub));
  });
});

describe("the session of a user who is disabled", () => {
  it("leads nowhere, and fails nowhere: the sign-in page is shown again", async () => {
    const device = await signIn(server, { credentials: BOB });
    const { people, storage } = server.server;
    await storage.write((transaction) => people.users.disable(transaction, device.claims.sub));
    const silent = await device.browser.open(begin(server.issuer, { prompt: "none" }).url, isEnd);
    assert.equal(silent.url.searchParams.get("error"), "login_required");
    const page = await device.browser.open(begin(server.issuer).url, isEnd);
    assert.ok(page.forms[0]?.hasPassword, page.body);
    await storage.write((transaction) => people.users.enable(transaction, device.claims.sub));
  });
});

describe("a client that is disabled", () => {
  it("gets no token, introspects nothing, and its users cannot refresh", async () => {
    const device = await signIn(server, { parameters: { client_id: "other" } });
    const { oidc, storage } = server.server;
    await storage.write(async (transaction) => {
      await oidc.clients.disable(transaction, "other");
      await oidc.clients.disable(transaction, "service");
    });
    const mine = { client_id: "other" };
    assertRefused(await refresh(server.issuer, device.refresh_token, mine), "invalid_client", 401);
    const answer = await token(
      server.issuer,
      { grant_type: "client_credentials", resource: RESOURCE, scope: "orders.read" },
      { authorization: basicOf("service") },
    );
    assertRefused(answer, "invalid_client", 401);
    await assert.rejects(introspect(server.issuer, "service", device.access_token), {
      code: "ERR_ASSERTION",
    });
    const page = await new PlainBrowser().open(begin(server.issuer, mine).url, isEnd);
    assert.equal(page.status, 400);
  });
});

describe("a code", () => {
  it("is worth nothing once its session has ended", async () => {
    const device = await signIn(server);
    const attempt = begin(server.issuer);
    const callback = await passPages(device.browser, attempt.url);
    await server.server.storage.write((transaction) =>
      lineageIn(transaction, systemClock).endSession(device.claims.sid),
    );
    assertRefused(await redeem(server.issuer, attempt, callback), "invalid_grant");
  });
});

describe("the session's public identifier", () => {
  it("is no cookie: whoever reads a token's sid cannot become its user", async () => {
    const device = await signIn(server);
    const { sessions } = server.server.oidc;
    assert.equal(await sessions.find(device.claims.sid), undefined);
    assert.notEqual(await sessions.findByUid(device.claims.sid), undefined);
  });
});
