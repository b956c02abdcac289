/** Bans of those who administer: nobody can lock everybody out, and nobody bans an account that may do more than he. */
import assert from "node:assert/strict";
import { after, afterEach, before, it } from "node:test";
import { json } from "@portcullis/testing/end-to-end";
import { machineToken, refresh, signIn } from "../oidc/app.ts";
import { ALICE, BOB, type ServerUnderTest } from "../oidc/server-under-test.ts";
import {
  call,
  makeAdministrator,
  parametersFor,
  problemOf,
  roleOf,
  startAdministered,
} from "../roles/administration.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startAdministered(({ clients, issuer }) => {
    clients.find(({ clientId }) => clientId === "service")!.resources[`${issuer}/api`] = ["bans.write"];
  });
});
after(() => server.stop());
afterEach(() =>
  server.server.storage.write(async ({ db }) => {
    await db.deleteFrom("bans").execute();
    await db.deleteFrom("user_roles").execute();
  }),
);

async function ban(user: string, client = "admin", more: object = {}) {
  const { issuer } = server;
  const token = await machineToken(issuer, client, `${issuer}/api`, "bans.write");
  const body = { scope: "all", reason: "spam", ...more };
  return call(server, `users/${user}/bans`, { method: "POST", body, token });
}

it("the last administrator who can sign in is not banned from everything", async () => {
  await makeAdministrator(server, "alice");
  assert.deepEqual(problemOf(await ban("alice")), [409, "last_administrator"]);
  await makeAdministrator(server, "bob");
  assert.equal((await ban("alice")).status, 200);
  assert.deepEqual(
    problemOf(await ban("bob")),
    [409, "last_administrator"],
    "one who is banned does not count",
  );
  assert.deepEqual(problemOf(await call(server, roleOf("bob"), { method: "DELETE" })), [
    409,
    "last_administrator",
  ]);
});

it("an administrator whose ban is over counts again", async () => {
  for (const user of ["alice", "bob"]) await makeAdministrator(server, user);
  const until = new Date(Math.floor(Date.now() / 1000 + 600) * 1000).toISOString();
  assert.equal((await ban("alice", "admin", { until })).status, 200);
  server.advance(700_000);
  await server.prune();
  assert.equal((await ban("bob")).status, 200);
});

it("an administrator is banned by nobody who may do less", async () => {
  for (const user of ["alice", "bob"]) await makeAdministrator(server, user);
  assert.deepEqual(problemOf(await ban("alice", "service")), [403, "administrator_needed"]);
  await call(server, roleOf("alice"), { method: "DELETE" });
  assert.equal((await ban("alice", "service")).status, 200);
});

it("a person who bans is named as the one that did it, and loses that with the ban", async () => {
  for (const user of ["alice", "bob"]) await makeAdministrator(server, user);
  const parameters = { ...parametersFor(server), scope: "openid bans.write bans.read" };
  const alice = await signIn(server, { credentials: ALICE, parameters });
  const bob = await signIn(server, { credentials: BOB, parameters });
  const body = { scope: "all", reason: "spam" };
  const made = await call(server, "users/bob/bans", { method: "POST", body, token: alice.access_token });
  assert.deepEqual([made.status, json<{ createdBy: string }>(made).createdBy], [200, alice.claims.sub]);
  assert.equal((await call(server, "bans", { token: bob.access_token })).status, 401);
  assert.equal((await refresh(server.issuer, bob.refresh_token, { client_id: "console" })).status, 400);
});

it("nobody is banned from the server's own API: the role is what opens it", async () => {
  const scope = { api: `${server.issuer}/api` };
  assert.deepEqual(problemOf(await ban("alice", "admin", { scope })), [409, "built_in_api"]);
});
