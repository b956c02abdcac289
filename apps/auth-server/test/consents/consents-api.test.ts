/** What a user has allowed apps, as an administrator and its owner see it and take it away. */
import assert from "node:assert/strict";
import { after, before, beforeEach, it } from "node:test";
import type { ConsentList, WithdrawnConsent } from "@portcullis/protocol";
import { exchange, json } from "@portcullis/testing/end-to-end";
import { assertRefused, machineToken, refresh, signIn, verdictOf } from "../oidc/app.ts";
import { RESOURCE, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer({
    change: ({ clients, issuer }) => {
      const admin = clients.find(({ clientId }) => clientId === "admin")!;
      admin.resources[`${issuer}/api`] = ["users.read", "users.write", "apps.write"];
      clients.push({ ...clients[0]!, clientId: "own", name: "Own shop", firstParty: true } as never);
      clients.push({ ...clients[0]!, clientId: "gone", name: "Gone shop" } as never);
    },
  });
});
after(() => server.stop());
beforeEach(() =>
  server.server.storage.write(async ({ db }) => {
    await db.deleteFrom("oidc_consents").execute();
    await db.deleteFrom("oidc_grants").execute();
  }),
);

async function call(method: string, path: string, scope = method === "GET" ? "users.read" : "users.write") {
  const { issuer } = server;
  const accessToken = await machineToken(issuer, "admin", `${issuer}/api`, scope);
  return exchange(`${issuer}/api/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${accessToken}`, prefer: "wait=2" },
  });
}

const list = async (path = "users/alice/consents") => json<ConsentList>(await call("GET", path)).items;

it("an administrator sees all of them, those of disabled and deleted apps by name, too", async () => {
  for (const client_id of ["web", "own", "gone"]) await signIn(server, { parameters: { client_id } });
  const [gone, own, web] = await list();
  assert.deepEqual(
    [gone, own, web].map((one) => [one!.clientId, one!.name, one!.app, one!.firstParty]),
    [
      ["gone", "Gone shop", "enabled", false],
      ["own", "Own shop", "enabled", true],
      ["web", "Demo shop", "enabled", false],
    ],
  );
  assert.deepEqual(
    [web!.scopes, web!.apis, web!.until, web!.remembered],
    [["openid", "profile"], { [RESOURCE]: ["orders.read"] }, undefined, true],
  );
  assert.equal(own!.remembered, false);
  assert.equal((await call("POST", "apps/web/disable", "apps.write")).status, 200);
  const states = async () => Object.fromEntries((await list()).map(({ clientId, app }) => [clientId, app]));
  assert.deepEqual(await states(), { gone: "enabled", own: "enabled", web: "disabled" });
  assert.equal((await call("DELETE", "apps/gone", "apps.write")).status, 200);
  const deleted = (await list()).find(({ clientId }) => clientId === "gone")!;
  assert.deepEqual([deleted.name, deleted.app], ["Gone shop", "deleted"]);

  const { browser } = await signIn(server, { parameters: { client_id: "own" } });
  const page = await browser.open(`${server.issuer}/account`);
  for (const name of ["Gone shop", "Demo shop", "Own shop"]) assert.ok(page.body.includes(name), name);
  const form = page.forms.find(({ fields }) => fields.client === "gone")!;
  assert.match((await browser.submit(page, form)).body, /Gone shop no longer has access/);
  assert.equal(
    (await list()).some(({ clientId }) => clientId === "gone"),
    false,
  );
  assert.equal((await call("POST", "apps/web/enable", "apps.write")).status, 200);
});

it("withdrawing ends what the app has of this user, with a true receipt, and nothing else", async () => {
  const web = await signIn(server);
  const other = await signIn(server, { parameters: { client_id: "other" } });
  const answer = await call("DELETE", "users/alice/consents/web");
  assert.equal(answer.status, 200, answer.body);
  const { receipt, clientId } = json<WithdrawnConsent>(answer);
  assert.deepEqual(
    [clientId, receipt!.seq, receipt!.state],
    ["web", server.server.storage.log.head(), "enforced"],
  );
  assert.equal(verdictOf(server, web.access_token), "consent_withdrawn");
  assertRefused(await refresh(server.issuer, web.refresh_token), "invalid_grant");
  assert.equal(verdictOf(server, other.access_token), "allow");
  assert.deepEqual(
    (await list()).map((one) => one.clientId),
    ["other"],
  );
});

it("succeeds for nobody, goes page by page, and asks for its scopes", async () => {
  for (const [method, path, code] of [
    ["GET", "users/nobody/consents", "unknown_subject"],
    ["DELETE", "users/nobody/consents/web", "unknown_subject"],
    ["DELETE", "users/alice/consents/web", "unknown_consent"],
    ["DELETE", "users/alice/consents/nothing", "unknown_consent"],
  ] as const) {
    const answer = await call(method, path);
    assert.deepEqual([answer.status, json<{ code: string }>(answer).code], [404, code], path);
  }
  for (const client_id of ["web", "other"]) await signIn(server, { parameters: { client_id } });
  const first = json<ConsentList>(await call("GET", "users/alice/consents?limit=1&total=true"));
  assert.deepEqual([first.items.map(({ clientId }) => clientId), first.total], [["other"], 2]);
  const second = await list(`users/alice/consents?limit=1&cursor=${first.next}`);
  assert.deepEqual(
    second.map(({ clientId }) => clientId),
    ["web"],
  );
  assert.equal((await call("GET", "users/alice/consents", "users.write")).status, 403);
  assert.equal((await call("DELETE", "users/alice/consents/web", "users.read")).status, 403);
});
