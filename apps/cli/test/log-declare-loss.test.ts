import assert from "node:assert/strict";
import test from "node:test";
import { declaredLossSchema } from "@portcullis/protocol";
import { EXIT } from "../src/index.ts";
import { cliUnderTest, secretOf } from "./cli-under-test.ts";

test("a declared loss is asked about, voids what was issued, and is in the log with who said it and why", async (t) => {
  const cli = await cliUnderTest(t);
  const { log } = cli.server.server.storage;
  const { incarnation } = log;
  const unasked = await cli.run("log declare-loss");
  assert.equal(unasked.code, EXIT.usage);
  assert.match(unasked.err, /everybody is signed out\. .*if you mean it, add --yes/);
  const declined = await cli.run("log declare-loss", { ask: async () => "y" });
  assert.deepEqual([declined.code, declined.err], [EXIT.error, "Nothing was changed.\n"]);
  assert.equal(log.incarnation, incarnation);

  const done = await cli.run("log declare-loss --note 'restored the backup'", { ask: async () => "yes" });
  assert.deepEqual([done.code, done.err], [EXIT.ok, ""]);
  assert.match(done.out, /^A new log has begun \(\S+, head 11001\)\.\nEverybody has to sign in again/);
  assert.notEqual(log.incarnation, incarnation);
  const [oldest] = JSON.parse((await cli.run("revocations list --before 2 --json")).out).revocations;
  assert.deepEqual([oldest.scope, oldest.reason, oldest.actor], ["issuer", "possible_loss", "admin"]);
  assert.match(oldest.note, /\(declared\)\. restored the backup$/);
});

test("machines are given the new log; a seq far off and a client without the right are refused", async (t) => {
  const cli = await cliUnderTest(t);
  const { log } = cli.server.server.storage;
  const far = await cli.run("log declare-loss --yes --beyond 5000000000");
  assert.equal(far.code, EXIT.error);
  assert.match(far.err, /beyond: Must be at most 1000000: a million past the head, which is 0/);
  const verifier = {
    ...cli.env,
    PORTCULLIS_CLIENT_ID: "orders",
    PORTCULLIS_CLIENT_SECRET: secretOf("orders"),
  };
  const refused = await cli.run("log declare-loss --yes", { env: verifier });
  assert.match(refused.err, /lacks the scope revocations\.write/);
  assert.equal(log.head(), 0);
  const { out } = await cli.run("--json log declare-loss --yes --beyond 50");
  assert.deepEqual(declaredLossSchema.parse(JSON.parse(out)), { incarnation: log.incarnation, head: 1051 });
});
