import assert from "node:assert/strict";
import test from "node:test";
import { appSchema, consentListSchema, withdrawnConsentSchema } from "@portcullis/protocol";
import { PlainBrowser } from "@portcullis/testing/end-to-end";
import { begin, isEnd, pressFirst, signIn, verdictOf } from "../../auth-server/test/oidc/app.ts";
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
    /^APP +NAME +STATUS +SINCE +UNTIL +ALLOWED +DECLINED\nweb +Demo shop +enabled +\S+ \S+ +- +openid profile orders\.read +-\n$/,
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

test("what users may untick is set by the command, and what they unticked is listed, with how long it holds", async (t) => {
  const cli = await cliUnderTest(t);
  const set = await cli.run("apps update web --optional-scope orders.read --optional-scope email --json");
  assert.deepEqual(appSchema.parse(JSON.parse(set.out)).optionalScopes, ["orders.read", "email"]);
  assert.match((await cli.run("apps show web")).out, /^optional scopes +orders\.read email$/m);
  const wrong = await cli.run("apps update web --optional-scope bills.read");
  assert.equal(wrong.code, EXIT.error);
  assert.match(wrong.err, /optionalScopes\.0: found "bills\.read"/);
  const { issuer } = cli.server;
  const { code } = await answerConsent(issuer, { length: "hour" });
  assert.ok(code);
  const { items } = consentListSchema.parse(JSON.parse((await cli.run("consents list alice --json")).out));
  const [consent] = items;
  assert.deepEqual(
    [consent!.apis, consent!.declined.apis, consent!.remembered],
    [{}, { [RESOURCE]: ["orders.read"] }, true],
  );
  assert.equal(Date.parse(consent!.until!) - Date.parse(consent!.since), 3_600_000);
  assert.match((await cli.run("consents list alice")).out, / openid profile +orders\.read\n$/);
  await cli.run("consents withdraw alice web");
  await answerConsent(issuer, { length: "once" });
  assert.match((await cli.run("consents list alice")).out, / this time +openid profile +orders\.read\n$/);
});

/** Signs in to `web`, and leaves all unticked that can be. */
async function answerConsent(issuer: string, { length }: { readonly length: string }) {
  const browser = new PlainBrowser();
  const page = await pressFirst(browser, await browser.open(begin(issuer).url, isEnd));
  const [form] = page.forms;
  const kept = Object.entries(form!.fields).filter(([name]) => !name.startsWith("allow-"));
  const fields = { ...Object.fromEntries(kept), length };
  const { url } = await browser.submit(page, { ...form!, fields }, { isEnd });
  return { code: url.searchParams.get("code") };
}

test("a withdrawal that is not enforced yet says so", async (t) => {
  const cli = await cliUnderTest(t);
  await signIn(cli.server);
  await cli.lease({ replica: "gateway-1", applied: 0 });
  const { code, out } = await cli.run("consents withdraw alice web --wait 0 --json");
  assert.equal(code, EXIT.pending);
  assert.equal(withdrawnConsentSchema.parse(JSON.parse(out)).receipt?.state, "pending");
});
