import assert from "node:assert/strict";
import test from "node:test";
import { userListSchema, userSchema } from "@portcullis/protocol";
import { signIn, verdictOf } from "../../auth-server/test/oidc/app.ts";
import { RESOURCE } from "../../auth-server/test/oidc/server-under-test.ts";
import { EXIT } from "../src/index.ts";
import { cliUnderTest, fileWith } from "./cli-under-test.ts";

test("a user is created, found, changed, given a password, unlocked and deleted", async (t) => {
  const cli = await cliUnderTest(t);
  const first = await fileWith(t, "a first password\n");
  const created = await cli.run([
    "users",
    "create",
    "carol",
    "--name",
    "Carol Example",
    "--password-file",
    first,
  ]);
  assert.deepEqual([created.code, created.err], [EXIT.ok, ""]);
  assert.match(created.out, /^Created: carol\.\n/);
  const credentials = { username: "carol", password: "a first password" };
  const { claims, access_token } = await signIn(cli.server, { credentials });
  const listed = await cli.run("users list car");
  assert.match(
    listed.out,
    new RegExp(`^USER +NAME +E-MAIL +STATUS +SUB\ncarol +Carol Example +active +${claims.sub}\n$`),
  );
  const all = userListSchema.parse(JSON.parse((await cli.run("users list --json --limit 2")).out));
  assert.deepEqual([all.items.length, typeof all.next], [2, "string"]);
  assert.match((await cli.run("users list --limit 1")).out, /There are more/);
  const changed = await cli.run([
    "users",
    "update",
    "carol",
    "--email",
    "carol@example.com",
    "--attributes",
    '{"a":1}',
    "--profile",
    '{"givenName":"Carol"}',
  ]);
  assert.match(changed.out, /^Changed: carol\.\n/);
  const shown = userSchema.parse(JSON.parse((await cli.run("users show carol --json")).out));
  assert.deepEqual(
    [shown.email, shown.emailVerified, shown.profile, shown.attributes],
    ["carol@example.com", false, { givenName: "Carol" }, { a: 1 }],
  );
  assert.match((await cli.run("users create --username dave --name Dave")).out, /^Created: dave\.\n/);
  const cleared = await cli.run(["users", "update", "carol", "--email", ""]);
  assert.equal(cleared.code, EXIT.ok);
  assert.doesNotMatch((await cli.run("users show carol")).out, /example\.com/);
  const second = await fileWith(t, "a second password");
  for (const command of [
    ["delete", "carol"],
    ["password", "carol", "--password-file", second],
  ]) {
    const tried = await cli.run(["users", ...command, "--dry-run"]);
    assert.match(
      tried.out,
      /^Nothing was changed\. It would end at most 1 session and \d+ tokens? of 1 user /,
    );
  }
  assert.equal(verdictOf(cli.server, access_token), "allow");
  const set = await cli.run(["users", "password", "carol", "--password-file", second, "--must-change"]);
  assert.match(set.out, /^Password set: carol\.\nRevoked/);
  assert.equal(verdictOf(cli.server, access_token), "password_changed");
  assert.match((await cli.run("users unlock carol")).out, /no failed sign-ins to forget: carol/);
  const deleted = await cli.run("users delete carol --note left");
  assert.deepEqual([deleted.code, deleted.out.split("\n")[0]], [EXIT.ok, "Deleted: carol."]);
  assert.equal((await cli.run("users show carol")).code, EXIT.error);
});

test("a change of what an API has as a claim is tried out, and done with a receipt", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.verifier("gateway-1");
  const claim = await cli.run(["apis", "update", RESOURCE, "--claim", "tier=attributes.plan.tier"]);
  assert.deepEqual([claim.code, claim.err], [EXIT.ok, ""]);
  assert.match((await cli.run(["apis", "show", RESOURCE])).out, /^claims +tier=attributes\.plan\.tier$/m);
  const wrong = await cli.run(["apis", "update", RESOURCE, "--claim", "sid=name"]);
  assert.equal(wrong.code, EXIT.error);
  assert.match(wrong.err, /claims\.sid/);
  const change = (tier: string, ...more: string[]) =>
    cli.run(["users", "update", "alice", "--attributes", JSON.stringify({ plan: { tier } }), ...more]);
  const first = await change("gold");
  assert.doesNotMatch(first.out, /Revoked/, "nobody has a token that says another tier");
  const { access_token } = await signIn(cli.server);
  const tried = await change("free", "--dry-run");
  assert.match(
    tried.out,
    /^Nothing was changed\. It would end at most 0 sessions and \d+ tokens? of 1 user in 1 app\.$/m,
  );
  assert.equal(verdictOf(cli.server, access_token), "allow");
  const done = await change("free");
  assert.equal(done.code, EXIT.ok, done.err);
  assert.match(done.out, /^Changed: alice\.$/m);
  assert.match(done.out, /^Revoked \(seq 1\)\. Enforced by 1 of 1/m);
  assert.equal(verdictOf(cli.server, access_token), "claims_changed");
});

test("what is wrong with a command line is said before anything is asked for", async (t) => {
  const cli = await cliUnderTest(t);
  for (const [command, expected] of [
    ["users update alice", /Nothing to change/],
    ["users update alice --attributes []", /JSON object/],
    ["users create x --email-verified maybe", /yes or no/],
    ["users create x --username y", /--username: found beside the argument/],
    ["users password alice --password-file nowhere", /cannot read nowhere/],
    ["users list --status gone", /active, disabled/],
  ] as const) {
    const { code, err } = await cli.run(command);
    assert.equal(code, EXIT.usage, command);
    assert.match(err, expected);
  }
});
