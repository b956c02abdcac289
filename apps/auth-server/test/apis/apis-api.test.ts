/** APIs by the API: tokens are issued for what is there, and end with what is taken away. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { PlainBrowser } from "@portcullis/testing/end-to-end";
import { ask, done, refusalOf, startAdministered } from "../api/administrator.ts";
import {
  assertRefused,
  begin,
  claimsOf,
  isEnd,
  machineToken,
  ok,
  passPages,
  pressFirst,
  redeem,
  refresh,
  signIn,
  token,
  verdictOf,
} from "../oidc/app.ts";
import { basicOf, REDIRECT_URI, RESOURCE, type ServerUnderTest } from "../oidc/server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startAdministered();
});
after(() => server.stop());

let made = 0;
/** An API, and an app that may use all of it. */
async function createApi(settings: object = {}) {
  const identifier = `https://api-${++made}.example/v1`;
  const permissions = { "maps.read": "See maps", "maps.write": "Draw maps" };
  const api = await done(server, ["POST", "apis"], {
    body: { identifier, name: `Maps ${made}`, permissions, ...settings },
  });
  const clientId = `maps-${made}`;
  const apis = { [identifier]: Object.keys(api.permissions) };
  await done(server, ["POST", "apps"], {
    body: { clientId, type: "spa", name: "Maps app", redirectUris: [REDIRECT_URI], apis },
  });
  const parameters = { client_id: clientId, resource: identifier, scope: "openid maps.read maps.write" };
  return { identifier, clientId, parameters, path: `apis/${encodeURIComponent(identifier)}` };
}

