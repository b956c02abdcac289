/** Apps by the API: what is created is there at once, what is changed ends what it makes untrue, and nothing else. */
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
  refresh,
  type SignedIn,
  signIn,
  token,
  verdictOf,
} from "../oidc/app.ts";
import {
  AFTER_LOGOUT,
  BOB,
  OTHER_RESOURCE,
  REDIRECT_URI,
  RESOURCE,
  type ServerUnderTest,
} from "../oidc/server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startAdministered();
});
after(() => server.stop());

const MAIL = {
  clientId: "mail",
  type: "spa",
  name: "Mail",
  redirectUris: [REDIRECT_URI],
  postLogoutRedirectUris: [AFTER_LOGOUT],
  apis: { [RESOURCE]: ["orders.read", "orders.write"] },
};

let made = 0;
/** Under a name of its own. */
async function create(settings: object = {}) {
  const clientId = `mail-${++made}`;
  return done(server, ["POST", "apps"], { body: { ...MAIL, clientId, ...settings } });
}

const change = (clientId: string, body: object, headers: Record<string, string> = {}) =>
  ask(server, ["PATCH", `apps/${clientId}`], { body, headers });

const basic = (client: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${client}:${secret}`).toString("base64")}`,
});

describe("an app that is created by the API", () => {
  it("lets users sign in at once, and is shown as it was asked for, with what was left out", async () => {
    const { status, body, headers } = await ask(server, ["POST", "apps"], { body: MAIL });
    assert.equal(status, 201, JSON.stringify(body));
    assert.deepEqual([headers.etag, headers.location], ['"1"', "/api/v1/apps/mail"]);
    const { createdAt, changedAt, ...shown } = body;
    assert.deepEqual(shown, {
      ...MAIL,
      clientAuthentication: "none",
      grantTypes: ["authorization_code", "refresh_token"],
      optionalScopes: [],
      firstParty: false,
      jsonSignIn: false,
      introspectsAnyToken: false,
      requirePkce: true,
      frontchannelLogoutSessionRequired: true,
      userinfoWithApiToken: false,
      backchannelLogoutSessionRequired: true,
      idTokenAlgorithm: "ES256",
      enabled: true,
      origin: "api",
      revision: 1,
    });
    assert.equal(createdAt, changedAt);
    const read = await ask(server, ["GET", "apps/mail"]);
    assert.deepEqual([read.body, read.headers.etag], [body, '"1"']);
    assert.equal((await signIn(server, { parameters: { client_id: "mail" } })).claims.client_id, "mail");
  });

  it("gets a secret once when it can keep one, and a name when none was chosen", async () => {
    const service = await done(server, ["POST", "apps"], {
      body: { type: "service", name: "Nightly", apis: { [RESOURCE]: ["orders.read"] } },
    });
    assert.match(service.clientId, /^app-[0-9a-f]{16}$/);
    assert.deepEqual(service.grantTypes, ["client_credentials"]);
    assert.match(service.clientSecret, /^pcl_secret_[\w-]{43}$/);
    const asked = { grant_type: "client_credentials", resource: RESOURCE };
    ok(await token(server.issuer, asked, basic(service.clientId, service.clientSecret)));
    assert.ok(
      !JSON.stringify(await done(server, ["GET", `apps/${service.clientId}`])).includes("pcl_secret"),
    );
  });

  it("is refused with all that is wrong with it, by name", async () => {
    const refused = await ask(server, ["POST", "apps"], {
      body: {
        ...MAIL,
        clientId: "wrong",
        grantTypes: ["client_credentials", "refresh_token"],
        redirectUris: ["http://elsewhere.example/callback", "https://mail.example/#x"],
        requirePkce: false,
        defaultApi: "https://nowhere.example",
        apis: { [RESOURCE]: ["orders.read", "orders.eat"], "https://unknown.example": ["x"] },
        accessTokenTtlSeconds: 2_000_000,
        refreshTokenIdleSeconds: 600,
        refreshTokenAbsoluteSeconds: 300,
      },
    });
    assert.deepEqual(refusalOf(refused), [
      400,
      "invalid_request",
      "clientAuthentication",
      "grantTypes",
      "redirectUris.0",
      "redirectUris.1",
      "requirePkce",
      "refreshTokenIdleSeconds",
      `apis.${RESOURCE}`,
      "apis.https://unknown.example",
      "defaultApi",
      "accessTokenTtlSeconds",
    ]);
    const types = await ask(server, ["POST", "apps"], {
      body: {
        clientId: "Vt8Vt7mGQf2bqfYkq0hZ0A",
        type: "agent",
        name: "  ",
        idTokenAlgorithm: "HS256",
        colour: 1,
      },
    });
    assert.deepEqual(refusalOf(types).toSorted(), [
      400,
      "clientId",
      "colour",
      "idTokenAlgorithm",
      "invalid_request",
      "name",
      "type",
    ]);
    assert.equal((await ask(server, ["GET", "apps/wrong"])).status, 404);
  });

  it("is refused where its type says otherwise", async () => {
    const wrong = async (settings: object) =>
      refusalOf(await ask(server, ["POST", "apps"], { body: { ...MAIL, clientId: "wrong", ...settings } }));
    const acting = { type: "service", grantTypes: ["authorization_code"] };
    assert.deepEqual(await wrong(acting), [400, "invalid_request", "grantTypes"]);
    assert.deepEqual(await wrong({ clientAuthentication: "secret" }), [
      400,
      "invalid_request",
      "clientAuthentication",
    ]);
    const scheme = { redirectUris: ["com.example.mail:/callback"] };
    assert.deepEqual(await wrong(scheme), [400, "invalid_request", "redirectUris.0"]);
    assert.equal((await create({ ...scheme, type: "native" })).type, "native");
  });

  it("never has a name that was given before", async () => {
    const { clientId } = await create();
    const again = { body: { ...MAIL, clientId } };
    assert.deepEqual(refusalOf(await ask(server, ["POST", "apps"], again)), [409, "client_exists"]);
    await done(server, ["DELETE", `apps/${clientId}`]);
    assert.deepEqual(refusalOf(await ask(server, ["POST", "apps"], again)), [409, "client_exists"]);
  });

  it("never has a name that a service could take for a user, whose sub it reads", async () => {
    for (const clientId of [
      "018f2c1e-7a30-7c3e-8f53-0d2a5f0a1b2c",
      "my-app-of-22-characters".slice(1),
      ".",
    ]) {
      const asked = { body: { ...MAIL, clientId } };
      assert.deepEqual(refusalOf(await ask(server, ["POST", "apps"], asked)), [
        400,
        "invalid_request",
        "clientId",
      ]);
    }
  });

  it("is made once of many that are asked for at the same time", async () => {
    const body = { ...MAIL, clientId: "raced" };
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => ask(server, ["POST", "apps"], { body })),
    );
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [201, ...Array(7).fill(409)]);
  });
});

