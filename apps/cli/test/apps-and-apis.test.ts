import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { type App, apiSchema, appListSchema, appSchema, createdAppSchema } from "@portcullis/protocol";
import { machineToken, ok, signIn, token, verdictOf } from "../../auth-server/test/oidc/app.ts";
import { OTHER_RESOURCE, REDIRECT_URI, RESOURCE } from "../../auth-server/test/oidc/server-under-test.ts";
import { EXIT } from "../src/index.ts";
import { cliUnderTest } from "./cli-under-test.ts";

const asJson = (out: string): unknown => JSON.parse(out);

test("an API and an app are made, and a user signs in to it; both are changed and deleted with a receipt", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.verifier("gateway-1");
  const api = "https://maps.example";
  const words = ["--permission", "maps.read=See maps, zoom=any", "--permission", "maps.write=Draw maps"];
  const made = await cli.run(["apis", "create", api, "--name", "Maps", "--ttl", "60", ...words]);
  assert.deepEqual([made.code, made.out, made.err], [EXIT.ok, `Created: ${api}.\n`, ""]);
  const create = [
    "apps",
    "create",
    "maps",
    "--type",
    "spa",
    "--name",
    "Maps app",
    "--redirect-uri",
    REDIRECT_URI,
  ];
  const app = await cli.run([...create, "--api", `${api}=maps.read,maps.write`, "--default-api", api]);
  assert.deepEqual([app.code, app.out], [EXIT.ok, "Created: maps.\n"]);
  const parameters = { client_id: "maps", resource: api, scope: "openid maps.read maps.write" };
  const device = await signIn(cli.server, { parameters });
  assert.equal(device.claims.aud, api);

  const fewer = await cli.run(["apis", "update", api, "--remove-permission", "maps.write", "--yes"]);
  assert.equal(fewer.code, EXIT.ok, fewer.err);
  assert.match(
    fewer.out,
    /^Changed: https:\/\/maps\.example, now at revision 2\. 1 app may ask for it no more\.\nRevoked \(seq 1\)\. Enforced by 1 of 1/,
  );
  assert.equal(verdictOf(cli.server, device.access_token), "claims_changed");
  const shown = await cli.run(["apis", "show", api]);
  assert.match(shown.out, /^- maps\.read +See maps, zoom=any$/m);
  assert.doesNotMatch(shown.out, /maps\.write/);

  const renamed = await cli.run(["apps", "update", "maps", "--name", "Charts", "--unset", "defaultApi"]);
  assert.equal(renamed.out, "Changed: maps, now at revision 3.\n", "a name ends nothing");
  const settings = appSchema.parse(asJson((await cli.run("apps show maps --json")).out));
  assert.deepEqual(
    [settings.name, settings.defaultApi, settings.redirectUris],
    ["Charts", undefined, [REDIRECT_URI]],
  );

  const gone = await cli.run("apps delete maps --yes");
  assert.equal(gone.code, EXIT.ok, gone.err);
  assert.match(gone.out, /^Deleted: maps\.\nRevoked \(seq 2\)\. Enforced by 1 of 1/);
  assert.equal(verdictOf(cli.server, device.access_token), "client_disabled");
  assert.equal((await cli.run(["apis", "delete", api, "--yes"])).code, EXIT.ok);
  const missing = await cli.run(["apis", "show", api]);
  assert.equal(missing.code, EXIT.error);
  assert.match(missing.err, /there is no such API here/);
});

test("apps and APIs are listed as tables for people, and whole for scripts", async (t) => {
  const cli = await cliUnderTest(t);
  const { out } = await cli.run("apps list --type service");
  assert.match(out, /^CLIENT ID +NAME +TYPE +STATUS +APIS\n/);
  assert.match(out, /^billing +billing +service +enabled +https:\/\/billing/m);
  assert.doesNotMatch(out, /^web /m);
  const { items } = appListSchema.parse(asJson((await cli.run("apps list --json")).out));
  assert.ok(items.some(({ clientId }: App) => clientId === "web"));
  assert.match(
    (await cli.run("apis list --name ORD")).out,
    /^IDENTIFIER .*\nhttps:\/\/orders\S+ +Orders +enabled +300 s +orders\.read orders\.write\n$/,
  );
  const none = await cli.run("apis list --disabled --json");
  assert.deepEqual(asJson(none.out), { items: [] });
});

