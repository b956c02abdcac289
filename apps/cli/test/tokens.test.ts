import assert from "node:assert/strict";
import test from "node:test";
import { introspect } from "../../auth-server/test/oidc/app.ts";
import { RESOURCE } from "../../auth-server/test/oidc/server-under-test.ts";
import { EXIT } from "../src/index.ts";
import { cliUnderTest } from "./cli-under-test.ts";

test("a token of an app is made and printed once, listed, rotated with an overlap, and ended with a receipt", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.verifier("gateway-1");
  const active = async (token: string) => (await introspect(cli.server.issuer, "orders", token)).active;
  const made = await cli.run(
    `tokens create 'Nightly export' --app service --api ${RESOURCE} --permission orders.read --address 203.0.113.0/24 --days 30`,
  );
  assert.deepEqual([made.code, made.err], [EXIT.ok, ""]);
  const [, id, token] =
    /^Made: Nightly export, (\S{22})\.\nToken \(it is not shown again\): (pcl_key_\S+)\n$/.exec(made.out)!;
  assert.equal(await active(token!), true);
  const table = (await cli.run("tokens list --app service")).out;
  assert.match(table, /^ID +NAME +API +PERMISSIONS +EXPIRES +LAST USED +STATE\n/);
  assert.match(table, new RegExp(`^${id} +Nightly export +.* works$`, "m"));
  assert.equal(table.includes(token!), false);

  const rotated = await cli.run(["tokens", "rotate", "--app", "service", "--overlap", "600", "--", id!]);
  assert.equal(rotated.code, EXIT.ok, rotated.err);
  assert.match(rotated.out, /The one of before works until 20/);
  const newer = /(pcl_key_\S+)/.exec(rotated.out)![1]!;
  assert.deepEqual([await active(token!), await active(newer)], [true, true]);
  const again = await cli.run(["tokens", "rotate", "--app", "service", "--", id!]);
  assert.equal(again.code, EXIT.error);

  const dry = await cli.run(["tokens", "revoke", "--app", "service", "--dry-run", "--", id!]);
  assert.match(dry.out, /^Nothing was changed\. It would end at most 0 sessions and 1 token/);
  const ended = await cli.run(["tokens", "revoke", "--app", "service", "--", id!]);
  assert.match(ended.out, /^Ended: Nightly export\.\nRevoked \(seq \d+\)\. Enforced by 1 of 1 verifier/);
  assert.deepEqual([await active(token!), await active(newer)], [false, true]);
  const over = JSON.parse((await cli.run("tokens list --app service --state over --json")).out);
  assert.deepEqual(
    over.items.map(({ reason }: { reason: string }) => reason),
    ["revoked"],
  );
});

test("a token of nobody, or of two, is a wrong command line", async (t) => {
  const cli = await cliUnderTest(t);
  for (const owner of ["", " --user alice --app service"]) {
    const { code, err } = await cli.run(`tokens list${owner}`);
    assert.deepEqual([code, /exactly one of them/.test(err)], [EXIT.usage, true]);
  }
});

test("what a user may have in a token is a setting of the API", async (t) => {
  const cli = await cliUnderTest(t);
  const create = `tokens create x --user alice --api ${RESOURCE} --permission orders.read --days 1`;
  assert.equal((await cli.run(create)).code, EXIT.error);
  const updated = await cli.run(`apis update ${RESOURCE} --personal-token-permission orders.read --yes`);
  assert.equal(updated.code, EXIT.ok, updated.err);
  assert.match((await cli.run(`apis show ${RESOURCE}`)).out, /^personal tokens +orders\.read$/m);
  assert.match((await cli.run(create)).out, /pcl_pat_/);
  const taken = await cli.run(`apis update ${RESOURCE} --unset personalTokenPermissions --yes`);
  assert.equal(taken.code, EXIT.ok, taken.err);
  assert.equal((await cli.run(create)).code, EXIT.error);
});
