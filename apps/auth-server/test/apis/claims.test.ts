/** Claims about the user that an API has in its tokens: where they come from, what is refused, and what a change makes stale. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { fieldsOf } from "../../src/people/users.ts";
import { type ApiAnswer, ask, done, refusalOf, startAdministered } from "../api/administrator.ts";
import { claimsOf, introspect, machineToken, ok, refresh, signIn, verdictOf } from "../oidc/app.ts";
import { OTHER_RESOURCE, REDIRECT_URI, RESOURCE, type ServerUnderTest } from "../oidc/server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startAdministered();
});
after(() => server.stop());

const PASSWORD = "correct horse battery staple";
let made = 0;

async function createApi(claims: Record<string, string>, permissions = ["read"]) {
  const identifier = `https://claims-${++made}.example`;
  await done(server, ["POST", "apis"], {
    body: {
      identifier,
      name: "Claims",
      permissions: Object.fromEntries(permissions.map((permission) => [permission, "Read"])),
      claims,
    },
  });
  return identifier;
}

/** Users with these attributes, and an app of the operator's that may use these APIs. */
async function createUser(attributes: Record<string, unknown>, apis: readonly string[], scopes = ["read"]) {
  const username = `user-${++made}`;
  await done(server, ["POST", "users"], { body: { username, password: PASSWORD, attributes } });
  const clientId = `app-${made}`;
  await done(server, ["POST", "apps"], {
    body: {
      clientId,
      type: "spa",
      name: "App",
      firstParty: true,
      redirectUris: [REDIRECT_URI],
      apis: Object.fromEntries(apis.map((api) => [api, scopes])),
    },
  });
  const tokensFor = (resource: string, scope = `openid ${scopes.join(" ")}`) =>
    signIn(server, {
      credentials: { username, password: PASSWORD },
      parameters: { client_id: clientId, resource, scope },
    });
  const refreshed = async (tokens: { refresh_token: string }) =>
    ok(await refresh(server.issuer, tokens.refresh_token, { client_id: clientId }));
  return { username, path: `users/${username}`, clientId, tokensFor, refreshed };
}

const patched = (path: string, body: object): Promise<ApiAnswer["body"]> =>
  done(server, ["PATCH", path], { body });

const told = (token: string) => claimsOf(token) as unknown as Record<string, unknown>;
const some = (token: string, names: readonly string[]) =>
  Object.fromEntries(Object.entries(told(token)).filter(([name]) => names.includes(name)));

