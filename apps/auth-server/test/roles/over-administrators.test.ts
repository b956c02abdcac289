/** Nobody resets, edits or ends an account that has more than he has: a client that may only change users cannot become an administrator. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { signIn } from "../oidc/app.ts";
import { ALICE, type ServerUnderTest } from "../oidc/server-under-test.ts";
import { type Calling, call, makeAdministrator, problemOf, startAdministered } from "./administration.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startAdministered();
  await makeAdministrator(server, "alice");
});
after(() => server.stop());

const ACTS: readonly (readonly [path: string, options: Calling])[] = [
  ["users/alice/password", { method: "POST", body: { password: "a password of mallory" } }],
  ["users/alice", { method: "PATCH", body: { username: "mallory" } }],
  ["users/alice", { method: "DELETE" }],
  ["users/alice/disable", { method: "POST" }],
  ["users/alice/unlock", { method: "POST" }],
];

describe("a client that has less than an administrator", () => {
  for (const [path, options] of ACTS) {
    it(`cannot ${options.method} ${path.replace("alice", "{administrator}")}`, async () => {
      const answer = await call(server, path, { ...options, client: "service" });
      assert.deepEqual(problemOf(answer), [403, "administrator_needed"]);
    });
  }

  it("has changed nothing by it, and may do the same to others", async () => {
    await signIn(server, { credentials: ALICE });
    for (const [path, options] of ACTS.filter(([, { method }]) => method !== "DELETE")) {
      const answer = await call(server, path.replace("alice", "bob"), { ...options, client: "service" });
      const isRenamed = options.method === "PATCH";
      assert.equal(answer.status, 200, answer.body);
      if (isRenamed) await call(server, "users/mallory", { method: "PATCH", body: { username: "bob" } });
    }
  });
});

describe("the last administrator", () => {
  it("cannot be deleted", async () => {
    assert.deepEqual(problemOf(await call(server, "users/alice", { method: "DELETE" })), [
      409,
      "last_administrator",
    ]);
    await signIn(server, { credentials: ALICE });
  });
});
