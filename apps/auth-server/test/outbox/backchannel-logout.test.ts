/** Back-channel logout, from the ending to the app (OpenID Connect Back-Channel Logout 1.0): docs/guides/back-channel-logout.md. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { after, before, describe, it } from "node:test";
import { API_SCOPES, type Delivery, type Receipt } from "@portcullis/protocol";
import { exchange, json, until } from "@portcullis/testing/end-to-end";
import { sql } from "kysely";
import { machineToken, refresh, revokeToken, type SignedIn, signIn } from "../oidc/app.ts";
import { AFTER_LOGOUT, BOB, RESOURCE, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import { type RelyingParty, startRelyingParty } from "./relying-party.ts";

let server: ServerUnderTest;
let party: RelyingParty;

before(async () => {
  party = await startRelyingParty({
    issuer: () => server.issuer,
    clientOf: (path) => path.slice(1),
    nowMs: () => server.nowMs(),
  });
  server = await startServer({
    change(document) {
      Object.assign(document, { outgoing: { privateTargets: [new URL(party.origin).host] } });
      for (const client of document.clients) {
        if (client.clientId === "admin")
          client.resources[`${document.issuer}/api`] = Object.values(API_SCOPES);
        if (!["web", "other"].includes(client.clientId)) continue;
        Object.assign(client, {
          backchannelLogoutUri: `${party.origin}/${client.clientId}`,
          firstParty: true,
        });
      }
    },
  });
});

after(async () => {
  await server.stop();
  await party.stop();
});

const OTHER = { client_id: "other", scope: "openid orders.read" };

async function call(method: string, path: string, body?: object, prefer = "wait=20") {
  const scope = Object.values(API_SCOPES).join(" ");
  const token = await machineToken(server.issuer, "admin", `${server.issuer}/api`, scope);
  return exchange(`${server.issuer}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      prefer,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

const endSession = (signedIn: SignedIn, prefer?: string) =>
  call("DELETE", `/sessions/${signedIn.claims.sid}`, undefined, prefer);

const receiptOf = (answer: Parameters<typeof json>[0]): Receipt => {
  const body = json<Receipt & { receipt?: Receipt }>(answer);
  return body.receipt ?? body;
};

const rowsOf = ({ claims }: SignedIn) =>
  server.server.storage.read.selectFrom("outbox").selectAll().where("session_uid", "=", claims.sid).execute();

async function deliveries(state: string, recipient = "web"): Promise<readonly Delivery[]> {
  const answer = await call("GET", `/deliveries?state=${state}&recipient=${recipient}`);
  assert.equal(answer.status, 200, answer.body);
  return json<{ items: Delivery[] }>(answer).items;
}

describe("an app that has an address for it", () => {
  it("is told of a session that was ended, with the subject and the session of its ID token", async () => {
    const alice = await signIn(server);
    await endSession(alice);
    const [token] = await party.tokens("/web", alice.claims.sid);
    assert.deepEqual([token?.sub, token?.sid], [alice.claims.sub, alice.claims.sid]);
    assert.deepEqual(party.refused, []);
  });

  it("is told once, and so is each app of the session", async () => {
    const alice = await signIn(server);
    await signIn(server, { browser: alice.browser, parameters: OTHER });
    const { recipients } = receiptOf(await endSession(alice));
    assert.deepEqual(recipients, [
      { recipient: "other", outcome: "delivered" },
      { recipient: "web", outcome: "delivered" },
    ]);
    const told = party.received.filter(({ token }) => token.sid === alice.claims.sid);
    assert.deepEqual(told.map(({ path }) => path).toSorted(), ["/other", "/web"]);
  });

  it("is told when its user signs out of the browser", async () => {
    const alice = await signIn(server);
    const query = new URLSearchParams({
      client_id: "web",
      id_token_hint: alice.id_token,
      post_logout_redirect_uri: AFTER_LOGOUT,
    });
    const at = new URL(`/logout?${query}`, server.issuer);
    await alice.browser.open(at, (url) => url.href.startsWith(AFTER_LOGOUT));
    await party.tokens("/web", alice.claims.sid);
  });

  it("is told when it revokes its refresh token, which ends its part of the session alone", async () => {
    const alice = await signIn(server);
    await signIn(server, { browser: alice.browser, parameters: OTHER });
    await revokeToken(server.issuer, alice.refresh_token);
    await party.tokens("/web", alice.claims.sid);
    assert.deepEqual(
      (await rowsOf(alice)).map(({ recipient }) => recipient),
      ["web"],
    );
  });

  it("is told when a refresh token of it is used twice", async () => {
    const alice = await signIn(server);
    await refresh(server.issuer, alice.refresh_token);
    server.advance(60_000);
    await refresh(server.issuer, alice.refresh_token);
    await party.tokens("/web", alice.claims.sid);
  });

  it("is not told of what ended nothing", async () => {
    const alice = await signIn(server);
    const ended = await endSession(alice);
    const repeated = await endSession(alice);
    assert.equal(repeated.status, 200);
    assert.equal(receiptOf(repeated).seq, receiptOf(ended).seq);
    assert.equal((await rowsOf(alice)).length, 1);
  });

  it("is not told by a dry run", async () => {
    const alice = await signIn(server);
    const tried = await call("DELETE", `/sessions/${alice.claims.sid}?dryRun=true`);
    assert.equal(tried.status, 200, tried.body);
    assert.deepEqual(await rowsOf(alice), []);
  });

  it("is told though it was deleted with its sessions", async () => {
    const made = await call("POST", "/apps", {
      clientId: "short-lived",
      type: "spa",
      name: "Short-lived",
      firstParty: true,
      redirectUris: ["http://127.0.0.1:9403/callback"],
      apis: { [RESOURCE]: ["orders.read"] },
      backchannelLogoutUri: `${party.origin}/short-lived`,
    });
    assert.equal(made.status, 201, made.body);
    const bob = await signIn(server, {
      credentials: BOB,
      parameters: { client_id: "short-lived", scope: "openid orders.read" },
    });
    const { recipients } = receiptOf(await call("DELETE", "/apps/short-lived"));
    assert.deepEqual(recipients, [{ recipient: "short-lived", outcome: "delivered" }]);
    await party.tokens("/short-lived", bob.claims.sid);
  });

  it("is not told of a session that it is in again by the time of the try", async () => {
    party.answer("/web", (response) => response.writeHead(500).end());
    const alice = await signIn(server);
    await signIn(server, { browser: alice.browser, parameters: OTHER });
    await revokeToken(server.issuer, alice.refresh_token);
    await party.tokens("/web", alice.claims.sid);
    const again = await signIn(server, { browser: alice.browser });
    assert.equal(again.claims.sid, alice.claims.sid);
    party.answer("/web", (response) => response.writeHead(200).end());
    server.advance(60_000);
    await server.server.outbox.deliverDue();
    assert.deepEqual(await rowsOf(alice), []);
    assert.equal((await party.tokens("/web", alice.claims.sid)).length, 1);
  });
});

describe("an app without an address", () => {
  it("has no line in the receipt, and nothing is kept for it", async () => {
    await call("PATCH", "/apps/other", { backchannelLogoutUri: null });
    const alice = await signIn(server, { parameters: OTHER });
    const receipt = receiptOf(await endSession(alice));
    assert.equal(receipt.recipients, undefined);
    assert.deepEqual(await rowsOf(alice), []);
    await call("PATCH", "/apps/other", { backchannelLogoutUri: `${party.origin}/other` });
  });

  it("is unsupported where it lost its address after the session had ended", async () => {
    party.answer("/other", (response) => response.writeHead(503).end());
    const alice = await signIn(server, { parameters: OTHER });
    const { seq, recipients } = receiptOf(await endSession(alice));
    assert.deepEqual(recipients, [{ recipient: "other", outcome: "pending" }]);
    await call("PATCH", "/apps/other", { backchannelLogoutUri: null });
    server.advance(60_000);
    await server.server.outbox.deliverDue();
    const shown = await exchange(`${server.issuer}/revocations/${seq}`, {
      headers: { authorization: `Bearer ${await inspector()}` },
    });
    assert.deepEqual(json<{ receipt: Receipt }>(shown).receipt.recipients, [
      { recipient: "other", outcome: "unsupported" },
    ]);
    await call("PATCH", "/apps/other", { backchannelLogoutUri: `${party.origin}/other` });
    party.answer("/other", (response) => response.writeHead(200).end());
  });

  const inspector = () =>
    machineToken(server.issuer, "admin", `${server.issuer}/api`, API_SCOPES.inspectRevocations);
});

describe("an address that is no good", () => {
  const refused = async (backchannelLogoutUri: string) => {
    const answer = await call("PATCH", "/apps/other", { backchannelLogoutUri });
    assert.equal(answer.status, 400, answer.body);
    const { problems } = json<{ problems: { field: string }[] }>(answer);
    assert.deepEqual(
      problems.map(({ field }) => field),
      ["backchannelLogoutUri"],
    );
  };
  it("is refused with plain HTTP", () => refused("http://app.example/logout"));
  it("is refused with a fragment", () => refused("https://app.example/logout#here"));
  it("is refused with a private address", () => refused("https://10.1.2.3/logout"));
  it("is refused with a password", () => refused("https://user:password@app.example/logout"));
});

describe("an app that cannot be reached", () => {
  it("holds up neither the ending nor the receipt for longer than one try", async () => {
    const { promise: asked, resolve } = Promise.withResolvers<ServerResponse>();
    party.answer("/web", resolve);
    const alice = await signIn(server);
    const hurried = receiptOf(await endSession(alice, "wait=0"));
    assert.deepEqual(hurried.recipients, [{ recipient: "web", outcome: "pending" }]);
    assert.equal(hurried.state, "enforced");
    (await asked).writeHead(500).end();
    await until(async () => (await rowsOf(alice))[0]!.last_error, { what: "a try that failed" });
    const patient = receiptOf(await endSession(alice));
    assert.deepEqual(patient.recipients, hurried.recipients, "which is tried again in half a minute");
  });

  it("is tried six times within an hour, each time with a new token, and then it is dead", async () => {
    for (const answer of [
      (response: { destroy(): void }) => response.destroy(),
      (response: { writeHead(status: number, headers?: object): { end(): void } }) =>
        response.writeHead(302, { location: `${party.origin}/other` }).end(),
    ]) {
      party.answer("/web", answer as never);
      const alice = await signIn(server);
      const { seq } = receiptOf(await endSession(alice));
      for (let tries = 1; tries < 6; tries++) {
        const [row] = await rowsOf(alice);
        assert.deepEqual([row?.state, row?.attempts], ["pending", tries]);
        server.advance(row!.next_at - server.nowMs());
        await server.server.outbox.deliverDue();
      }
      const tokens = await party.tokens("/web", alice.claims.sid, 6);
      assert.equal(new Set(tokens.map(({ jti }) => jti)).size, 6);
      assert.ok(tokens.at(-1)!.iat! - tokens[0]!.iat! <= 3600, "within an hour");
      const [dead] = (await deliveries("dead")).filter(({ sid }) => sid === alice.claims.sid);
      assert.deepEqual([dead?.attempts, dead?.seq], [6, seq]);
      const lines = server.logged("delivery_dead").filter(({ recipient }) => recipient === "web");
      assert.equal(lines.at(-1)?.level, "error");
      assert.ok(!JSON.stringify(lines).includes(alice.claims.sid), "no identifier of the session");
    }
    assert.deepEqual(
      party.received.filter(({ path }) => path === "/other").map(({ token }) => token.aud),
      party.received.filter(({ path }) => path === "/other").map(() => "other"),
      "no redirect is followed",
    );
    party.answer("/web", (response) => response.writeHead(204).end());
  });

  it("is told what was dead once an operator has it tried again", async () => {
    const [dead] = await deliveries("dead");
    const answer = await call("POST", `/deliveries/${dead!.id}/replay`);
    assert.equal(answer.status, 200, answer.body);
    assert.equal(json<Delivery>(answer).attempts, 0);
    await server.server.outbox.deliverDue();
    const [delivered] = (await deliveries("delivered")).filter(({ id }) => id === dead!.id);
    assert.equal(delivered?.state, "delivered");
    const repeated = await call("POST", `/deliveries/${dead!.id}/replay`);
    assert.deepEqual([repeated.status, json(repeated).code], [409, "delivery_not_dead"]);
  });

  it("is not told what an operator has dropped", async () => {
    const [dead] = await deliveries("dead");
    const dropped = await call("DELETE", `/deliveries/${dead!.id}`);
    assert.deepEqual([dropped.status, json<Delivery>(dropped).state], [200, "dropped"]);
    const again = await call("DELETE", `/deliveries/${dead!.id}`);
    assert.deepEqual([again.status, json(again).code], [409, "delivery_over"]);
    const unknown = await call("DELETE", "/deliveries/nothing");
    assert.deepEqual([unknown.status, json(unknown).code], [404, "unknown_delivery"]);
  });
});

describe("more than can be ended at once", () => {
  it("loses no app when the server is stopped before its grants are looked at", async () => {
    const alice = await signIn(server);
    await copyGrants(alice, MANY);
    await call("POST", "/apps/web/disable", undefined, "wait=0");
    await server.restart();
    await server.prune();
    await server.server.outbox.deliverDue();
    const { rows } = await sql<{ number: number }>`select count(*) as number from outbox
      where state = 'delivered' and session_uid like 'copy-%'`.execute(server.server.storage.read);
    assert.equal(Number(rows[0]!.number), MANY);
    await call("POST", "/apps/web/enable");
  });

  it("loses no app where the server was away until the sessions had long expired", async () => {
    const alice = await signIn(server);
    await copyGrants(alice, 3, "late");
    const { read, write } = server.server.storage;
    const seq = server.server.storage.log.head() + 1;
    await write(async ({ db }) => {
      await db.insertInto("oidc_bulk_endings").values({ scope: "client", key: "web", seq }).execute();
      const sessions = db.updateTable("oidc_sessions").set({ expires_at: 1 });
      await sessions.where("uid", "like", "late-%").execute();
    });
    await server.prune();
    const { rows } = await sql<{ number: number }>`select count(*) as number from outbox
      where seq = ${seq} and session_uid like 'late-%'`.execute(read);
    assert.equal(Number(rows[0]!.number), 3);
  });

  it("loses no app where a policy ends more sessions than have records of their own", async () => {
    const alice = await signIn(server);
    await copyGrants(alice, 1001, "old");
    server.advance(10 * 60_000);
    const changed = await call("PATCH", "/policies/default", { idleSeconds: 300 }, "wait=0");
    const { seq, recipients } = receiptOf(changed);
    const line = recipients?.find(({ recipient }) => recipient === "web");
    assert.equal(line?.outcome, "pending");
    const { read, write } = server.server.storage;
    const { rows } = await sql<{ number: number }>`select count(*) as number from outbox
      where seq = ${seq} and session_uid like 'old-%'`.execute(read);
    assert.equal(Number(rows[0]!.number), 1001);
    await write(({ db }) => db.deleteFrom("outbox").where("session_uid", "like", "old-%").execute());
    await call("PATCH", "/policies/default", { idleSeconds: 86_400 });
  });

  /** Beyond what is ended in the transaction itself. */
  const MANY = 205;

  /** Sessions of the same user, each with a grant of the same app. */
  const copyGrants = ({ claims }: SignedIn, count: number, name = "copy") =>
    server.server.storage.write(async ({ db }) => {
      const sessions = db.selectFrom("oidc_sessions").selectAll().where("uid", "=", claims.sid);
      const session = await sessions.executeTakeFirstOrThrow();
      const grants = db.selectFrom("oidc_grants").selectAll().where("id", "=", claims.gid);
      const grant = await grants.executeTakeFirstOrThrow();
      const uids = Array.from({ length: count }, (_, at) => `${name}-${at}`.padEnd(22, "x"));
      for (let at = 0; at < count; at += 250) {
        const some = uids.slice(at, at + 250);
        await db
          .insertInto("oidc_sessions")
          .values(some.map((uid) => ({ ...session, uid })))
          .execute();
        await db
          .insertInto("oidc_grants")
          .values(some.map((uid) => ({ ...grant, id: uid, session_uid: uid })))
          .execute();
      }
    });
});

it("says in its metadata that it tells apps, and names the session", async () => {
  const metadata = json(await exchange(`${server.issuer}/.well-known/openid-configuration`));
  assert.equal(metadata.backchannel_logout_supported, true);
  assert.equal(metadata.backchannel_logout_session_supported, true);
});

it("forgets what arrived after a day", async () => {
  const before = await deliveries("delivered");
  assert.notDeepEqual(before, []);
  server.advance(25 * 60 * 60 * 1000);
  await server.prune();
  const after = new Set((await deliveries("delivered")).map(({ id }) => id));
  assert.deepEqual(
    before.filter(({ id }) => after.has(id)),
    [],
  );
});
