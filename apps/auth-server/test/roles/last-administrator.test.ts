/** The last administrator, while two servers on one PostgreSQL database take one away at the same moment. */
import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { startPostgres } from "@portcullis/testing/servers";
import { machineToken } from "../oidc/app.ts";
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
  const { issuer } = server;
  const taking = { path: roleOf, method: "DELETE", scope: "users.write" };
  const disabling = { path: (user: string) => `users/${user}/disable`, method: "POST", scope: "users.write" };
  const banning = {
    path: (user: string) => `users/${user}/bans`,
    method: "POST",
    body: { scope: "all", reason: "spam" },
    scope: "bans.write",
  };
  const all = [taking, disabling, banning];
  for (let round = 0; round < ROUNDS; round++) {
    await server.server.storage.write(({ db }) => db.deleteFrom("bans").execute());
    for (const user of ["alice", "bob"]) {
      await call(server, `users/${user}/enable`, { method: "POST" });
      await makeAdministrator(server, user);
    }
    const [here, there] = [all[round % 3]!, all[Math.floor(round / 3) % 3]!];
    const tokens = await Promise.all(
      [here, there].map(({ scope }) => machineToken(issuer, "admin", `${issuer}/api`, scope)),
    );
    const answers = await Promise.all([
      call(server, here.path("alice"), { ...here, token: tokens[0]! }),
      call(server, there.path("bob"), { ...there, token: tokens[1]!, url: other }),
    ]);
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 409], `round ${round}`);
    const { read } = server.server.storage;
    const left = await read
      .selectFrom("users")
      .innerJoin("user_roles", "user_roles.user_id", "users.id")
      .select("username")
      .where("disabled_at", "is", null)
      .where("users.id", "not in", read.selectFrom("bans").select("user_id"))
      .execute();
    assert.equal(left.length, 1, `round ${round}`);
    assert.equal(await isAdministrator(server, left[0]!.username!), true);
  }
});
