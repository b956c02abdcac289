/** An app and an API may get another algorithm while people are signed in. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createdAppSchema, KEY_KNOWN_AFTER_SECONDS, type SigningAlgorithm } from "@portcullis/protocol";
import { PlainBrowser } from "@portcullis/testing/end-to-end";
import { ask } from "../api/administrator.ts";
import { introspect, isEnd, ok, refresh, signIn } from "../oidc/app.ts";
import { REDIRECT_URI, RESOURCE } from "../oidc/server-under-test.ts";
import { headerOf, jwks, server, start, startForAdministrator, verifies } from "./algorithms-under-test.ts";

describe("an algorithm that is asked for by the API", () => {
  const app = {
    type: "spa",
    name: "Mail",
    redirectUris: [REDIRECT_URI],
    apis: { [RESOURCE]: ["orders.read"] },
  };
  const parameters = { client_id: "mail", scope: "openid orders.read" };

  it("signs the ID tokens of an app that is made with it, and the answer warns while its key is young", async () => {
    await startForAdministrator();
    const body = { ...app, clientId: "mail", idTokenAlgorithm: "RS256" };
    const made = await ask(server, ["POST", "apps"], { body });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.equal(createdAppSchema.parse(made.body).warning?.code, "recently_published");
    const device = await signIn(server, { parameters });
    assert.deepEqual([headerOf(device.id_token).alg, headerOf(device.access_token).alg], ["RS256", "ES256"]);
    await verifies(device.id_token, "RS256");
    server.advance(KEY_KNOWN_AFTER_SECONDS * 1000);
    const other = await ask(server, ["POST", "apps"], { body: { ...body, clientId: "later" } });
    assert.equal("warning" in other.body, false);
  });

  it("signs what an app and an API get after they were changed, and ends nothing", async () => {
    await startForAdministrator();
    const before = await signIn(server);
    const api = encodeURIComponent(RESOURCE);
    const changedApi = await ask(server, ["PATCH", `apis/${api}`], { body: { algorithm: "EdDSA" } });
    const changedApp = await ask(server, ["PATCH", "apps/web"], { body: { idTokenAlgorithm: "RS256" } });
    for (const { status, body } of [changedApi, changedApp]) {
      assert.equal(status, 200, JSON.stringify(body));
      assert.deepEqual(
        [(body as { warning?: { code: string } }).warning?.code, "receipt" in body],
        ["recently_published", false],
      );
    }
    assert.equal((await introspect(server.issuer, "orders", before.access_token)).active, true);
    const after = ok(await refresh(server.issuer, before.refresh_token));
    assert.deepEqual([headerOf(after.access_token).alg, headerOf(after.id_token).alg], ["EdDSA", "RS256"]);
    await verifies(after.access_token, "EdDSA");
    await verifies(after.id_token, "RS256");
    const back = await ask(server, ["PATCH", "apps/web"], { body: { idTokenAlgorithm: null } });
    assert.deepEqual([back.status, "warning" in back.body], [200, false]);
    assert.equal(headerOf((await signIn(server)).id_token).alg, "ES256");
  });

  it("is not made for an app or an API that is refused, nor for a dry run", async () => {
    await startForAdministrator();
    const apiPath = (identifier: string) => `apis/${encodeURIComponent(identifier)}`;
    const own = `${server.issuer}/api`;
    const newApi = { name: "Maps", permissions: { "maps.read": "See maps" }, algorithm: "EdDSA" };
    const asked = { idTokenAlgorithm: "RS256" };
    const stale = { "if-match": '"7"' };
    const calls = [
      [404, ["PATCH", "apps/nobody"], { body: asked }],
      [404, ["PATCH", apiPath("https://nowhere.example")], { body: { algorithm: "EdDSA" } }],
      [409, ["POST", "apps"], { body: { ...app, ...asked, clientId: "web" } }],
      [400, ["POST", "apps"], { body: { ...app, ...asked, apis: { "https://nowhere.example": ["x"] } } }],
      [412, ["PATCH", "apps/web"], { body: asked, headers: stale }],
      [400, ["PATCH", "apps/web"], { body: { ...asked, defaultApi: "https://nowhere.example" } }],
      [409, ["POST", "apis"], { body: { ...newApi, identifier: RESOURCE } }],
      [409, ["POST", "apis"], { body: { ...newApi, identifier: own } }],
      [412, ["PATCH", apiPath(RESOURCE)], { body: { algorithm: "EdDSA" }, headers: stale }],
      [409, ["PATCH", apiPath(own)], { body: { algorithm: "EdDSA" } }],
      [200, ["PATCH", "apps/web?dryRun=true"], { body: asked }],
      [200, ["PATCH", `${apiPath(RESOURCE)}?dryRun=true`], { body: { algorithm: "EdDSA" } }],
    ] as const;
    for (const [status, call, asking] of calls) {
      const answer = await ask(server, call, asking);
      assert.equal(answer.status, status, JSON.stringify([call, answer.body]));
      assert.deepEqual(new Set((await jwks()).map(({ alg }) => alg)), new Set(["ES256"]), call.join(" "));
    }
  });
});

describe("an app that gets another algorithm", () => {
  /** As the API does it: keys first. */
  async function change(algorithm: SigningAlgorithm): Promise<void> {
    const { ring, oidc, storage } = server.server;
    await ring.offer(algorithm);
    await storage.write(async (transaction) => {
      const app = await oidc.clients.lock(transaction, "web");
      await oidc.clients.update(transaction, "web", { ...app, idTokenAlgorithm: algorithm });
    });
  }

  it("gets the next ID token with it, while its pages and its older tokens go on", async () => {
    await start({});
    const device = await signIn(server);
    await change("RS256");
    const next = ok(await refresh(server.issuer, device.refresh_token));
    assert.deepEqual([headerOf(next.access_token).alg, headerOf(next.id_token).alg], ["ES256", "RS256"]);
    await verifies(next.id_token, "RS256");
    assert.equal((await introspect(server.issuer, "orders", device.access_token)).active, true);
    const elsewhere = await signIn(server);
    assert.equal(headerOf(elsewhere.id_token).alg, "RS256");
  });

  it("can still name its user by an ID token of before: at the authorization endpoint, and to sign out", async () => {
    await start({});
    const device = await signIn(server);
    await change("EdDSA");
    const silently = new URL("/authorize", server.issuer);
    const parameters = {
      client_id: "web",
      response_type: "code",
      redirect_uri: REDIRECT_URI,
      scope: "openid",
      prompt: "none",
      id_token_hint: device.id_token,
      code_challenge: "a".repeat(43),
      code_challenge_method: "S256",
    };
    for (const [name, value] of Object.entries(parameters)) silently.searchParams.set(name, value);
    const { url } = await device.browser.open(silently, isEnd);
    assert.ok(url.searchParams.has("code"), url.href);
    const signOut = new URL("/logout", server.issuer);
    signOut.searchParams.set("id_token_hint", device.id_token);
    const page = await device.browser.open(signOut, isEnd);
    assert.equal(page.status, 200);
    const { id_token } = device;
    const forged = `${id_token.slice(0, id_token.lastIndexOf("."))}.${"A".repeat(86)}`;
    silently.searchParams.set("id_token_hint", forged);
    const refused = await new PlainBrowser().open(silently, isEnd);
    assert.equal(refused.url.searchParams.get("error"), "invalid_request");
  });
});
