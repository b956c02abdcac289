/** Two servers on one PostgreSQL database: an app listens at one, and what is ended at the other is heard. */
import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { startPostgres } from "@portcullis/testing/servers";
import { signIn } from "../oidc/app.ts";
import { type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import { listen } from "./listen.ts";

let postgres: Awaited<ReturnType<typeof startPostgres>>;
let server: ServerUnderTest;
before(async () => {
  postgres = await startPostgres({ fsync: false });
  const database = { kind: "postgres", url: await postgres.createDatabase(), poolSize: 8 } as const;
  server = await startServer({ change: (configuration) => void Object.assign(configuration, { database }) });
});
after(async () => {
  await server.stop();
  await postgres.stop();
});

it("hears at one server of an ending at the other, and is told of it there when it asks later", async () => {
  const other = await server.startAnother();
  const { id_token: token, claims } = await signIn(server);
  const stream = await listen({ at: other, token });
  assert.equal(stream.status, 200);
  await server.server.oidc.endings.endSession({ uid: claims.sid, accountId: claims.sub });
  assert.deepEqual(await stream.ended, { reason: "logged_out" });
  const refused = await listen({ at: other, token });
  assert.deepEqual([refused.status, JSON.parse(await refused.body).reason], [401, "logged_out"]);
});