test("an app's secrets change hands without a gap", async (t) => {
  const cli = await cliUnderTest(t);
  const create = [
    "apps",
    "create",
    "--type",
    "service",
    "--name",
    "Nightly",
    "--api",
    `${RESOURCE}=orders.read`,
  ];
  const app = createdAppSchema.parse(asJson((await cli.run([...create, "--json"])).out));
  const askWith = (secret: string) =>
    token(
      cli.server.issuer,
      { grant_type: "client_credentials", resource: RESOURCE },
      { authorization: `Basic ${Buffer.from(`${app.clientId}:${secret}`).toString("base64")}` },
    );
  const listed = await cli.run(["apps", "secrets", "list", "--", app.clientId]);
  const [, first] = listed.out.split("\n");
  const added = await cli.run(["apps", "secrets", "add", "--", app.clientId]);
  const next = /^(pcl_secret_\S+)$/m.exec(added.out)![1]!;
  for (const secret of [app.clientSecret!, next]) ok(await askWith(secret));
  const removed = await cli.run(["apps", "secrets", "remove", "--", app.clientId, first!.split(" ")[0]!]);
  assert.deepEqual([removed.code, removed.err], [EXIT.ok, ""]);
  assert.equal((await askWith(app.clientSecret!)).status, 401);
  ok(await askWith(next));
});

test("what ends more than one user's access is asked for, and what cannot be is said with the names of what is wrong", async (t) => {
  const cli = await cliUnderTest(t);
  for (const command of ["apps delete web", `apis delete ${RESOURCE}`, `apis disable ${RESOURCE}`]) {
    const refused = await cli.run(command);
    assert.equal(refused.code, EXIT.usage, command);
    assert.match(refused.err, /for all users|of all users/);
    let question = "";
    const denied = await cli.run(command, {
      async ask(text) {
        question = text;
        return "no";
      },
    });
    assert.deepEqual([denied.code, denied.err], [EXIT.error, "Nothing was changed.\n"]);
    assert.match(question, /at most .* of \d+ users? in /, "how far it reaches");
    const tried = await cli.run(`${command} --dry-run`);
    assert.match(tried.out, /^Nothing was changed\. It would end at most /);
  }
  const wrong = await cli.run([
    "apps",
    "create",
    "x",
    "--type",
    "spa",
    "--name",
    "X",
    "--api",
    "https://no.example=a",
  ]);
  assert.equal(wrong.code, EXIT.error);
  assert.match(wrong.err, /redirectUris: found none/);
  assert.match(wrong.err, /apis\.https:\/\/no\.example: there is no such API/);
  assert.match((await cli.run("apps delete admin --yes")).err, /the app that makes this call/);
  const disabled = await cli.run(`apis disable ${OTHER_RESOURCE} --yes --json`);
  assert.equal((asJson(disabled.out) as { status: string }).status, "disabled");
  assert.equal((await cli.run(`apis enable ${OTHER_RESOURCE}`)).out, `Enabled: ${OTHER_RESOURCE}.\n`);
  assert.equal(
    apiSchema.parse(asJson((await cli.run(`apis show ${OTHER_RESOURCE} --json`)).out)).enabled,
    true,
  );
  assert.ok(await machineToken(cli.server.issuer, "billing", OTHER_RESOURCE, "bills.read"));
});

