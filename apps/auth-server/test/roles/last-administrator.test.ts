/** The last administrator, while two servers on one PostgreSQL database take one away at the same moment. */
import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { startPostgres } from "@portcullis/testing/servers";
import type { ServerUnderTest } from "../oidc/server-under-test.ts";
import { call, isAdministrator, makeAdministrator, roleOf, startAdministered } from "./administration.ts";

const ROUNDS = 20;

let postgres: Awaited<ReturnType<typeof startPostgres>>;
let server: ServerUnderTest;
let other: string;

before(async () => {
  postgres = await startPostgres({ fsync: false });
  const database = { kind: "postgres", url: await postgres.createDatabase(), poolSize: 8 } as const;
  server = await startAdministered((document) => Object.assign(document, { database }));
  other = await server.startAnother();
});
after(async () => {
  await server.stop();
  await postgres.stop();
});

it("stays, whichever two of them are taken away by whichever servers", async () => {
  const taking = { path: roleOf, method: "DELETE" };
  const disabling = { path: (user: string) => `users/${user}/disable`, method: "POST" };
  for (let round = 0; round < ROUNDS; round++) {
    for (const user of ["alice", "bob"]) {
      await call(server, `users/${user}/enable`, { method: "POST" });
      await makeAdministrator(server, user);
    }
    const acts = [round % 2 === 0 ? taking : disabling, round % 3 === 0 ? taking : disabling];
    const answers = await Promise.all([
      call(server, acts[0]!.path("alice"), { method: acts[0]!.method }),
      call(server, acts[1]!.path("bob"), { method: acts[1]!.method, url: other }),
    ]);
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 409], `round ${round}`);
    const { read } = server.server.storage;
    const left = await read
      .selectFrom("users")
      .innerJoin("user_roles", "user_roles.user_id", "users.id")
      .select("username")
      .where("disabled_at", "is", null)
      .execute();
    assert.equal(left.length, 1, `round ${round}`);
    assert.equal(await isAdministrator(server, left[0]!.username!), true);
  }
});