describe("the list of apps", () => {
  it("comes in pages, and lets filters through alone", async () => {
    for (const name of ["Älter", "alter Ego", "100%"]) await create({ name, type: "native" });
    const [disabled] = [await create({ name: "Off" })];
    await done(server, ["POST", `apps/${disabled.clientId}/disable`]);
    const all: string[] = [];
    let next = "";
    do {
      const page = await done(server, [
        "GET",
        `apps?limit=3&total=true&cursor=${next}`.replace(/&cursor=$/, ""),
      ]);
      assert.ok(page.items.length <= 3);
      all.push(...page.items.map(({ clientId }: { clientId: string }) => clientId));
      next = page.next ?? "";
      if (next === "") assert.equal(page.total, all.length);
    } while (next !== "");
    assert.deepEqual(all, all.toSorted());
    assert.ok(all.includes("web") && all.includes(disabled.clientId));
    const named = async (query: string) =>
      (await done(server, ["GET", `apps?limit=200&${query}`])).items.map(
        ({ name }: { name: string }) => name,
      );
    assert.deepEqual(await named("type=native&name=%C3%84L"), ["Älter"]);
    assert.deepEqual(await named("type=native&name=ALTER"), ["alter Ego"]);
    assert.deepEqual(await named("name=100%25"), ["100%"]);
    assert.deepEqual(await named("name=%25"), []);
    assert.deepEqual(await named("enabled=false"), ["Off"]);
    assert.ok(!(await named("enabled=true")).includes("Off"));
    assert.equal((await ask(server, ["GET", "apps?type=agent"])).status, 400);
  });
});