describe("an API that is created", () => {
  it("is what tokens are issued for at once, with its words on the consent page", async () => {
    const { identifier, parameters, path } = await createApi({ accessTokenTtlSeconds: 60 });
    const browser = new PlainBrowser();
    const attempt = begin(server.issuer, parameters);
    const asked = await pressFirst(browser, await browser.open(attempt.url, isEnd));
    assert.match(asked.body, /Draw maps/);
    const callback = (await pressFirst(browser, asked)).url;
    const tokens = ok(await redeem(server.issuer, attempt, callback));
    assert.deepEqual(
      [claimsOf(tokens.access_token).aud, claimsOf(tokens.access_token).scope, tokens.expires_in],
      [identifier, "maps.read maps.write", 60],
    );
    const read = await ask(server, ["GET", path]);
    assert.deepEqual([read.body.revision, read.headers.etag, read.body.origin], [1, '"1"', "api"]);
  });

  it("is refused with all that is wrong with it, by name", async () => {
    const refused = await ask(server, ["POST", "apis"], {
      body: {
        identifier: "orders",
        name: "",
        permissions: { "with space": "X", good: "" },
        accessTokenTtlSeconds: 1,
        algorithm: "none",
        claims: { sub: "email", other: "password" },
      },
    });
    assert.deepEqual(refusalOf(refused).toSorted(), [
      400,
      "accessTokenTtlSeconds",
      "algorithm",
      "claims.other",
      "claims.sub",
      "identifier",
      "invalid_request",
      "name",
      "permissions.good",
      "permissions.with space",
    ]);
    const wordsAt = (named: string) =>
      refused.body.problems.find(({ field }: { field: string }) => field === named).message;
    assert.equal(wordsAt("claims.sub"), "says what a token is; take another name");
    assert.match(wordsAt("permissions.with space"), /^must be /);
    const long = { identifier: "https://long.example", name: "Long", accessTokenTtlSeconds: 100_000 };
    assert.deepEqual(refusalOf(await ask(server, ["POST", "apis"], { body: long })), [
      400,
      "invalid_request",
      "accessTokenTtlSeconds",
    ]);
  });

  it("is warned of if another differs by a slash at the end only, and so is an app that is given one of them", async () => {
    const [plain, slashed] = ["https://slashes.example", "https://slashes.example/"];
    const api = { name: "Slashes", permissions: { "maps.read": "See maps" } };
    const first = await done(server, ["POST", "apis"], { body: { ...api, identifier: slashed } });
    assert.equal(first.warning, undefined);
    const again = { ...api, identifier: plain, algorithm: "EdDSA" };
    const { warning } = await done(server, ["POST", "apis"], { body: again });
    // The key that was made for it is told of, too.
    assert.equal(warning.code, "recently_published");
    assert.match(warning.text, /differs by a slash/);

    const app = { clientId: "slashes", type: "spa", name: "Slashes", redirectUris: [REDIRECT_URI] };
    const apis = { [slashed]: ["maps.read"] };
    const made = await done(server, ["POST", "apps"], { body: { ...app, apis } });
    assert.equal(made.warning.code, "differs_by_slash");
    const path = "apps/slashes";
    assert.equal((await done(server, ["PATCH", path], { body: { name: "Bars" } })).warning, undefined);
    const given = await done(server, ["PATCH", path], { body: { apis: { [plain]: ["maps.read"] } } });
    assert.ok(given.warning.text.includes(JSON.stringify(slashed)), given.warning.text);
  });

  it("is not one that is there, nor this server's own", async () => {
    for (const identifier of [RESOURCE, `${server.issuer}/api`]) {
      const refused = await ask(server, ["POST", "apis"], { body: { identifier, name: "X" } });
      assert.deepEqual(refusalOf(refused), [409, "api_exists"]);
    }
  });

  it("is none that could be taken for this server's own, or for another by its spelling", async () => {
    const { issuer } = server;
    const own = ["", "/", "/api/", "/API", "/account/", "/%61pi", "//api", "/api/v1", "/account?x"];
    const others = [
      "HTTPS://ed.example",
      "https://ED.example/",
      "https://me:word@ed.example/",
      "https://me@ed.example",
      "https://ed.example:443/",
      "https://ed.example/a/../b",
    ];
    for (const identifier of [...own.map((path) => `${issuer}${path}`), issuer.toUpperCase(), ...others]) {
      const refused = await ask(server, ["POST", "apis"], { body: { identifier, name: "X" } });
      assert.deepEqual(refusalOf(refused), [400, "invalid_request", "identifier"], identifier);
    }
    for (const identifier of ["https://ed.example", "https://ed.example/v1?a=b", "urn:ed", `${issuer}/apis`])
      await done(server, ["POST", "apis"], { body: { identifier, name: "X" } });
  });

  it("has no permission that OpenID Connect has, from the beginning or later", async () => {
    for (const permission of ["openid", "profile", "email", "address", "phone", "offline_access", "OpenID"]) {
      const field = `permissions.${permission}`;
      const permissions = { [permission]: "X" };
      const body = { identifier: "https://oidc.example", name: "X", permissions };
      const made = await ask(server, ["POST", "apis"], { body });
      assert.deepEqual(refusalOf(made), [400, "invalid_request", field]);
      const path = `apis/${encodeURIComponent(RESOURCE)}`;
      const changed = await ask(server, ["PATCH", path], { body: { permissions } });
      assert.deepEqual(refusalOf(changed), [400, "invalid_request", field]);
    }
  });
});

