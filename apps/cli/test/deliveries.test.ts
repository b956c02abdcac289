import assert from "node:assert/strict";
import { test } from "node:test";
import { signIn } from "../../auth-server/test/oidc/app.ts";
import { EXIT } from "../src/index.ts";
import { cliUnderTest } from "./cli-under-test.ts";

/** Nobody listens there, and no name server has to say so. */
const NOBODY = "127.0.0.1:1";

test("an operator sees what an app could not be told, has it tried again, and gives it up", async (t) => {
  const cli = await cliUnderTest(t, (document) =>
    Object.assign(document, { outgoing: { privateTargets: [NOBODY] } }),
  );
  const { server } = cli.server;
  const set = await cli.run(`apps update web --backchannel-logout-uri https://${NOBODY}/logout`);
  assert.equal(set.code, EXIT.ok, set.err);
  assert.match(
    (await cli.run("apps show web")).out,
    /^told of logouts at +https:\/\/127\.0\.0\.1:1\/logout$/m,
  );
  const { claims } = await signIn(cli.server);
  const ended = await cli.run(["sessions", "end", "--yes", "--", claims.sid]);
  assert.match(ended.out, /^To be told: web\.$/m, ended.err);
  for (let tries = 1; tries < 6; tries++) {
    cli.server.advance(45 * 60_000);
    await server.outbox.deliverDue();
  }
  const listed = await cli.run("deliveries list");
  assert.match(listed.out, /^ID +APP +USER +STATE +TRIES +SINCE +LAST ERROR/);
  assert.match(listed.out, new RegExp(`^${claims.gid} +web .* dead +6 .* target_unreachable`, "m"));
  const replayed = await cli.run(["deliveries", "replay", "--", claims.gid]);
  assert.deepEqual([replayed.code, replayed.out], [EXIT.ok, `Tried again: ${claims.gid}, for web.\n`]);
  await server.outbox.deliverDue();
  const pending = JSON.parse((await cli.run("deliveries list --state pending --recipient web --json")).out);
  assert.deepEqual(
    pending.items.map(({ id, attempts }: { id: string; attempts: number }) => [id, attempts]),
    [[claims.gid, 1]],
  );
  const again = await cli.run(["deliveries", "replay", "--json", "--", claims.gid]);
  assert.equal(again.code, EXIT.error);
  assert.match(again.err, /is pending: only one that is dead can be tried again/);
  const dropped = await cli.run(["deliveries", "drop", "--", claims.gid]);
  assert.equal(dropped.out, `Dropped: ${claims.gid}, for web.\n`);
  assert.equal((await cli.run("deliveries drop nothing --json")).code, EXIT.error);
});
