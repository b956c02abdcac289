/** What a call would end, as a dry run says it: never too little, and nothing is changed by asking. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { BlastRadius } from "@portcullis/protocol";
import { type Exchange, exchange, json, PlainBrowser } from "@portcullis/testing/end-to-end";
import { begin, machineToken, ok, passPages, refresh, type SignedIn, signIn, verdictOf } from "../app.ts";
import { BOB, OTHER_RESOURCE, RESOURCE, type ServerUnderTest, startServer } from "../server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer({
    change: ({ clients, issuer }) => {
      const admin = clients.find(({ clientId }) => clientId === "admin")!;
      admin.resources[`${issuer}/api`] = ["revocations.write", "users.write", "apps.write", "keys.write"];
    },
  });
});
after(() => server.stop());

interface Asked {
  readonly body?: object;
  readonly query?: string;
}

async function call(
  path: string,
  scope: string,
  { body, query = "?dryRun=true" }: Asked = {},
): Promise<Exchange> {
  const { issuer } = server;
  const accessToken = await machineToken(issuer, "admin", `${issuer}/api`, scope);
  return exchange(`${issuer}${path}${query}`, {
    method: "POST",
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: {
      authorization: `Bearer ${accessToken}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
  });
}

function radiusIn(answer: Exchange): BlastRadius {
  assert.equal(answer.status, 200, answer.body);
  const { dryRun, ends } = json<{ dryRun: boolean; ends: BlastRadius }>(answer);
  assert.equal(dryRun, true);
  return ends;
}

const ofRevoking = async (body: object) =>
  radiusIn(await call("/revocations", "revocations.write", { body }));

/** All that could be different when something was done: the log, and rows that live. */
async function stateOf() {
  const { storage } = server.server;
  const count = (table: "oidc_grants" | "oidc_artefacts" | "oidc_consents") =>
    storage.read
      .selectFrom(table)
      .select(({ fn }) => fn.countAll().as("count"))
      .executeTakeFirstOrThrow();
  const live = storage.read.selectFrom("oidc_sessions").select("uid").where("ended_at", "is", null);
  const disabled = storage.read.selectFrom("users").select("id").where("disabled_at", "is not", null);
  return JSON.stringify([
    storage.log.head(),
    await count("oidc_grants"),
    await count("oidc_artefacts"),
    await count("oidc_consents"),
    await live.execute(),
    await disabled.execute(),
  ]);
}

/** Alice's phone and laptop, with two apps on the laptop, and Bob's. The phone has refreshed twice. */
async function everybody() {
  const phone = await signIn(server);
  let { refresh_token } = phone;
  for (let times = 0; times < 2; times++)
    ({ refresh_token } = ok(await refresh(server.issuer, refresh_token)));
  const laptop = await signIn(server);
  const other = await signIn(server, {
    browser: laptop.browser,
    parameters: { client_id: "other", resource: OTHER_RESOURCE, scope: "openid bills.read" },
  });
  const bob = await signIn(server, { credentials: BOB });
  return { phone, laptop, other, bob };
}

