import assert from "node:assert/strict";
import { test } from "node:test";
import {
  KEY_KNOWN_AFTER_SECONDS,
  keyListSchema,
  revocationAnswerSchema,
  rotatedKeySchema,
} from "@portcullis/protocol";
import { forge, stealKey } from "../../auth-server/test/keys/stolen-key.ts";
import { machineToken } from "../../auth-server/test/oidc/app.ts";
import { RESOURCE } from "../../auth-server/test/oidc/server-under-test.ts";
import { EXIT } from "../src/exit-codes.ts";
import { cliUnderTest } from "./cli-under-test.ts";

test("keys are listed, rotated and retired, and the command that retires the key of its own token goes on", async (t) => {
  const cli = await cliUnderTest(t);
  const keys = async () => keyListSchema.parse(JSON.parse((await cli.run("keys list --json")).out)).items;
  const [first, second] = await keys();
  const rotated = await cli.run("keys rotate --json");
  const { kid, next, publishedSince, warning } = rotatedKeySchema.parse(JSON.parse(rotated.out));
  assert.deepEqual(
    [kid, publishedSince, warning?.code],
    [second!.kid, second!.publishedSince, "recently_published"],
  );
  const table = (await cli.run("keys list")).out;
  assert.match(table, new RegExp(`${kid} +ES256 +active`));
  assert.match(table, new RegExp(`${next} +ES256 +next`));
  assert.match(table, new RegExp(`${first!.kid} +ES256 +retiring`));

  const retired = await cli.run(["keys", "retire", "--yes", "--note", "leaked", "--", kid]);
  assert.equal(retired.code, EXIT.ok, retired.err);
  assert.match(retired.out, /^Retired \(seq 1\)\. Enforced/);
  assert.match(retired.out, new RegExp(`^${next} signs ES256 tokens from now on\\. Published since 20`, "m"));
  const again = await cli.run(["keys", "retire", "--yes", "--json", "--", kid]);
  assert.equal(revocationAnswerSchema.parse(JSON.parse(again.out)).repeated, true);
  assert.deepEqual(
    (await keys()).map(({ status }) => status),
    ["active", "next", "retiring", "retired"],
  );
});

test("however many pages the list has, it is told whole", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.run("keys rotate");
  const asked: string[] = [];
  /** A server that gives one key a page. */
  const inSmallPages: typeof fetch = (input, init) => {
    const url = new URL(String(input));
    if (!url.pathname.endsWith("/api/v1/keys")) return fetch(input, init);
    asked.push(url.searchParams.get("limit")!);
    url.searchParams.set("limit", "1");
    return fetch(url, init);
  };
  const whole = JSON.parse((await cli.run("keys list --json")).out);
  const paged = JSON.parse((await cli.run("keys list --json", { fetch: inSmallPages })).out);
  assert.deepEqual(paged, whole);
  assert.deepEqual(asked, ["200", "200", "200"]);
});

test("a rotation says which key signs, and warns when verifiers of others may not know it yet", async (t) => {
  const cli = await cliUnderTest(t);
  const { out } = await cli.run("keys rotate");
  assert.match(
    out,
    /^\S{43} signs ES256 tokens from now on\. Published since .*\nWarning: The key was published only \d+ seconds? ago: /,
  );
  assert.match(out, /\n\S{43} is the next key\. See all keys: portcullis keys list\n$/);
  cli.server.advance(KEY_KNOWN_AFTER_SECONDS * 1000);
  const later = await cli.run("keys rotate");
  assert.equal(later.code, EXIT.ok, later.err);
  assert.doesNotMatch(later.out, /Warning/);
});

test("keys of another algorithm are made by a rotation, before anything uses it, and rotate by themselves", async (t) => {
  const cli = await cliUnderTest(t);
  const { out } = await cli.run("keys rotate --algorithm RS256");
  assert.match(out, /^\S{43} signs RS256 tokens from now on\. .*\nWarning: The key was published only /);
  const { items } = keyListSchema.parse(JSON.parse((await cli.run("keys list --json")).out));
  assert.deepEqual(items.map(({ algorithm, status }) => `${algorithm} ${status}`).toSorted(), [
    "ES256 active",
    "ES256 next",
    "RS256 active",
    "RS256 next",
  ]);
  const retired = await cli.run(["keys", "retire", "--yes", "--", /^\S+/.exec(out)![0]]);
  assert.equal(retired.code, EXIT.ok, retired.err);
  assert.match(retired.out, /^\S{43} signs RS256 tokens from now on\./m);
  const wrong = await cli.run("keys rotate --algorithm HS256");
  assert.equal(wrong.code, EXIT.usage);
  assert.match(wrong.err, /Allowed choices are ES256, EdDSA, RS256/);
});