describe("claims of an API", () => {
  const SOURCES = {
    login: "username",
    tier: "attributes.plan.tier",
    "https://shop.example/seats": "attributes.plan.seats",
    beta: "attributes.beta",
    teams: "attributes.teams",
    missing: "attributes.plan.nothing.at.all",
    inherited: "attributes.plan.constructor",
    length: "attributes.teams.length",
    nothing: "attributes.nothing",
  };
  const ATTRIBUTES = { plan: { tier: "gold", seats: 12 }, beta: false, teams: ["red", 7], nothing: null };
  const EXPECTED = { tier: "gold", "https://shop.example/seats": 12, beta: false, teams: ["red", 7] };

  it("are in the tokens of a code and of a refresh, and whoever may ask about the token is told them", async () => {
    const api = await createApi(SOURCES);
    const user = await createUser(ATTRIBUTES, [api]);
    const first = await user.tokensFor(api);
    const next = await user.refreshed(first);
    for (const { access_token } of [first, next])
      assert.deepEqual(some(access_token, Object.keys(SOURCES)), { login: user.username, ...EXPECTED });
    const answer = await introspect(server.issuer, "auditor", next.access_token);
    assert.deepEqual([answer.active, answer.tier, answer.teams], [true, "gold", ["red", 7]]);
    const stranger = await introspect(server.issuer, "billing", next.access_token);
    assert.deepEqual(stranger, { active: false });
  });

  it("are in no token for another API, nor in one of an app that acts for itself", async () => {
    const api = await createApi(SOURCES);
    const other = await createApi({});
    const user = await createUser(ATTRIBUTES, [api, other]);
    assert.deepEqual(some((await user.tokensFor(other)).access_token, Object.keys(SOURCES)), {});
    await done(server, ["PATCH", `apis/${encodeURIComponent(RESOURCE)}`], {
      body: { claims: { login: "username" } },
    });
    const own = await machineToken(server.issuer, "service", RESOURCE, "orders.read");
    assert.equal(told(own).login, undefined);
  });

  it("may have no name that says what a token is, and no source but a user's", async () => {
    const claims = {
      iss: "name",
      rv: "name",
      sid: "name",
      act: "name",
      active: "name",
      status: "name",
      constructor: "name",
      "with space": "name",
      password: "password_hash",
      empty: "attributes.",
      gap: "attributes.a..b",
      bare: "attributes",
      Sub: "attributes.external_id",
      SCOPE: "name",
      "\uff53ub": "name",
      "su\u200bb": "name",
      "a\u0001b": "name",
      subject: "attributes.external_id",
    };
    const body = { identifier: "https://refused.example", name: "Refused", claims };
    assert.deepEqual(refusalOf(await ask(server, ["POST", "apis"], { body })), [
      400,
      "invalid_request",
      ...Object.keys(claims)
        .slice(0, -1)
        .map((name) => `claims.${name}`),
    ]);
    const many = Object.fromEntries(Array.from({ length: 21 }, (_, at) => [`claim-${at}`, "name"]));
    const tooMany = { ...body, claims: many };
    assert.deepEqual(refusalOf(await ask(server, ["POST", "apis"], { body: tooMany })), [
      400,
      "invalid_request",
      "claims",
    ]);
  });

  it("go without a value that no token should carry, and the log says so once", async () => {
    const api = await createApi({
      long: "attributes.long",
      whole: "attributes.whole",
      good: "attributes.good",
    });
    const attributes = { long: "x".repeat(511), whole: { a: 1 }, good: "x".repeat(510) };
    const user = await createUser(attributes, [api]);
    const first = await user.tokensFor(api);
    await user.refreshed(first);
    assert.deepEqual(Object.keys(some(first.access_token, ["long", "whole", "good"])), ["good"]);
    const lines = server.logged("claims_left_out").filter((line) => line.api === api);
    assert.deepEqual(
      lines.map(({ claims, user: of }) => [claims, of]),
      [[["long", "whole"], user.username]],
    );
  });

  it("take two kibibytes of a token at most, in the order of their names", async () => {
    const names = ["e", "d", "c", "b", "a"];
    const api = await createApi(Object.fromEntries(names.map((name) => [name, `attributes.${name}`])));
    const user = await createUser(Object.fromEntries(names.map((name) => [name, "x".repeat(500)])), [api]);
    const { access_token } = await user.tokensFor(api);
    assert.deepEqual(Object.keys(some(access_token, names)).toSorted(), ["a", "b", "c", "d"]);
  });

  it("never make a token longer than verifiers take", async () => {
    const scopes = Array.from({ length: 47 }, (_, at) => `${at}-`.padEnd(100, "s"));
    const api = await createApi({ big: "attributes.big" }, scopes);
    const user = await createUser({ big: "x".repeat(500) }, [api], scopes);
    const { access_token, claims } = await user.tokensFor(api);
    assert.equal(claims.scope.split(" ").length, scopes.length);
    assert.equal(told(access_token).big, undefined);
    assert.ok(access_token.length <= 8192, String(access_token.length));
    const [line] = server.logged("claims_left_out").filter((one) => one.api === api);
    assert.deepEqual(line?.claims, ["big"]);
  });
});