/** Each sign-in gave a refresh token and an access token; each refresh one access token more. */
describe("a dry run", () => {
  let cast: Record<"phone" | "laptop" | "other" | "bob", SignedIn>;
  before(async () => {
    cast = await everybody();
  });

  it("counts the sessions, apps and tokens of a user, whatever the name, and changes nothing", async () => {
    const before = await stateOf();
    const expected = { users: 1, sessions: 2, apps: 2, tokens: 4 + 2 + 2 };
    for (const key of ["alice", "alice@example.com", cast.phone.claims.sub])
      assert.deepEqual(await ofRevoking({ scope: "subject", key }), expected);
    assert.deepEqual(radiusIn(await call("/api/v1/users/alice/disable", "users.write")), expected);
    assert.equal(await stateOf(), before);
    assert.equal(verdictOf(server, cast.phone.access_token), "allow");
  });

  it("counts one session with what hangs below it, and one grant without its session", async () => {
    const { laptop, phone } = cast;
    assert.deepEqual(await ofRevoking({ scope: "session", key: laptop.claims.sid }), {
      users: 1,
      sessions: 1,
      apps: 2,
      tokens: 4,
    });
    assert.deepEqual(await ofRevoking({ scope: "grant", key: phone.claims.gid }), {
      users: 1,
      sessions: 0,
      apps: 1,
      tokens: 4,
    });
  });

  it("counts codes that nobody has redeemed", async () => {
    const { laptop } = cast;
    const before = await ofRevoking({ scope: "session", key: laptop.claims.sid });
    await passPages(laptop.browser, begin(server.issuer).url);
    const after = await ofRevoking({ scope: "session", key: laptop.claims.sid });
    assert.equal(after.tokens, (before.tokens as number) + 1);
  });

  it("of a stale record counts access tokens alone, since sessions and refresh tokens live on", async () => {
    assert.deepEqual(await ofRevoking({ scope: "subject", key: "bob", mode: "stale" }), {
      users: 1,
      sessions: 0,
      apps: 1,
      tokens: 1,
    });
  });

  it("counts all users of an app, and one user's part of it", async () => {
    const web = radiusIn(await call("/api/v1/apps/web/disable", "apps.write"));
    assert.deepEqual([web.users, web.sessions, web.apps], [2, 0, 1]);
    const { subject, client } = { subject: "bob", client: "web" };
    assert.deepEqual(await ofRevoking({ scope: "subject-client", key: { subject, client } }), {
      users: 1,
      sessions: 0,
      apps: 1,
      tokens: 2,
    });
  });

  it("counts those of one API, and says unknown where apps may have tokens for themselves", async () => {
    const { apps, ...bills } = await ofRevoking({
      scope: "subject-audience",
      key: { subject: "alice", audience: OTHER_RESOURCE },
    });
    assert.deepEqual([apps, bills], [1, { users: 1, sessions: 0, tokens: 2 }]);
    assert.deepEqual(await ofRevoking({ scope: "audience", key: OTHER_RESOURCE }), {
      users: 1,
      sessions: 0,
      apps: 2,
      tokens: "unknown",
    });
    assert.equal((await ofRevoking({ scope: "audience", key: RESOURCE })).tokens, "unknown");
    const service = radiusIn(await call("/api/v1/apps/service/disable", "apps.write"));
    assert.deepEqual(service, { users: 0, sessions: 0, apps: 1, tokens: "unknown" });
  });

  it("counts a token for an API that was asked for without any permission of it", async () => {
    await signIn(server, {
      browser: cast.bob.browser,
      credentials: BOB,
      parameters: { client_id: "other", resource: OTHER_RESOURCE, scope: "openid" },
    });
    const key = { subject: "bob", audience: OTHER_RESOURCE };
    const { users, apps, tokens } = await ofRevoking({ scope: "subject-audience", key });
    assert.deepEqual([users, apps], [1, 1]);
    assert.ok((tokens as number) >= 1, `${tokens} tokens`);
  });

  it("of everything counts everybody", async () => {
    const { users, sessions, apps, tokens } = await ofRevoking({ scope: "issuer" });
    assert.deepEqual([users, sessions, tokens], [2, 3, "unknown"]);
    assert.ok((apps as number) >= 2 + 1);
  });

  it("of a signing key counts who has tokens, and no session", async () => {
    const { kid } = await server.server.ring.signingNow();
    const radius = radiusIn(await call(`/api/v1/keys/${kid}/retire`, "keys.write"));
    assert.deepEqual([radius.users, radius.sessions, radius.tokens], [2, 0, "unknown"]);
    assert.equal((await server.server.ring.signingNow()).kid, kid);
  });

  it("says what it cannot know of other issuers' tokens, and of one that is in no row", async () => {
    assert.deepEqual(await ofRevoking({ scope: "subject", key: "somebody", foreign: true }), {
      users: "unknown",
      sessions: 0,
      apps: "unknown",
      tokens: "unknown",
    });
    const { jti } = cast.bob.claims;
    assert.deepEqual(await ofRevoking({ scope: "token", key: jti }), {
      users: 1,
      sessions: 0,
      apps: 1,
      tokens: 1,
    });
  });

  it("is refused like the act itself", async () => {
    const status = async (path: string, scope: string, body?: object) =>
      (await call(path, scope, body === undefined ? {} : { body })).status;
    assert.equal(await status("/revocations", "revocations.write", { scope: "subject", key: "nobody" }), 404);
    assert.equal(await status("/api/v1/users/nobody/disable", "users.write"), 404);
    assert.equal(await status("/api/v1/apps/admin/disable", "apps.write"), 409);
    assert.equal(await status(`/api/v1/keys/${"A".repeat(43)}/retire`, "keys.write"), 404);
    const untrue = { scope: "subject", key: "bob", reason: "user_disabled" };
    assert.equal(await status("/revocations", "revocations.write", untrue), 409);
  });

  it("counts an access token until it has expired, also when the refresh token before it has", async () => {
    const device = await signIn(server, { browser: new PlainBrowser(), credentials: BOB });
    const { sid } = device.claims;
    ok(await refresh(server.issuer, device.refresh_token));
    assert.equal((await ofRevoking({ scope: "session", key: sid })).tokens, 3);
    server.advance(server.server.storage.log.tokenLifetimeSeconds * 1000 + 120_000);
    assert.equal((await ofRevoking({ scope: "session", key: sid })).tokens, 1);
  });

  it("finds nothing left once it is done", async () => {
    const nothing = { users: 0, sessions: 0, apps: 0, tokens: 0 };
    const done = await call("/api/v1/users/alice/disable", "users.write", { query: "" });
    assert.equal(done.status, 200, done.body);
    assert.deepEqual(radiusIn(await call("/api/v1/users/alice/disable", "users.write")), nothing);
    assert.deepEqual(await ofRevoking({ scope: "session", key: cast.laptop.claims.sid }), nothing);
    assert.deepEqual(await ofRevoking({ scope: "subject", key: "alice" }), nothing);
  });
});
