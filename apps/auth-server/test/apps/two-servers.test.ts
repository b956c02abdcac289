/** Two servers on one PostgreSQL database: what one changes of an app or an API holds at the other with its next request. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { startPostgres } from "@portcullis/testing/servers";
import { ask, done, startAdministered } from "../api/administrator.ts";
import { assertRefused, claimsOf, ok, refresh, signIn, token, verdictOf } from "../oidc/app.ts";
import { REDIRECT_URI, RESOURCE, type ServerUnderTest } from "../oidc/server-under-test.ts";

let postgres: Awaited<ReturnType<typeof startPostgres>>;
let server: ServerUnderTest;
let other: string;
before(async () => {
  postgres = await startPostgres({ fsync: false });
  const database = { kind: "postgres", url: await postgres.createDatabase(), poolSize: 8 } as const;
  server = await startAdministered((configuration) => void Object.assign(configuration, { database }));
  other = await server.startAnother();
});
after(async () => {
  await server.stop();
  await postgres.stop();
});

const askAs = (clientId: string, secret: string, at = other) =>
  token(
    at,
    { grant_type: "client_credentials", resource: RESOURCE },
    { authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString("base64")}` },
  );

const createService = () =>
  done(server, ["POST", "apps"], {
    body: { type: "service", name: "Nightly", apis: { [RESOURCE]: ["orders.read"] } },
  });

describe("an app, at the other server", () => {
  it("is let in as soon as it is created, changed as soon as it is changed, and out as soon as it is deleted", async () => {
    const { clientId, clientSecret } = await createService();
    assert.equal(ok(await askAs(clientId, clientSecret)).expires_in, 300);
    await done(server, ["PATCH", `apps/${clientId}`], { body: { accessTokenTtlSeconds: 60 } });
    const { access_token, expires_in } = ok(await askAs(clientId, clientSecret));
    assert.equal(expires_in, 60);
    await done(server, ["DELETE", `apps/${clientId}`]);
    assertRefused(await askAs(clientId, clientSecret), "invalid_client", 401);
    assert.equal(verdictOf(server, access_token), "client_disabled");
  });

  it("is refused with a secret as soon as that is gone", async () => {
    const { clientId, clientSecret } = await createService();
    ok(await askAs(clientId, clientSecret));
    const { items } = await done(server, ["GET", `apps/${clientId}/secrets`]);
    const next = await done(server, ["POST", `apps/${clientId}/secrets`]);
    await done(server, ["DELETE", `apps/${clientId}/secrets/${items[0].id}`]);
    assertRefused(await askAs(clientId, clientSecret), "invalid_client", 401);
    ok(await askAs(clientId, next.clientSecret));
  });

  it("is edited by one of two who have seen the same version", async () => {
    const { clientId } = await createService();
    const headers = { "if-match": '"1"' };
    const answers = await Promise.all(
      [server.issuer, other, server.issuer, other].map((at, index) =>
        ask(server, ["PATCH", `apps/${clientId}`], { at, headers, body: { name: `Name ${index}` } }),
      ),
    );
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 412, 412, 412]);
    assert.equal((await done(server, ["GET", `apps/${clientId}`])).revision, 2);
  });

  it("gets no token that lives, however its deletion races with what it asks for", async () => {
    for (let round = 0; round < 8; round++) {
      const { clientId, clientSecret } = await createService();
      const asking = Array.from({ length: 6 }, (_, at) =>
        askAs(clientId, clientSecret, at % 2 === 0 ? other : server.issuer),
      );
      const deleting = ask(server, ["DELETE", `apps/${clientId}`]);
      const answers = await Promise.all(asking);
      assert.equal((await deleting).status, 200);
      for (const answer of answers.filter(({ status }) => status === 200)) {
        assert.equal(verdictOf(server, ok(answer).access_token), "client_disabled");
      }
    }
  });
});

describe("an API, at the other server", () => {
  it("loses a permission for the next token, whoever refreshes", async () => {
    const identifier = "https://maps.example";
    const permissions = { "maps.read": "See maps", "maps.write": "Draw maps" };
    await done(server, ["POST", "apis"], { body: { identifier, name: "Maps", permissions } });
    const apis = { [identifier]: Object.keys(permissions) };
    await done(server, ["POST", "apps"], {
      at: other,
      body: { clientId: "maps", type: "spa", name: "Maps", redirectUris: [REDIRECT_URI], apis },
    });
    const parameters = { client_id: "maps", resource: identifier, scope: "openid maps.read maps.write" };
    const device = await signIn(server, { parameters });
    const path = `apis/${encodeURIComponent(identifier)}`;
    await done(server, ["PATCH", path], { body: { permissions: { "maps.write": null } } });
    const next = ok(await refresh(other, device.refresh_token, { client_id: "maps" }));
    assert.equal(claimsOf(next.access_token).scope, "maps.read");
    await done(server, ["POST", `${path}/disable`], { at: other });
    assertRefused(await refresh(server.issuer, next.refresh_token, { client_id: "maps" }), "invalid_target");
  });
});