describe("a change of an app", () => {
  it("of its name and addresses ends nothing, and counts at once", async () => {
    const { clientId } = await create();
    const parameters = { client_id: clientId };
    const device = await signIn(server, { parameters });
    const { status, body, headers } = await change(clientId, {
      name: "Post",
      redirectUris: [REDIRECT_URI, "https://mail.example/callback"],
      postLogoutRedirectUris: null,
    });
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual([body.name, body.postLogoutRedirectUris, body.revision], ["Post", [], 2]);
    assert.deepEqual([headers.etag, body.receipt], ['"2"', undefined]);
    assert.equal(verdictOf(server, device.access_token), "allow");
    ok(await refresh(server.issuer, device.refresh_token, parameters));
    const page = await new PlainBrowser().open(begin(server.issuer, parameters).url, isEnd);
    assert.match(page.body, /Post/);
  });

  it("that takes a permission away makes its tokens stale, and the next refresh goes without it", async () => {
    const { clientId } = await create();
    const parameters = { client_id: clientId };
    const scope = "openid orders.read orders.write";
    const device = await signIn(server, { parameters: { ...parameters, scope } });
    const bystander = await signIn(server);
    const { status, body } = await change(clientId, { apis: { [RESOURCE]: ["orders.read"] } });
    assert.equal(status, 200);
    assert.equal(body.receipt.seq, server.server.storage.log.head());
    assert.equal(verdictOf(server, device.access_token), "claims_changed");
    assert.equal(verdictOf(server, bystander.access_token), "allow");
    const next = ok(await refresh(server.issuer, device.refresh_token, parameters));
    assert.equal(claimsOf(next.access_token).scope, "orders.read");
    assert.equal(verdictOf(server, next.access_token), "allow");
  });

  it("that takes an API away makes its tokens stale, and none follows", async () => {
    const { clientId } = await create();
    const parameters = { client_id: clientId };
    const device = await signIn(server, { parameters });
    await change(clientId, { apis: { [RESOURCE]: null, [OTHER_RESOURCE]: ["bills.read"] } });
    assert.equal(verdictOf(server, device.access_token), "claims_changed");
    assertRefused(await refresh(server.issuer, device.refresh_token, parameters), "invalid_target");
  });

  it("that gives a permission ends nothing", async () => {
    const { clientId } = await create({ apis: { [RESOURCE]: ["orders.read"] } });
    const device = await signIn(server, { parameters: { client_id: clientId } });
    const { body } = await change(clientId, { apis: { [RESOURCE]: ["orders.read", "orders.write"] } });
    assert.equal(body.receipt, undefined);
    assert.equal(verdictOf(server, device.access_token), "allow");
  });

  it("that is none changes nothing", async () => {
    const { clientId } = await create();
    const { body, headers } = await change(clientId, { name: "Mail", apis: {} });
    assert.deepEqual([body.revision, headers.etag], [1, '"1"']);
  });

  it("is made to the version that was seen, if one is named: of two at once one is refused", async () => {
    const { clientId } = await create();
    const match = { "if-match": '"1"' };
    const answers = await Promise.all(["A", "B", "C"].map((name) => change(clientId, { name }, match)));
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 412, 412]);
    const refused = answers.find(({ status }) => status === 412)!;
    assert.deepEqual(refusalOf(refused), [412, "precondition_failed"]);
    assert.equal((await change(clientId, { name: "D" }, { "if-match": '"2"' })).status, 200);
  });

  it("cannot be one of what it is", async () => {
    const { clientId } = await create();
    const refused = await change(clientId, {
      type: "web",
      clientAuthentication: "secret",
      clientId: "x",
      name: null,
    });
    assert.deepEqual(refusalOf(refused).toSorted(), [
      400,
      "clientAuthentication",
      "clientId",
      "invalid_request",
      "name",
      "type",
    ]);
  });

  it("that makes it ask its users ends what it was given without asking, and what they allowed lives on", async () => {
    const { clientId } = await create({ firstParty: true });
    const parameters = { client_id: clientId };
    const unasked = await signIn(server, { parameters, credentials: BOB });
    const allowed = await signIn(server, { parameters: { ...parameters, prompt: "consent" } });
    const { body } = await change(clientId, { firstParty: false });
    assert.equal(body.receipt.seq, server.server.storage.log.head());
    assert.equal(verdictOf(server, unasked.access_token), "consent_withdrawn");
    assertRefused(await refresh(server.issuer, unasked.refresh_token, parameters), "invalid_grant");
    assert.equal(verdictOf(server, allowed.access_token), "allow");
    const asks = async ({ browser }: SignedIn) =>
      !isEnd((await browser.open(begin(server.issuer, parameters).url, isEnd)).url);
    assert.deepEqual([await asks(unasked), await asks(allowed)], [true, false]);
  });
});