describe("a change of an API", () => {
  it("that takes a permission away makes its tokens stale, and no token has it again", async () => {
    const { identifier, clientId, parameters, path } = await createApi();
    const device = await signIn(server, { parameters });
    const elsewhere = await signIn(server);
    const { status, body } = await ask(server, ["PATCH", path], {
      body: { permissions: { "maps.write": null } },
    });
    assert.equal(status, 200);
    assert.deepEqual([body.permissions, body.revision], [{ "maps.read": "See maps" }, 2]);
    assert.equal(body.receipt.seq, server.server.storage.log.head());
    assert.equal(verdictOf(server, device.access_token), "claims_changed");
    assert.equal(verdictOf(server, elsewhere.access_token), "allow");
    const next = ok(await refresh(server.issuer, device.refresh_token, { client_id: clientId }));
    assert.equal(claimsOf(next.access_token).scope, "maps.read");
    assert.equal(verdictOf(server, next.access_token), "allow");
    const other = await ask(server, ["PATCH", `apps/${clientId}`], { body: { name: "Maps still" } });
    assert.equal(other.status, 200, "what the app had before is not in the way of another change");
    const again = { apis: { [identifier]: ["maps.read", "maps.fold"] } };
    assert.equal((await ask(server, ["PATCH", `apps/${clientId}`], { body: again })).status, 400);
  });

  it("that adds, renames or shortens ends nothing, and counts for the next token", async () => {
    const { clientId, parameters, path } = await createApi();
    const device = await signIn(server, { parameters });
    const body = { name: "Charts", accessTokenTtlSeconds: 30, permissions: { "maps.print": "Print maps" } };
    const changed = await done(server, ["PATCH", path], { body });
    assert.equal(changed.receipt, undefined);
    assert.equal(verdictOf(server, device.access_token), "allow");
    const next = ok(await refresh(server.issuer, device.refresh_token, { client_id: clientId }));
    assert.equal(next.expires_in, 30);
  });

  it("of its claims is in the next token, and what has changed or gone makes those of before stale", async () => {
    const { clientId, parameters, path } = await createApi();
    const device = await signIn(server, { parameters });
    const claims = { "https://maps.example/login": "username", mail: "email" };
    assert.equal((await done(server, ["PATCH", path], { body: { claims } })).receipt, undefined);
    const next = ok(await refresh(server.issuer, device.refresh_token, { client_id: clientId }));
    const told = claimsOf(next.access_token) as unknown as Record<string, unknown>;
    assert.deepEqual([told["https://maps.example/login"], told.mail], ["alice", "alice@example.com"]);
    const without = { claims: { mail: null } };
    const { receipt } = await done(server, ["PATCH", path], { body: without });
    assert.equal(receipt.seq, server.server.storage.log.head());
    assert.equal(verdictOf(server, next.access_token), "claims_changed");
    const last = ok(await refresh(server.issuer, next.refresh_token, { client_id: clientId }));
    assert.ok(!("mail" in claimsOf(last.access_token)));
  });

  it("is made to the version that was seen, if one is named", async () => {
    const { path } = await createApi();
    const headers = { "if-match": '"1"' };
    const answers = await Promise.all(
      ["A", "B", "C"].map((name) => ask(server, ["PATCH", path], { body: { name }, headers })),
    );
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 412, 412]);
  });

  it("is none of this server's own, which can be read", async () => {
    const path = `apis/${encodeURIComponent(`${server.issuer}/api`)}`;
    const own = await done(server, ["GET", path]);
    assert.deepEqual([own.origin, own.revision], ["built-in", 0]);
    assert.ok("apps.write" in own.permissions);
    for (const call of [
      ["PATCH", path],
      ["DELETE", path],
      ["POST", `${path}/disable`],
    ] as const) {
      const body = call[0] === "PATCH" ? { name: "X" } : undefined;
      assert.deepEqual(refusalOf(await ask(server, call, { body })), [409, "built_in_api"]);
    }
  });
});

