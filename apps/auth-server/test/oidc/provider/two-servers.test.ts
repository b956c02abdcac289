/** Two servers of one issuer on one PostgreSQL database, as behind a load balancer that knows nothing of them. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { PlainBrowser } from "@portcullis/testing/end-to-end";
import { startPostgres } from "@portcullis/testing/servers";
import {
  assertRefused,
  begin,
  introspect,
  ok,
  passPages,
  redeem,
  refresh,
  revokeByApi,
  revokeToken,
  signIn,
} from "../app.ts";
import { type ServerUnderTest, startServer } from "../server-under-test.ts";

let postgres: Awaited<ReturnType<typeof startPostgres>>;
let server: ServerUnderTest;
let other: string;

before(async () => {
  postgres = await startPostgres({ fsync: false });
  const database = { kind: "postgres", url: await postgres.createDatabase(), poolSize: 8 } as const;
  server = await startServer({ change: (configuration) => Object.assign(configuration, { database }) });
  other = await server.startAnother();
});
after(async () => {
  await server.stop();
  await postgres.stop();
});

describe("two servers of one issuer", () => {
  it("redeem each other's codes, once", async () => {
    const attempt = begin(server.issuer);
    const callback = await passPages(new PlainBrowser(), attempt.url);
    const { refresh_token } = ok(await redeem(other, attempt, callback));
    assertRefused(await redeem(server.issuer, attempt, callback), "invalid_grant");
    assertRefused(await refresh(other, refresh_token), "invalid_grant");
  });

  it("give a refresh token's one successor to all who repeat it at once, whichever they ask", async () => {
    for (let round = 0; round < 5; round++) {
      const { refresh_token } = await signIn(server);
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, at) => refresh(at % 2 === 0 ? server.issuer : other, refresh_token)),
      );
      const successors = new Set(answers.map((answer) => ok(answer).refresh_token));
      assert.equal(successors.size, 1);
      ok(await refresh(other, [...successors][0]!));
    }
  });

  it("enforce what the other has revoked, at once", async () => {
    const device = await signIn(server);
    assert.equal((await introspect(other, "auditor", device.access_token)).active, true);
    await revokeByApi(server, { scope: "session", key: device.claims.sid, mode: "kill", reason: "kicked" });
    assert.equal((await introspect(other, "auditor", device.access_token)).active, false);
    assertRefused(await refresh(other, device.refresh_token), "invalid_grant");
  });

  it("are not ready, and answer 503, while the database is away, and come back by themselves", async () => {
    const device = await signIn(server);
    const ready = async () => (await fetch(`${other}/health/ready`)).status;
    assert.equal(await ready(), 200);
    await postgres.kill("SIGKILL");
    assert.equal(await ready(), 503);
    assert.equal((await refresh(other, device.refresh_token)).status, 503);
    assert.equal((await revokeToken(other, device.access_token)).status, 503);
    await postgres.restart();
    assert.equal(await ready(), 200);
    ok(await refresh(other, device.refresh_token));
  });
});