describe("an app that is deleted", () => {
  it("ends with all that it holds, and with a receipt; other apps live on", async () => {
    const { clientId } = await create();
    const parameters = { client_id: clientId };
    const device = await signIn(server, { parameters });
    const bystander = await signIn(server);
    const { status, body } = await ask(server, ["DELETE", `apps/${clientId}`], {
      headers: { prefer: "wait=2" },
    });
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual([body.clientId, body.name, body.receipt.state], [clientId, "Mail", "enforced"]);
    assert.equal(verdictOf(server, device.access_token), "client_disabled");
    assertRefused(await refresh(server.issuer, device.refresh_token, parameters), "invalid_client", 401);
    assert.equal(verdictOf(server, bystander.access_token), "allow");
    assert.deepEqual(refusalOf(await ask(server, ["GET", `apps/${clientId}`])), [404, "unknown_client"]);
    assert.deepEqual(refusalOf(await ask(server, ["DELETE", `apps/${clientId}`])), [404, "unknown_client"]);
  });

  it("is still named to whoever had allowed it something", async () => {
    const { clientId } = await create({ name: "Gone & forgotten" });
    const device = await signIn(server, { parameters: { client_id: clientId } });
    await done(server, ["DELETE", `apps/${clientId}`]);
    const account = await device.browser.open(new URL("/account", server.issuer));
    assert.match(account.body, /Gone &amp; forgotten/);
  });

  it("is not the app that makes the call, nor a version that somebody else has changed", async () => {
    assert.deepEqual(refusalOf(await ask(server, ["DELETE", "apps/admin"])), [409, "own_app"]);
    const { clientId } = await create();
    await change(clientId, { name: "Other" });
    const stale = await ask(server, ["DELETE", `apps/${clientId}`], { headers: { "if-match": '"1"' } });
    assert.deepEqual(refusalOf(stale), [412, "precondition_failed"]);
  });
});

describe("whoever administers apps", () => {
  it("needs the scope", async () => {
    const api = `${server.issuer}/api`;
    const reader = await machineToken(server.issuer, "admin", api, "apps.read");
    assert.ok(reader);
    assert.equal((await ask(server, ["GET", "apps"], { scope: "apps.write" })).status, 403);
    assert.equal((await ask(server, ["POST", "apps"], { scope: "apps.read", body: MAIL })).status, 403);
  });

  it("gives no permission at this API that it has not, and edits no app that has one", async () => {
    const api = `${server.issuer}/api`;
    const apis = { [api]: ["apps.write", "apps.read"] };
    const clerk = await done(server, ["POST", "apps"], { body: { type: "service", name: "Clerk", apis } });
    const asked = { grant_type: "client_credentials", resource: api, scope: "apps.write apps.read" };
    const { access_token } = ok(await token(server.issuer, asked, basic(clerk.clientId, clerk.clientSecret)));
    const asClerk = async (method: "POST" | "PATCH", path: string, body: object) =>
      refusalOf(
        await ask(server, [method, path], { body, headers: { authorization: `Bearer ${access_token}` } }),
      ).slice(0, 2);
    const powerful = { type: "service", name: "Mine", apis: { [api]: ["users.write"] } };
    assert.deepEqual(await asClerk("POST", "apps", powerful), [403, "not_yours_to_give"]);
    assert.deepEqual(await asClerk("PATCH", "apps/admin", { name: "X" }), [403, "not_yours_to_give"]);
    assert.deepEqual(await asClerk("POST", "apps/admin/secrets", {}), [403, "not_yours_to_give"]);
    assert.deepEqual(await asClerk("PATCH", `apps/${clerk.clientId}`, { apis: { [api]: ["keys.write"] } }), [
      403,
      "not_yours_to_give",
    ]);
    const harmless = { type: "service", name: "Yours", apis: { [api]: ["apps.read"] } };
    assert.deepEqual(await asClerk("POST", "apps", harmless), [201, undefined]);
  });
});