describe("an API that is disabled or deleted", () => {
  it("loses its tokens, and sessions go on for others", async () => {
    const { clientId, identifier, parameters, path } = await createApi();
    const device = await signIn(server, { parameters });
    const elsewhere = ok(await redeemIn(device.browser, { client_id: "web", resource: RESOURCE }));
    const disabled = await ask(server, ["POST", `${path}/disable`], { headers: { prefer: "wait=2" } });
    assert.deepEqual([disabled.status, disabled.body.receipt.state], [200, "enforced"]);
    assert.equal(verdictOf(server, device.access_token), "revoked");
    assert.equal(verdictOf(server, elsewhere.access_token), "allow");
    assertRefused(
      await refresh(server.issuer, device.refresh_token, { client_id: clientId }),
      "invalid_target",
    );
    const repeated = await done(server, ["POST", `${path}/disable`]);
    assert.deepEqual([repeated.changed, repeated.receipt.seq], [false, disabled.body.receipt.seq]);

    await done(server, ["POST", `${path}/enable`]);
    const next = ok(await refresh(server.issuer, device.refresh_token, { client_id: clientId }));
    assert.equal(verdictOf(server, next.access_token), "allow");
    assert.equal(verdictOf(server, device.access_token), "revoked", "what has ended stays ended");

    const deleted = await ask(server, ["DELETE", path]);
    assert.equal(deleted.status, 200, JSON.stringify(deleted.body));
    assert.equal(verdictOf(server, next.access_token), "revoked");
    assertRefused(
      await refresh(server.issuer, next.refresh_token, { client_id: clientId }),
      "invalid_target",
    );
    assert.deepEqual(refusalOf(await ask(server, ["GET", path])), [404, "unknown_api"]);
    const { read } = server.server.storage;
    for (const { allowed } of await read.selectFrom("oidc_consents").select("allowed").execute()) {
      assert.ok(!allowed.includes(identifier), allowed);
    }
  });

  it("says how many apps lose it, before and after, and so does a permission that goes", async () => {
    const { identifier, path } = await createApi();
    const body = { type: "spa", name: "Reader", redirectUris: [REDIRECT_URI] };
    const apis = { [identifier]: ["maps.read"] };
    await done(server, ["POST", "apps"], { body: { ...body, clientId: `reads-${made}`, apis } });
    const without = { body: { permissions: { "maps.write": null } } };
    const lost: unknown[] = [];
    for (const [call, given] of [
      [["PATCH", path], without],
      [["PATCH", path], { body: { name: "Charts" } }],
      [["DELETE", path], {}],
    ] as const) {
      const would = await done(server, [call[0], `${path}?dryRun=true`], given);
      const { withdrawnFromApps } = await done(server, call, given);
      lost.push([would.withdrawnFromApps, withdrawnFromApps]);
    }
    assert.deepEqual(lost, [
      [1, 1],
      [undefined, undefined],
      [2, 2],
    ]);
  });

  it("may come back under its name, and users are asked anew then", async () => {
    const { identifier, clientId, parameters, path } = await createApi();
    const device = await signIn(server, { parameters });
    await done(server, ["DELETE", path]);
    const permissions = { "maps.read": "See maps", "maps.write": "Burn maps" };
    await done(server, ["POST", "apis"], { body: { identifier, name: "Maps", permissions } });
    const apis = { [identifier]: Object.keys(permissions) };
    await done(server, ["PATCH", `apps/${clientId}`], { body: { apis } });
    assert.equal(verdictOf(server, device.access_token), "revoked");
    const page = await device.browser.open(begin(server.issuer, parameters).url, isEnd);
    assert.match(page.body, /Burn maps/);
  });

  it("ends no token of another API, of the same client", async () => {
    const { path } = await createApi();
    const bystander = await machineToken(server.issuer, "service", RESOURCE, "orders.read");
    await done(server, ["DELETE", path]);
    assert.equal(verdictOf(server, bystander), "allow");
    const answer = await token(
      server.issuer,
      { grant_type: "client_credentials", resource: "https://never.example" },
      { authorization: basicOf("service") },
    );
    assertRefused(answer, "invalid_target");
  });
});

async function redeemIn(browser: PlainBrowser, parameters: Record<string, string>) {
  const attempt = begin(server.issuer, parameters);
  return redeem(server.issuer, attempt, await passPages(browser, attempt.url));
}

describe("the list of APIs", () => {
  it("comes in pages, in one order, and lets filters through alone", async () => {
    const { path } = await createApi({ name: "Quarry" });
    await done(server, ["POST", `${path}/disable`]);
    const all: string[] = [];
    let query = "limit=2&total=true";
    for (;;) {
      const page = await done(server, ["GET", `apis?${query}`]);
      all.push(...page.items.map(({ identifier }: { identifier: string }) => identifier));
      if (page.next === undefined) {
        assert.equal(page.total, all.length);
        break;
      }
      query = `limit=2&total=true&cursor=${page.next}`;
    }
    assert.equal(new Set(all).size, all.length);
    assert.ok(all.includes(RESOURCE) && !all.includes(`${server.issuer}/api`));
    const { items } = await done(server, ["GET", "apis?name=quar&enabled=false"]);
    assert.deepEqual(
      items.map(({ name }: { name: string }) => name),
      ["Quarry"],
    );
  });
});
