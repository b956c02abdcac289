import assert from "node:assert/strict";
import { test } from "node:test";
import { policySettingsSchema } from "@portcullis/protocol";
import { signIn } from "../../auth-server/test/oidc/app.ts";
import { EXIT } from "../src/index.ts";
import { cliUnderTest, runCommand } from "./cli-under-test.ts";

const LIMIT = "sessionLimit.max=5 sessionLimit.per=user sessionLimit.overflow=replaceOldest";

test("a policy is shown as it is set, setting by setting, and what is unset is no more", async (t) => {
  const cli = await cliUnderTest(t);
  const set = await cli.run(`policies set idleSeconds=86400 ${LIMIT}`);
  assert.deepEqual([set.code, set.out, set.err], [EXIT.ok, "Changed: the policy default.\n", ""]);
  const shown = await cli.run("policies show");
  assert.match(shown.out, /^idleSeconds +86400$/m);
  for (const line of LIMIT.split(" "))
    assert.match(shown.out, new RegExp(`^${line.replace("=", " +")}$`, "m"));
  const fewer = JSON.parse((await cli.run("policies set sessionLimit.max=2 --json")).out);
  assert.deepEqual(fewer.sessionLimit, { max: 2, per: "user", overflow: "replaceOldest" });
  assert.equal((await cli.run("policies set --unset sessionLimit")).code, EXIT.ok);
  const whole = JSON.parse((await cli.run("policies show --json")).out);
  assert.deepEqual([whole.idleSeconds, whole.sessionLimit], [86_400, undefined]);
});

test("a policy that ends sessions says beforehand how many, asks, and gives the receipt", async (t) => {
  const cli = await cliUnderTest(t);
  await signIn(cli.server);
  cli.server.advance(10 * 60_000);
  const change = "policies set idleSeconds=300";
  const tried = await cli.run(`${change} --dry-run`);
  assert.match(tried.out, /^Nothing was changed\. It would end at most 1 session /, tried.err);
  const refused = await cli.run(change);
  assert.equal(refused.code, EXIT.usage);
  assert.match(refused.err, /There is no terminal to ask at/);
  const done = await cli.run(`${change} --yes`);
  assert.match(done.out, /^Changed: the policy default\.\nRevoked \(seq \d+\)/, done.err);
});

test("what is wrong with a setting is said by its name, and nothing is asked of the server without one", async (t) => {
  const cli = await cliUnderTest(t);
  const wrong = await cli.run("policies set idleSeconds=soon colour=red");
  assert.equal(wrong.code, EXIT.error);
  assert.match(wrong.err, /idleSeconds/);
  assert.match(wrong.err, /colour/);
  for (const args of ["policies set", "policies set idleSeconds", "policies set =5"])
    assert.equal((await cli.run(args)).code, EXIT.usage, args);
  const half = await cli.run("policies set sessionLimit.overflow=ask");
  assert.match(half.err, /sessionLimit\.max: Found nothing; give a number\./);
  const unknown = await cli.run("policies show --policy strict");
  assert.match(unknown.err, /strict/);
  assert.equal(unknown.code, EXIT.error);
});

test("the help of policies set names every setting that the API has", async () => {
  const { out } = await runCommand("policies set --help");
  for (const name of Object.keys(policySettingsSchema.shape))
    assert.match(out, new RegExp(`^ {2}${name}$`, "m"));
  assert.match(out, /^ {2}sessionLimit\.overflow$/m);
});