test("the algorithm of an API's tokens and of an app's ID tokens is chosen, with the warning of a young key", async (t) => {
  const cli = await cliUnderTest(t);
  const api = "https://maps.example";
  const made = await cli.run(["apis", "create", api, "--name", "Maps", "--algorithm", "EdDSA"]);
  assert.equal(made.code, EXIT.ok, made.err);
  assert.match(made.out, /^Created: https:\/\/maps\.example\.\nWarning: \S/);
  assert.match((await cli.run(["apis", "show", api])).out, /^tokens signed +EdDSA$/m);
  const back = await cli.run(["apis", "update", api, "--algorithm", "ES256"]);
  assert.match(back.out, /^Changed: /);
  assert.match((await cli.run(["apis", "show", api])).out, /^tokens signed +ES256$/m);
  const create = "apps create nightly --type web --name Nightly --redirect-uri https://a.example/cb";
  assert.equal((await cli.run(`${create} --id-token-algorithm EdDSA`)).code, EXIT.ok);
  assert.match((await cli.run("apps show nightly")).out, /^ID tokens signed +EdDSA$/m);
  const changed = await cli.run("apps update nightly --id-token-algorithm RS256");
  assert.match(changed.out, /^Changed: nightly, now at revision 2\.\nWarning: \S/);
  assert.match((await cli.run("apps show nightly")).out, /^ID tokens signed +RS256$/m);
  const wrong = await cli.run("apps update nightly --id-token-algorithm HS256");
  assert.deepEqual([wrong.code, /ES256/.test(wrong.err)], [EXIT.usage, true]);
});

test("an app that signs is made with a file of its keys, and says later where it publishes them", async (t) => {
  const cli = await cliUnderTest(t);
  const folder = await mkdtemp(join(tmpdir(), "portcullis-keys-"));
  t.after(() => rm(folder, { recursive: true }));
  const { publicKey } = generateKeyPairSync("ed25519");
  const file = join(folder, "keys.json");
  await writeFile(file, JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "first" }] }));
  const create = "apps create bank --type web --name Bank --redirect-uri https://bank.example/cb".split(" ");
  const made = await cli.run([...create, "--auth", "private_key_jwt", "--jwks", file]);
  assert.deepEqual([made.code, made.out, made.err], [EXIT.ok, "Created: bank.\n", ""]);
  assert.match((await cli.run("apps show bank")).out, /^authentication +private_key_jwt\nkeys +first$/m);
  assert.equal((await cli.run("apps update bank --jwks-uri https://bank.example/jwks")).code, EXIT.ok);
  assert.match((await cli.run("apps show bank")).out, /^keys +https:\/\/bank\.example\/jwks$/m);
  const telling = ["--frontchannel-logout-uri", "https://bank.example/out"];
  for (const [option, shown] of [
    ["--no-frontchannel-logout-session", "no"],
    ["--frontchannel-logout-session", "yes"],
  ] as const) {
    assert.equal((await cli.run(["apps", "update", "bank", ...telling, option])).code, EXIT.ok);
    assert.match((await cli.run("apps show bank")).out, new RegExp(`^told with sid +${shown}$`, "m"));
  }
  await writeFile(file, "no JSON");
  for (const wrong of [file, join(folder, "missing.json")]) {
    const { code, err } = await cli.run(["apps", "update", "bank", "--jwks", wrong]);
    assert.deepEqual([code, /--jwks: /.test(err)], [EXIT.usage, true]);
  }
});

test("the examples of apps update work one after another, and an API that is removed takes its optional scopes with it", async (t) => {
  const cli = await cliUnderTest(t);
  const api = "https://orders.example";
  const words = ["--permission", "orders.read=See orders", "--permission", "orders.write=Change orders"];
  assert.equal((await cli.run(["apis", "create", api, "--name", "Orders", ...words])).code, EXIT.ok);
  const create = [
    "apps",
    "create",
    "mail",
    "--type",
    "spa",
    "--name",
    "Mail",
    "--redirect-uri",
    REDIRECT_URI,
  ];
  assert.equal((await cli.run(create)).code, EXIT.ok);
  const { out: help } = await cli.run("apps update --help");
  const examples = help.match(/^ {2}portcullis apps update mail .*$/gm) ?? [];
  assert.ok(examples.length >= 5, help);
  for (const example of examples) {
    const args = [...example.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
    const { code, err } = await cli.run(args.slice(1));
    assert.equal(code, EXIT.ok, `${example}: ${err}`);
  }
  const removed = await cli.run(["apps", "update", "mail", "--remove-api", api, "--yes"]);
  assert.equal(removed.code, EXIT.ok, removed.err);
  const { optionalScopes } = appSchema.parse(asJson((await cli.run("apps show mail --json")).out));
  assert.deepEqual(optionalScopes, ["email"]);
});