test("retiring a key that did not sign says nothing of the one that does", async (t) => {
  const cli = await cliUnderTest(t);
  assert.equal((await cli.run("keys rotate")).code, EXIT.ok);
  const { items } = keyListSchema.parse(JSON.parse((await cli.run("keys list --json")).out));
  const others = items.filter(({ status }) => status !== "active");
  assert.deepEqual(
    others.map(({ status }) => status),
    ["next", "retiring"],
  );
  for (const { kid, status } of others) {
    const { code, out, err } = await cli.run(["keys", "retire", "--yes", "--", kid]);
    assert.deepEqual([code, err], [EXIT.ok, ""], status);
    assert.match(out, /^Retired \(seq \d\)\. Enforced/);
    assert.doesNotMatch(out, /from now on|Warning/, status);
  }
});

test("a key that is not there is an error, and one that is is asked about first", async (t) => {
  const cli = await cliUnderTest(t);
  const unknown = await cli.run("keys retire no-such-key --yes --json");
  const { error, message } = JSON.parse(unknown.err);
  assert.deepEqual([unknown.code, error], [EXIT.error, "not_found"]);
  assert.match(
    message,
    /^Found "no-such-key", and there is no such signing key here\. Nothing was changed\.$/,
  );
  const refused = await cli.run("keys retire any");
  assert.equal(refused.code, EXIT.usage);
  assert.match(refused.err, /every token that was signed with the key any.*add --yes/s);
  const [active] = JSON.parse((await cli.run("keys list --json")).out).items;
  const denied = await cli.run(["keys", "retire", "--", active.kid], { ask: async () => "no" });
  assert.deepEqual([denied.code, denied.err], [EXIT.error, "Nothing was changed.\n"]);
  assert.equal(
    (await cli.run(["revoke", "key", "--", active.kid])).code,
    EXIT.usage,
    "no less than by its own verb",
  );
  assert.equal(cli.server.server.storage.log.head(), 0);
});

test("a verifier goes on when the key of its own token, and of the heads that it checks, is retired", async (t) => {
  const cli = await cliUnderTest(t);
  const guard = await cli.verifier("orders");
  const [active] = JSON.parse((await cli.run("keys list --json")).out).items;
  const retired = await cli.run(["keys", "retire", "--yes", "--wait", "20", "--json", "--", active.kid]);
  assert.equal(retired.code, EXIT.ok, retired.err);
  const { acked } = JSON.parse(retired.out);
  assert.equal(acked, 1, "it has acknowledged, and not only lost its lease");
  const revoked = await cli.run("revoke session --foreign --wait 20 --json -- Vt8Vt7mGQf2bqfYkq0hZ0A");
  assert.equal(JSON.parse(revoked.out).acked, 1, revoked.err);
  assert.equal(guard.replica.state, "live");
});

test("a guard takes what a next key signs after its promotion without asking for the keys, and nothing once it is retired", async (t) => {
  const cli = await cliUnderTest(t);
  const guard = await cli.verifier("orders");
  const serviceToken = () => machineToken(cli.server.issuer, "service", RESOURCE, "orders.read");
  const decide = (token: string) => guard.authenticate(`Bearer ${token}`);
  assert.equal((await decide(await serviceToken())).outcome, "allow");
  const fetches = () => cli.server.log.filter((line) => line.includes('"route":"/jwks"')).length;
  const before = fetches();
  assert.ok(before > 0);
  assert.equal((await cli.run("keys rotate")).code, EXIT.ok);
  assert.equal((await decide(await serviceToken())).outcome, "allow");
  assert.equal(fetches(), before);

  const stolen = await stealKey(cli.server, "next");
  const retired = await cli.run(["keys", "retire", "--yes", "--wait", "20", "--json", "--", stolen.kid]);
  assert.equal(retired.code, EXIT.ok, retired.err);
  const forged = await forge(stolen, {
    issuer: cli.server.issuer,
    audience: RESOURCE,
    nowSeconds: Date.now() / 1000,
  });
  const refused = await decide(forged);
  assert.ok(refused.outcome === "deny");
  assert.deepEqual([refused.status, refused.code, refused.body.reason], [401, "killed", "key_retired"]);
  assert.equal((await decide(await serviceToken())).outcome, "allow");
});

test("who has retired a key is shown by name", async (t) => {
  const cli = await cliUnderTest(t);
  const { sub } = JSON.parse((await cli.run("users show bob --json")).out);
  const { kid } = await cli.server.server.ring.signingNow();
  assert.equal((await cli.run(["keys", "retire", "--yes", "--", kid])).code, EXIT.ok);
  await cli.server.server.storage.write(({ db }) =>
    db.updateTable("oidc_signing_keys").set({ retired_by: sub }).where("kid", "=", kid).execute(),
  );
  assert.match((await cli.run("keys list")).out, / retired .* bob$/m);
});