describe("a change of a user", () => {
  it("makes the tokens stale that say what is true no more, and a refresh brings the truth", async () => {
    const api = await createApi({ tier: "attributes.plan.tier" });
    const untouched = await createApi({ town: "attributes.town" });
    const user = await createUser({ plan: { tier: "gold" }, town: "Bern" }, [api, untouched]);
    const other = await createUser({ plan: { tier: "gold" } }, [api]);
    const device = await user.tokensFor(api);
    const elsewhere = await user.tokensFor(untouched);
    const bystander = await other.tokensFor(api);
    const answer = await ask(server, ["PATCH", user.path], {
      body: { attributes: { plan: { tier: "free" } } },
      headers: { prefer: "wait=2" },
    });
    assert.deepEqual([answer.status, answer.body.attributes.plan.tier], [200, "free"]);
    assert.equal(answer.headers.etag, '"2"');
    assert.deepEqual(
      [answer.body.receipt.seq, answer.body.receipt.state],
      [server.server.storage.log.head(), "enforced"],
    );
    assert.equal(verdictOf(server, device.access_token), "claims_changed");
    assert.equal(verdictOf(server, elsewhere.access_token), "allow");
    assert.equal(verdictOf(server, bystander.access_token), "allow");
    const next = await user.refreshed(device);
    assert.deepEqual([verdictOf(server, next.access_token), told(next.access_token).tier], ["allow", "free"]);

    await patched(user.path, { attributes: { plan: { tier: null } } });
    assert.equal(verdictOf(server, next.access_token), "claims_changed");
    assert.equal(told((await user.refreshed(next)).access_token).tier, undefined);
  });

  it("counts the name that an API has as a claim", async () => {
    const api = await createApi({ login: "username" });
    const user = await createUser({}, [api]);
    const device = await user.tokensFor(api);
    const changed = await patched(user.path, { username: `renamed-${made}` });
    assert.equal(changed.receipt.seq, server.server.storage.log.head());
    assert.equal(verdictOf(server, device.access_token), "claims_changed");
    assert.equal(told((await user.refreshed(device)).access_token).login, `renamed-${made}`);
  });

  it("counts for a token that was asked for without any permission of the API", async () => {
    const api = await createApi({ tier: "attributes.tier" });
    const user = await createUser({ tier: "gold" }, [api]);
    const device = await user.tokensFor(api, "openid");
    assert.deepEqual([told(device.access_token).tier, device.claims.scope], ["gold", ""]);
    await patched(user.path, { attributes: { tier: "free" } });
    assert.equal(verdictOf(server, device.access_token), "claims_changed");
  });

  it("ends nothing by what it adds, by what no API has, and of whom nobody has a token", async () => {
    const api = await createApi({ tier: "attributes.tier", note: "attributes.note" });
    const user = await createUser({ tier: "gold", shoes: 42 }, [api]);
    const head = () => server.server.storage.log.head();
    const before = head();
    assert.equal((await patched(user.path, { attributes: { tier: "silver" } })).receipt, undefined);
    const device = await user.tokensFor(api);
    const receipts = [
      await patched(user.path, { attributes: { note: "new" } }),
      await patched(user.path, { attributes: { shoes: 43 }, name: "Somebody" }),
    ].map(({ receipt }) => receipt);
    assert.deepEqual(receipts, [undefined, undefined]);
    assert.equal(head(), before);
    assert.equal(verdictOf(server, device.access_token), "allow");
    assert.equal(told((await user.refreshed(device)).access_token).note, "new");
  });

  it("is tried out: what it would end is counted, and nothing is changed", async () => {
    const api = await createApi({ tier: "attributes.tier" });
    const user = await createUser({ tier: "gold" }, [api]);
    const device = await user.tokensFor(api);
    const body = { attributes: { tier: "free" } };
    const tried = await ask(server, ["PATCH", `${user.path}?dryRun=true`], { body });
    assert.equal(tried.status, 200);
    const { users, sessions, apps } = tried.body.ends;
    assert.deepEqual([tried.body.dryRun, users, sessions, apps], [true, 1, 0, 1]);
    assert.equal(verdictOf(server, device.access_token), "allow");
    assert.equal((await done(server, ["GET", user.path])).attributes.tier, "gold");
    const nothing = await ask(server, ["PATCH", `${user.path}?dryRun=true`], { body: { name: "Somebody" } });
    assert.deepEqual(nothing.body.ends, { users: 0, sessions: 0, apps: 0, tokens: 0 });
  });

  it("is one record an API, whatever has changed, and is found by the user", async () => {
    const claims = { tier: "attributes.tier", town: "attributes.town" };
    const apis = [await createApi(claims), await createApi(claims)];
    const user = await createUser({ tier: "gold", town: "Bern" }, apis);
    for (const api of apis) await user.tokensFor(api);
    const before = server.server.storage.log.head();
    await patched(user.path, { attributes: { tier: "free", town: "Basel" } });
    assert.equal(server.server.storage.log.head(), before + apis.length);
  });
});

describe("a token that is being issued when its user changes", () => {
  it("is refused if it has the claims of before, since its horizon was sampled before they were read", async () => {
    let change: (() => Promise<unknown>) | undefined;
    // The first step behind the reading of the claims.
    const failpoint = async (step: string) => {
      const armed = step === "not_banned" ? change : undefined;
      if (armed !== undefined) change = undefined;
      await armed?.();
    };
    const other = await startAdministered(undefined, { failpoint });
    const before = server;
    server = other;
    try {
      const api = await createApi({ tier: "attributes.tier" });
      const user = await createUser({ tier: "gold" }, [api]);
      const device = await user.tokensFor(api);
      change = () =>
        other.server.storage.write(async (transaction) => {
          const row = await other.server.people.users.findRow(transaction, user.username);
          const fields = { ...fieldsOf(row), attributes: { tier: "free" } };
          return other.server.people.users.update(transaction, row, { fields, actor: "admin" });
        });
      const issued = await user.refreshed(device);
      assert.deepEqual(
        [told(issued.access_token).tier, verdictOf(other, issued.access_token)],
        ["gold", "claims_changed"],
      );
      const next = await user.refreshed(issued);
      assert.deepEqual(
        [told(next.access_token).tier, verdictOf(other, next.access_token)],
        ["free", "allow"],
      );
    } finally {
      server = before;
      await other.stop();
    }
  });
});

describe("the claims of an API that is seeded by the file", () => {
  it("are those of an API that the API made", async () => {
    const seeded = await startAdministered(({ resources }) => {
      Object.assign(resources.find(({ identifier }) => identifier === OTHER_RESOURCE)!, {
        claims: { tier: "attributes.tier" },
      });
    });
    try {
      const { claims } = await done(seeded, ["GET", `apis/${encodeURIComponent(OTHER_RESOURCE)}`]);
      assert.deepEqual(claims, { tier: "attributes.tier" });
    } finally {
      await seeded.stop();
    }
  });
});
