/** What was allowed to an API, or to a permission, that went counts for none of the same name that comes later. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import { done, startAdministered } from "../api/administrator.ts";
import {
  type Attempt,
  assertRefused,
  begin,
  claimsOf,
  isEnd,
  ok,
  passPages,
  pressFirst,
  redeem,
  refresh,
  signIn,
  token,
} from "../oidc/app.ts";
import { REDIRECT_URI, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startAdministered();
});
after(() => server.stop());

let made = 0;
const PERMISSIONS = { "maps.read": "See maps", "maps.write": "Draw maps" };

/** An API, and an app that may use all of it. */
async function createApi(permissions: Record<string, string> = PERMISSIONS) {
  const identifier = `https://edition-${++made}.example`;
  const api = { identifier, name: `Maps ${made}`, permissions };
  await done(server, ["POST", "apis"], { body: api });
  const clientId = `edition-${made}`;
  const words = Object.keys(permissions);
  const apis = words.length === 0 ? {} : { [identifier]: words };
  await done(server, ["POST", "apps"], {
    body: { clientId, type: "spa", name: "Maps app", redirectUris: [REDIRECT_URI], apis },
  });
  const parameters = { client_id: clientId, resource: identifier, scope: `openid ${words.join(" ")}` };
  const path = `apis/${encodeURIComponent(identifier)}`;
  return {
    clientId,
    parameters,
    path,
    /** With the app, or without it. */
    async makeAgain({ isGiven = true } = {}) {
      await done(server, ["DELETE", path]);
      await done(server, ["POST", "apis"], { body: api });
      if (isGiven) await give(clientId, apis);
    },
  };
}

const give = (clientId: string, apis: Record<string, readonly string[]>) =>
  done(server, ["PATCH", `apps/${clientId}`], { body: { apis } });

