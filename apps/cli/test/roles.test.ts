import assert from "node:assert/strict";
import test from "node:test";
import { userSchema } from "@portcullis/protocol";
import { EXIT } from "../src/index.ts";
import { cliUnderTest } from "./cli-under-test.ts";

test("the role is given, listed, tried out and taken with a receipt, and the last administrator keeps it", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.verifier("gateway-1");
  assert.equal((await cli.run("roles list alice")).out, "alice has no role.\n");
  const given = await cli.run("roles give alice administrator");
  assert.deepEqual([given.code, given.out, given.err], [EXIT.ok, "Given: administrator, alice.\n", ""]);
  assert.equal(
    (await cli.run("roles give alice administrator")).out,
    "alice had it already: administrator.\n",
  );
  assert.equal((await cli.run("roles list alice")).out, "administrator\n");
  const last = await cli.run("roles take alice administrator");
  assert.equal(last.code, EXIT.error);
  assert.match(last.err, /last administrator/);
  const { sub } = userSchema.parse(JSON.parse((await cli.run("users show bob --json")).out));
  assert.equal(
    (await cli.run(["roles", "give", "--", sub, "administrator"])).out,
    "Given: administrator, bob.\n",
  );
  const tried = await cli.run("roles take alice administrator --dry-run");
  assert.match(tried.out, /^Nothing was changed\. It would end at most /);
  assert.equal((await cli.run("roles list alice")).out, "administrator\n");
  const taken = await cli.run("roles take alice administrator");
  assert.equal(taken.code, EXIT.ok, taken.err);
  assert.match(taken.out, /^Taken: administrator, alice\.\nRevoked \(seq 1\)\. Enforced by 1 of 1/);
  const again = await cli.run("roles take alice administrator");
  assert.deepEqual([again.code, again.out], [EXIT.ok, "alice did not have it: administrator.\n"]);
});

test("who administers is listed, and said of a user", async (t) => {
  const cli = await cliUnderTest(t);
  assert.equal((await cli.run("roles list")).out, "No such users.\n");
  assert.match((await cli.run("users show alice")).out, /^roles +none$/m);
  assert.equal((await cli.run("roles give alice administrator")).code, EXIT.ok);
  const { out } = await cli.run("roles list");
  assert.match(out, /^USER .*\nalice .* active .*\n$/);
  assert.equal((await cli.run("users list --role administrator")).out, out);
  assert.equal((await cli.run("users list bo --role administrator")).out, "No such users.\n");
  assert.match((await cli.run("users show alice")).out, /^roles +administrator$/m);
  assert.equal((await cli.run("users list --role king")).code, EXIT.usage);
});

test("a role that there is not, or nobody, is a wrong command line", async (t) => {
  const cli = await cliUnderTest(t);
  for (const [args, expected] of [
    [["roles", "give", "alice", "king"], /Give one of: administrator/],
    [["roles", "take", "", "administrator"], /<user>: found nothing/],
  ] as const) {
    const { code, err } = await cli.run(args);
    assert.equal(code, EXIT.usage);
    assert.match(err, expected);
  }
});
