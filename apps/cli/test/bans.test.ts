import assert from "node:assert/strict";
import test from "node:test";
import { banListSchema, liftedBanSchema, newBanSchema } from "@portcullis/protocol";
import { signIn, verdictOf } from "../../auth-server/test/oidc/app.ts";
import { RESOURCE } from "../../auth-server/test/oidc/server-under-test.ts";
import { EXIT } from "../src/index.ts";
import { cliUnderTest } from "./cli-under-test.ts";

test("a user is banned by any name for a time, with a receipt, listed, and let in again", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.verifier("gateway-1");
  const { access_token } = await signIn(cli.server);
  const dry = await cli.run("bans add alice --reason spam --dry-run");
  assert.match(dry.out, /^Nothing was changed\. It would end at most 1 session and .* of 1 user in /);
  const { code, out, err } = await cli.run(
    "bans add alice@example.com --reason 'spam mail' --message 'Write to us.' --for 7d",
  );
  assert.deepEqual([code, err], [EXIT.ok, ""]);
  const [, id] =
    /^Banned: alice from everything until 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\. Ban (\S{22})\.\n/.exec(out)!;
  assert.match(out, /^Revoked \(seq 1\)\. Enforced by 1 of 1 verifier after [\d.]+ m?s\.$/m);
  assert.equal(verdictOf(cli.server, access_token), "banned");
  const { items } = banListSchema.parse(JSON.parse((await cli.run("bans list --user alice --json")).out));
  assert.deepEqual(
    items.map((ban) => [ban.id, ban.reason, ban.message]),
    [[id, "spam mail", "Write to us."]],
  );
  const days = (Date.parse(items[0]!.until!) - Date.parse(items[0]!.createdAt)) / 86_400_000;
  assert.equal(Math.round(days), 7);
  const table = (await cli.run("bans list --status standing")).out;
  assert.match(table, /^ID +USER +FROM +STATUS +SINCE +UNTIL +BY +REASON\n/);
  assert.match(table, new RegExp(`^${id} +alice +everything +standing .* admin +spam mail$`, "m"));
  assert.equal(
    (await cli.run(["bans", "lift", "--", id!])).out,
    "Lifted: alice is no longer banned from everything by this ban.\n",
  );
  const again = liftedBanSchema.parse(JSON.parse((await cli.run(["--json", "bans", "lift", "--", id!])).out));
  assert.deepEqual([again.changed, again.status], [false, "lifted"]);
  await signIn(cli.server);
});

test("a user is shown with the bans that stand, and no others", async (t) => {
  const cli = await cliUnderTest(t);
  assert.match((await cli.run("users show alice")).out, /^bans that stand +none$/m);
  await cli.run(`bans add alice --api ${RESOURCE} --permission orders.write --reason spam`);
  const whole = await cli.run("bans add alice --reason spam --until 2999-01-01T00:00:00Z --json");
  const both = /^bans that stand +orders\.write of https:\S+; everything until 2\d{3}-\d\d-\d\d [\d:]+$/m;
  assert.match((await cli.run("users show alice")).out, both);
  assert.equal((await cli.run(["bans", "lift", "--", JSON.parse(whole.out).id])).code, EXIT.ok);
  const { roles, standingBans } = JSON.parse((await cli.run("users show alice --json")).out);
  assert.deepEqual([roles, standingBans], [[], [{ scope: { api: RESOURCE, permission: "orders.write" } }]]);
});

test("who has banned, and whom, is shown by name, also after a deletion", async (t) => {
  const cli = await cliUnderTest(t);
  const { sub } = JSON.parse((await cli.run("users show bob --json")).out);
  await cli.run("bans add alice --reason spam");
  const by = { created_by: sub };
  await cli.server.server.storage.write(({ db }) => db.updateTable("bans").set(by).execute());
  assert.match((await cli.run("bans list")).out, / alice +everything .* bob +spam$/m);
  for (const name of ["alice", "bob"]) assert.equal((await cli.run(`users delete ${name}`)).code, EXIT.ok);
  const { out } = await cli.run("bans list");
  assert.match(out, / alice +everything .* bob +spam$/m);
  const [ban] = banListSchema.parse(JSON.parse((await cli.run("bans list --json")).out)).items;
  assert.deepEqual([ban!.user.label, ban!.createdBy, ban!.createdByName], ["alice", sub, "bob"]);
});

test("a ban may be from one API or one permission, and says when it is not enforced yet", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.lease({ replica: "gateway-1", applied: 0 });
  const narrow = await cli.run(
    `bans add alice --api ${RESOURCE} --permission orders.write --reason spam --wait 0`,
  );
  assert.equal(narrow.code, EXIT.pending);
  assert.match(narrow.out, new RegExp(`^Banned: alice from orders.write of ${RESOURCE}\\. Ban`));
  const json = await cli.run(
    `bans add alice --api ${RESOURCE} --reason spam --wait 0 --until 2999-01-01T00:00:00Z --json`,
  );
  const made = newBanSchema.parse(JSON.parse(json.out));
  assert.deepEqual([made.scope, made.until], [{ api: RESOURCE }, "2999-01-01T00:00:00.000Z"]);
});

test("a ban that cannot be meant is an error that says what to do, and changes nothing", async (t) => {
  const cli = await cliUnderTest(t);
  const wrong: readonly (readonly [string, number, RegExp])[] = [
    ["bans add alice", EXIT.usage, /required option '--reason <text>'/],
    ["bans add alice --reason x --for 7", EXIT.usage, /30m, 12h, 7d or 2w/],
    ["bans add alice --reason x --until soon", EXIT.usage, /2026-03-08T12:00:00Z/],
    ["bans add alice --reason x --for 7d --until 2999-01-01", EXIT.usage, /cannot be used with/],
    ["bans add alice --reason x --permission orders.write", EXIT.usage, /--permission: found no --api/],
    ["bans add nobody --reason x", EXIT.error, /Found "nobody", and no user has/],
    [
      "bans add alice --reason x --until 2020-01-01",
      EXIT.error,
      /until: Found 2020-01-01T00:00:00.000Z, which has passed/,
    ],
    ["bans add alice --reason x --api https://nobody.example", EXIT.error, /no such API/],
    ["bans lift nothing", EXIT.error, /no ban with that id/],
  ];
  for (const [command, exit, expected] of wrong) {
    const { code, out, err } = await cli.run(command);
    assert.deepEqual([code, out], [exit, ""], command);
    assert.match(err, expected, command);
  }
  assert.equal(cli.server.server.storage.log.head(), 0);
});
