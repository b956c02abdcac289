import assert from "node:assert/strict";
import test from "node:test";
import { consentListSchema, withdrawnConsentSchema } from "@portcullis/protocol";
import { signIn, verdictOf } from "../../auth-server/test/oidc/app.ts";
import { RESOURCE } from "../../auth-server/test/oidc/server-under-test.ts";
import { EXIT } from "../src/index.ts";
import { cliUnderTest } from "./cli-under-test.ts";

test("what a user has allowed is listed, and withdrawn with a receipt", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.verifier("gateway-1");
  const { access_token } = await signIn(cli.server);
  const { items } = consentListSchema.parse(JSON.parse((await cli.run("consents list alice --json")).out));
  assert.deepEqual(
    items.map(({ clientId, apis }) => [clientId, apis]),
    [["web", { [RESOURCE]: ["orders.read"] }]],
  );
  const table = (await cli.run("consents list ALICE")).out;
  assert.match(
    table,
    /^APP +NAME +STATUS +SINCE +UNTIL +ALLOWED\nweb +Demo shop +enabled +\S+ \S+ +- +openid profile orders\.read\n$/,
  );
  const dry = await cli.run("consents withdraw alice web --dry-run");
  assert.match(dry.out, /^Nothing was changed\. It would end at most .* of 1 user in 1 app\.\n$/);
  assert.equal(verdictOf(cli.server, access_token), "allow");
  const { code, out } = await cli.run("consents withdraw alice web");
  assert.equal(code, EXIT.ok);
  assert.match(
    out,
    /^Withdrawn: Demo shop has no access to alice any more\.\nRevoked \(seq 1\)\. Enforced by 1 of 1/,
  );
  assert.equal(verdictOf(cli.server, access_token), "consent_withdrawn");
  const again = await cli.run("consents withdraw alice web");
  assert.equal(again.code, EXIT.error);
  assert.match(again.err, /found "web", which "alice" has allowed nothing/);
  assert.match((await cli.run("consents list nobody")).err, /Found "nobody"/);
});

test("a withdrawal that is not enforced yet says so", async (t) => {
  const cli = await cliUnderTest(t);
  await signIn(cli.server);
  await cli.lease({ replica: "gateway-1", applied: 0 });
  const { code, out } = await cli.run("consents withdraw alice web --wait 0 --json");
  assert.equal(code, EXIT.pending);
  assert.equal(withdrawnConsentSchema.parse(JSON.parse(out)).receipt?.state, "pending");
});