/** A service, which has no users who could be asked. */
async function createService(identifier: string, permissions: readonly string[]) {
  const body = {
    type: "service",
    name: "Nightly",
    apis: { [identifier]: permissions },
    defaultApi: identifier,
  };
  const { clientId, clientSecret } = await done(server, ["POST", "apps"], { body });
  const asks = () =>
    token(
      server.issuer,
      { grant_type: "client_credentials", resource: identifier, scope: "maps.read maps.write" },
      { authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
    );
  return { clientId, asks, scope: async () => claimsOf(ok(await asks()).access_token).scope };
}

async function visit(parameters: Record<string, string>, browser = new PlainBrowser()) {
  const attempt = begin(server.issuer, parameters);
  const opened = await browser.open(attempt.url, isEnd);
  const page = opened.forms[0]?.hasPassword ? await pressFirst(browser, opened) : opened;
  return { browser, attempt, page };
}

const asks = ({ body }: Page): boolean => /<h1>Allow /.test(body);
const tokensAt = async (attempt: Attempt, url: URL) => ok(await redeem(server.issuer, attempt, url));

describe("an API that is deleted and made again with the same identifier", () => {
  it("gives nothing to a refresh token of before", async () => {
    const { clientId, parameters, makeAgain } = await createApi();
    const device = await signIn(server, { parameters });
    await makeAgain();
    assertRefused(
      await refresh(server.issuer, device.refresh_token, { client_id: clientId }),
      "invalid_target",
    );
  });

  it("gives nothing to a code of before", async () => {
    const { parameters, makeAgain } = await createApi();
    const attempt = begin(server.issuer, parameters);
    const callback = await passPages(new PlainBrowser(), attempt.url);
    await makeAgain();
    assertRefused(await redeem(server.issuer, attempt, callback), "invalid_target");
  });

  it("asks its users anew, and gives what they allow then, also after a second time", async () => {
    const { clientId, parameters, makeAgain } = await createApi();
    const { browser } = await signIn(server, { parameters });
    for (const time of ["first", "second"]) {
      await makeAgain();
      const { page, attempt } = await visit(parameters, browser);
      assert.ok(asks(page), time);
      assert.match(page.body, /See maps/);
      const tokens = await tokensAt(attempt, (await pressFirst(browser, page)).url);
      assert.equal(claimsOf(tokens.access_token).scope, "maps.read maps.write");
      const next = ok(await refresh(server.issuer, tokens.refresh_token, { client_id: clientId }));
      assert.equal(claimsOf(next.access_token).scope, "maps.read maps.write");
      const elsewhere = await visit(parameters);
      assert.ok(isEnd(elsewhere.page.url), "what was allowed is remembered");
      await tokensAt(elsewhere.attempt, elsewhere.page.url);
    }
  });

  it("is no app's before it is given to it", async () => {
    const { clientId, parameters, makeAgain } = await createApi();
    const service = await createService(parameters.resource, ["maps.read"]);
    assert.equal(await service.scope(), "maps.read");
    await makeAgain({ isGiven: false });
    assertRefused(await service.asks(), "invalid_target");
    for (const name of [clientId, service.clientId]) {
      const { apis, defaultApi } = await done(server, ["GET", `apps/${name}`]);
      assert.deepEqual([apis, defaultApi], [{}, undefined]);
    }
    await give(service.clientId, { [parameters.resource]: ["maps.write"] });
    assert.equal(await service.scope(), "maps.write");
  });

  it("is no part of what the user is told to have allowed", async () => {
    const { clientId, parameters, makeAgain } = await createApi();
    await signIn(server, { parameters });
    await makeAgain();
    const { items } = await done(server, ["GET", "users/alice/consents"]);
    const shown = items.find((one: { clientId: string }) => one.clientId === clientId);
    assert.deepEqual(shown.apis, {});
  });

  it("takes no answer to a page that was about the one before", async () => {
    const { parameters, makeAgain } = await createApi();
    const { browser, page, attempt } = await visit(parameters);
    await makeAgain();
    const again = await pressFirst(browser, page);
    assert.ok(asks(again), again.body);
    await tokensAt(attempt, (await pressFirst(browser, again)).url);
  });
});

describe("a permission that is removed and added again", () => {
  const without = { body: { permissions: { "maps.write": null } } };
  const withOther = { body: { permissions: { "maps.write": "Burn maps" } } };

  it("is no app's before it is given to it", async () => {
    const { clientId, parameters, path } = await createApi();
    const service = await createService(parameters.resource, Object.keys(PERMISSIONS));
    await done(server, ["PATCH", `apps/${clientId}`], { body: { optionalScopes: ["maps.write"] } });
    await done(server, ["PATCH", path], without);
    await done(server, ["PATCH", path], withOther);
    assert.equal(await service.scope(), "maps.read");
    const app = await done(server, ["GET", `apps/${clientId}`]);
    assert.deepEqual([app.apis, app.optionalScopes], [{ [parameters.resource]: ["maps.read"] }, []]);
    await give(service.clientId, { [parameters.resource]: Object.keys(PERMISSIONS) });
    assert.equal(await service.scope(), "maps.read maps.write");
  });

  it("is asked for with its new words, and is in no token before that", async () => {
    const { clientId, parameters, path } = await createApi();
    const device = await signIn(server, { parameters });
    await done(server, ["PATCH", path], without);
    await done(server, ["PATCH", path], withOther);
    await give(clientId, { [parameters.resource]: Object.keys(PERMISSIONS) });
    const next = ok(await refresh(server.issuer, device.refresh_token, { client_id: clientId }));
    assert.equal(claimsOf(next.access_token).scope, "maps.read");
    const { browser, page, attempt } = await visit(parameters);
    assert.match(page.body, /Burn maps/);
    assert.doesNotMatch(page.body, /See maps/);
    const tokens = await tokensAt(attempt, (await pressFirst(browser, page)).url);
    assert.equal(claimsOf(tokens.access_token).scope, "maps.read maps.write");
  });

  it("is not declined by who declined the one before", async () => {
    const { clientId, parameters, path } = await createApi();
    await done(server, ["PATCH", `apps/${clientId}`], { body: { optionalScopes: ["maps.write"] } });
    const first = await visit(parameters);
    const [form] = first.page.forms;
    const { "allow-2": _unticked, ...fields } = form!.fields;
    assert.equal(_unticked, "yes");
    const end = await first.browser.submit(first.page, { ...form!, fields }, { isEnd });
    const tokens = await tokensAt(first.attempt, end.url);
    assert.equal(claimsOf(tokens.access_token).scope, "maps.read");
    await done(server, ["PATCH", path], without);
    await done(server, ["PATCH", path], withOther);
    await give(clientId, { [parameters.resource]: Object.keys(PERMISSIONS) });
    const { page } = await visit(parameters);
    assert.match(page.body, /Burn maps/);
  });
});

describe("what was allowed to an API that was never deleted", () => {
  it("counts on after a change of its words", async () => {
    const { parameters, path } = await createApi();
    await signIn(server, { parameters });
    await done(server, ["PATCH", path], { body: { permissions: { "maps.read": "Look at maps" } } });
    assert.ok(isEnd((await visit(parameters)).page.url));
  });

  it("counts on over a restart, for an API of the configuration file", async () => {
    const filed = await startServer();
    try {
      const device = await signIn(filed);
      await filed.restart();
      ok(await refresh(filed.issuer, device.refresh_token));
    } finally {
      await filed.stop();
    }
  });
});
