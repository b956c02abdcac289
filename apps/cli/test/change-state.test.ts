import assert from "node:assert/strict";
import test from "node:test";
import { appStateSchema, userStateSchema } from "@portcullis/protocol";
import { signIn, verdictOf } from "../../auth-server/test/oidc/app.ts";
import { EXIT } from "../src/index.ts";
import { cliUnderTest } from "./cli-under-test.ts";

test("a user is disabled by any name, with a receipt, and enabled again", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.verifier("gateway-1");
  const { claims, access_token } = await signIn(cli.server);
  const { code, out, err } = await cli.run("users disable alice@example.com --note left");
  assert.deepEqual([code, err], [EXIT.ok, ""]);
  assert.match(out, /^Disabled: alice\.\n/);
  assert.match(out, /^Revoked \(seq 1\)\. Enforced by 1 of 1 verifier after [\d.]+ m?s\.$/m);
  assert.equal(verdictOf(cli.server, access_token), "user_disabled");
  const again = userStateSchema.parse(
    JSON.parse((await cli.run(["--json", "users", "disable", "--", claims.sub])).out),
  );
  assert.deepEqual([again.changed, again.status, again.receipt?.seq], [false, "disabled", 1]);
  assert.match((await cli.run("users disable alice --yes")).out, /^alice was already disabled\.\n/);
  const enabled = await cli.run("users enable ALICE");
  assert.deepEqual([enabled.code, enabled.out], [EXIT.ok, "Enabled: alice.\n"]);
  assert.match((await cli.run("users enable alice")).out, /^alice was already enabled\.\n$/);
  await signIn(cli.server);
});

test("an app is disabled once it is asked for and meant, and enabled again", async (t) => {
  const cli = await cliUnderTest(t);
  const refused = await cli.run("apps disable web");
  assert.equal(refused.code, EXIT.usage);
  assert.match(refused.err, /every grant and token of the app web, for all users.*add --yes/);
  const denied = await cli.run("apps disable web", { ask: async () => "no" });
  assert.deepEqual([denied.code, denied.err], [EXIT.error, "Nothing was changed.\n"]);
  const { access_token } = await signIn(cli.server);
  await cli.lease({ replica: "gateway-1", applied: 0 });
  const pending = await cli.run("apps disable web --yes --wait 0");
  assert.equal(pending.code, EXIT.pending);
  assert.match(pending.out, /^Disabled: web\.\nRevoked \(seq 1\)\. Pending: .*gateway-1/);
  assert.equal(verdictOf(cli.server, access_token), "client_disabled");
  const enabled = appStateSchema.parse(JSON.parse((await cli.run("apps enable web --json")).out));
  assert.deepEqual(enabled, { clientId: "web", name: "Demo shop", status: "enabled", changed: true });
});

test("a dry run says what would end, and ends nothing", async (t) => {
  const cli = await cliUnderTest(t);
  const { claims, access_token } = await signIn(cli.server);
  const { kid } = await cli.server.server.ring.signingNow();
  const texts: readonly (readonly [string, string])[] = [
    ["users disable alice", "1 session and 2 tokens of 1 user in 1 app"],
    ["revoke subject alice", "1 session and 2 tokens of 1 user in 1 app"],
    [`revoke grant ${claims.gid}`, "0 sessions and 2 tokens of 1 user in 1 app"],
    ["apps disable web", "0 sessions and 2 tokens of 1 user in 1 app"],
    ["revoke client service", "0 sessions and an unknown number of tokens of 0 users in 1 app"],
    [`keys retire ${kid}`, "0 sessions and an unknown number of tokens of 1 user in N apps"],
  ];
  for (const [command, text] of texts) {
    const argv = [...command.split(" ").slice(0, -1), "--dry-run", "--", command.split(" ").at(-1)!];
    const { code, out, err } = await cli.run(argv);
    const said = out.replace(/\d+ apps/, "N apps");
    assert.deepEqual(
      [code, said, err],
      [EXIT.ok, `Nothing was changed. It would end at most ${text}.\n`, ""],
    );
  }
  const json = JSON.parse((await cli.run("users disable alice --dry-run --json")).out);
  assert.deepEqual(json, { dryRun: true, ends: { users: 1, sessions: 1, apps: 1, tokens: 2 } });
  assert.equal(cli.server.server.storage.log.head(), 0);
  assert.equal(verdictOf(cli.server, access_token), "allow");
});

test("the question before an act says how far it reaches", async (t) => {
  const cli = await cliUnderTest(t);
  await signIn(cli.server);
  const questions: string[] = [];
  const ask = async (question: string) => {
    questions.push(question);
    return "no";
  };
  for (const command of ["apps disable web", "revoke client web"])
    assert.equal((await cli.run(command, { ask })).code, EXIT.error);
  for (const question of questions)
    assert.match(question, /\(at most 0 sessions and 2 tokens of 1 user in 1 app\)/);
  const unknown = await cli.run("revoke client nobody", { ask });
  assert.match(unknown.err, /no such client/);
  assert.equal(questions.length, 2, "what is not there is not asked about");
});

test("who is not there, and what locks its caller out, is an error that says what to do", async (t) => {
  const cli = await cliUnderTest(t);
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["users disable nobody", /Found "nobody", and no user has that sub/],
    ["users enable nobody", /Found "nobody"/],
    ["apps disable WEB --yes", /Found "WEB", and there is no such client/],
    ["apps disable admin --yes", /the app that makes this call/],
  ];
  for (const [command, expected] of wrong) {
    const { code, out, err } = await cli.run(command);
    assert.deepEqual([code, out], [EXIT.error, ""], command);
    assert.match(err, expected);
    assert.doesNotMatch(err, /foreign/, "only revoke takes what is of another issuer");
  }
  assert.equal(cli.server.server.storage.log.head(), 0);
  const auditor = {
    ...cli.env,
    PORTCULLIS_CLIENT_ID: "auditor",
    PORTCULLIS_CLIENT_SECRET: "auditor-secret-0123456789abcdef",
  };
  const { err } = await cli.run("users disable alice", { env: auditor });
  assert.match(err, /client auditor lacks the scope users\.write/);
});
