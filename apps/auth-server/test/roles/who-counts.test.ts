/** Which administrators count as one who can sign in, and every way to take that from the last of them. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { json } from "@portcullis/testing/end-to-end";
import { machineToken } from "../oidc/app.ts";
import type { ServerUnderTest } from "../oidc/server-under-test.ts";
import {
  type Calling,
  call,
  makeAdministrator,
  problemOf,
  roleOf,
  startAdministered,
} from "./administration.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startAdministered();
});
after(() => server.stop());
afterEach(() =>
  server.server.storage.write(async ({ db }) => {
    await db.deleteFrom("user_roles").execute();
    await db.deleteFrom("bans").execute();
    await db
      .deleteFrom("user_names")
      .where("user_id", "in", db.selectFrom("users").select("id").where("origin", "=", "api"))
      .execute();
    await db.deleteFrom("users").where("origin", "=", "api").execute();
  }),
);

const PASSWORD = "a password of theirs";

async function made(fields: object): Promise<string> {
  const answer = await call(server, "users", { method: "POST", body: fields });
  assert.equal(answer.status, 201, answer.body);
  const { sub } = json<{ sub: string }>(answer);
  await makeAdministrator(server, sub);
  return sub;
}

interface Way extends Pick<Calling, "method" | "body"> {
  readonly path: (user: string) => string;
  readonly scope?: string;
}

const account = (user: string): string => `users/${user}`;

const WAYS: Readonly<Record<string, Way>> = {
  "the role is taken": { path: roleOf, method: "DELETE" },
  "the user is disabled": { path: (user) => `users/${user}/disable`, method: "POST", body: {} },
  "the user is deleted": { path: account, method: "DELETE" },
  "the user is banned from everything": {
    path: (user) => `users/${user}/bans`,
    method: "POST",
    body: { scope: "all", reason: "spam" },
    scope: "bans.write",
  },
  "the username goes, and the address was never verified": {
    path: account,
    method: "PATCH",
    body: { username: null },
  },
  "the username goes, and the address becomes another": {
    path: account,
    method: "PATCH",
    body: { username: null, email: "another@example.com" },
  },
};

async function tried({ path, method, body, scope }: Way, user: string, query = "") {
  const { issuer } = server;
  const token = scope && (await machineToken(issuer, "admin", `${issuer}/api`, scope));
  return call(server, `${path(user)}${query}`, {
    ...(method === undefined ? {} : { method }),
    ...(body === undefined ? {} : { body }),
    ...(token === undefined ? {} : { token }),
  });
}

const ROOT = { username: "root", password: PASSWORD, email: "root@example.com" };

for (const [what, way] of Object.entries(WAYS)) {
  describe(`when ${what}`, () => {
    it("the last administrator who can sign in stays as he was, and a dry run says so", async () => {
      const root = await made(ROOT);
      for (const query of ["?dryRun=true", ""])
        assert.deepEqual(problemOf(await tried(way, root, query)), [409, "last_administrator"], query);
      const user = json<Record<string, unknown>>(await call(server, account("root")));
      assert.deepEqual([user.status, user.email], ["active", ROOT.email]);
      assert.deepEqual(json(await call(server, "users/root/roles")), { items: [{ role: "administrator" }] });
    });

    it("those who cannot sign in do not count", async () => {
      const root = await made(ROOT);
      await made({ username: "without-password" });
      await made({ email: "unverified@example.com", password: PASSWORD });
      await made({ username: "switched-off", password: PASSWORD });
      const off = await call(server, "users/switched-off/disable", { method: "POST", body: {} });
      assert.equal(off.status, 200, off.body);
      assert.deepEqual(problemOf(await tried(way, root)), [409, "last_administrator"]);
    });

    it("another who signs in by a verified address is enough", async () => {
      const root = await made(ROOT);
      await made({ email: "verified@example.com", emailVerified: true, password: PASSWORD });
      const answer = await tried(way, root);
      assert.ok(answer.status < 300, answer.body);
    });
  });
}

describe("an administrator who signs in by a verified address alone", () => {
  for (const [what, body] of Object.entries({
    "is said to be unverified": { emailVerified: false },
    "becomes another": { email: "another@example.com" },
  }))
    it(`keeps it as the last one, when it ${what}`, async () => {
      const email = "only@example.com";
      const sub = await made({ email, emailVerified: true, name: "Only", password: PASSWORD });
      const answer = await call(server, account(sub), { method: "PATCH", body });
      assert.deepEqual(problemOf(answer), [409, "last_administrator"]);
    });

  it("may take a username in its place", async () => {
    const sub = await made({ email: "only@example.com", emailVerified: true, password: PASSWORD });
    const body = { username: "only", email: null };
    const answer = await call(server, account(sub), { method: "PATCH", body });
    assert.equal(answer.status, 200, answer.body);
  });
});

it("an administrator whom no name leads to is given one, though there is no other", async () => {
  const sub = await made({ email: "lost@example.com", password: PASSWORD });
  const answer = await call(server, account(sub), { method: "PATCH", body: { name: "Lost" } });
  assert.equal(answer.status, 200, answer.body);
  const found = await call(server, account(sub), { method: "PATCH", body: { username: "found" } });
  assert.equal(found.status, 200, found.body);
});
