/** The forced-logout notice: who hears of which ending, what they hear, and who may listen at all. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import type { SessionEnded } from "@portcullis/protocol";
import { exchange, json } from "@portcullis/testing/end-to-end";
import { done, startAdministered } from "../api/administrator.ts";
import { claimsOf, ok, refresh, revokeByApi, type SignedIn, signIn } from "../oidc/app.ts";
import { BOB, REDIRECT_URI, type ServerUnderTest } from "../oidc/server-under-test.ts";
import { changePolicy } from "../sessions/policy.ts";
import { LAPTOP, PHONE, signInOn } from "../sessions/session-api.ts";
import { type Listening, listen } from "./listen.ts";

const PAGE = new URL(REDIRECT_URI).origin;
const LONG = { idleSeconds: 14 * 86_400, absoluteSeconds: 90 * 86_400, sessionLimit: undefined };

let server: ServerUnderTest;
const open: Listening[] = [];
before(async () => {
  server = await startAdministered(({ clients }) => {
    clients.push({ ...clients.find(({ clientId }) => clientId === "web")!, clientId: "own", ...OWN });
  });
});
after(() => server.stop());
beforeEach(() => changePolicy(server, LONG));
afterEach(() => {
  for (const stream of open.splice(0)) stream.close();
});

/** An app of the operator's own. */
const OWN = { firstParty: true };

async function listenAs({ id_token: token }: { id_token: string }, headers = {}): Promise<Listening> {
  const stream = await listen({ at: server.issuer, token, headers });
  open.push(stream);
  return stream;
}

async function opened(app: { id_token: string }): Promise<Listening> {
  const stream = await listenAs(app);
  assert.equal(stream.status, 200, stream.status === 200 ? "" : await stream.body);
  return stream;
}

const revoke = async (body: Record<string, unknown>): Promise<void> => {
  const answer = await revokeByApi(server, body);
  assert.equal(answer.status, 200, answer.body);
};

/** Whether it is silent is known once somebody who must hear later than it has heard. */
async function hasHeard(stream: Listening): Promise<boolean> {
  const silent = Symbol();
  return (await Promise.race([stream.ended, Promise.resolve(silent)])) !== silent;
}

const endSession = ({ claims: { sid, sub } }: SignedIn) =>
  server.server.oidc.endings.endSession({ uid: sid, accountId: sub });

describe("an app that listens", () => {
  it("finds where in the discovery document", async () => {
    const found = await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json();
    assert.equal(
      (found as Record<string, unknown>).portcullis_session_events_endpoint,
      `${server.issuer}/session/events`,
    );
  });

  const endings: Record<string, (app: SignedIn) => Record<string, unknown>> = {
    session: ({ claims }) => ({ scope: "session", key: claims.sid, reason: "kicked" }),
    grant: ({ claims }) => ({ scope: "grant", key: claims.gid, reason: "kicked" }),
    subject: ({ claims }) => ({ scope: "subject", key: claims.sub, reason: "kicked" }),
    "subject-client": ({ claims }) => ({
      scope: "subject-client",
      key: { subject: claims.sub, client: "web" },
      reason: "consent_withdrawn",
    }),
    client: () => ({ scope: "client", key: "web", reason: "revoked" }),
    issuer: () => ({ scope: "issuer", reason: "possible_loss" }),
  };
  for (const [scope, bodyFor] of Object.entries(endings))
    it(`hears of an ending of scope ${scope}, with its reason, and then the stream ends`, async () => {
      const app = await signIn(server);
      const stream = await opened(app);
      const body = bodyFor(app);
      await revoke(body);
      assert.deepEqual(await stream.ended, { reason: body.reason });
    });

  it("hears nothing of other people's sessions, of other sessions of its user, and of other apps in its session", async () => {
    const mine = await signIn(server);
    const otherDevice = await signIn(server);
    const other = await signIn(server, { browser: mine.browser, parameters: { client_id: "other" } });
    const bob = await signIn(server, { credentials: BOB });
    const streams = await Promise.all([mine, otherDevice, other, bob].map(opened));
    assert.equal(other.claims.sid, mine.claims.sid);
    await revoke({ scope: "grant", key: mine.claims.gid, reason: "kicked" });
    assert.deepEqual(await streams[0]!.ended, { reason: "kicked" });
    await endSession(bob);
    assert.deepEqual(await streams[3]!.ended, { reason: "logged_out" });
    assert.deepEqual([await hasHeard(streams[1]!), await hasHeard(streams[2]!)], [false, false]);
    await endSession(mine);
    assert.deepEqual(await streams[2]!.ended, { reason: "logged_out" });
    assert.equal(await hasHeard(streams[1]!), false);
  });

  it("goes on listening through refreshes and changes of claims", async () => {
    const app = await signIn(server);
    const stream = await opened(app);
    await revoke({ scope: "subject", key: app.claims.sub, mode: "stale", reason: "claims_changed" });
    ok(await refresh(server.issuer, app.refresh_token));
    await endSession(app);
    assert.deepEqual(await stream.ended, { reason: "logged_out" });
  });

  it("listens again with the ID token of a refresh", async () => {
    const app = await signIn(server);
    const next = ok(await refresh(server.issuer, app.refresh_token));
    const { gid, sid } = claimsOf(next.id_token);
    assert.deepEqual({ gid, sid }, { gid: app.claims.gid, sid: app.claims.sid });
    const stream = await opened(next);
    await endSession(app);
    assert.deepEqual(await stream.ended, { reason: "logged_out" });
  });

  it("hears by what it was replaced, and where only if it is the operator's own", async () => {
    await changePolicy(server, { sessionLimit: { max: 1, per: "user", overflow: "replaceOldest" } });
    const browser = (await signInOn(server, LAPTOP)).browser;
    const [theirs, own] = [
      await signIn(server, { browser }),
      await signIn(server, { browser, parameters: { client_id: "own" } }),
    ];
    const streams = await Promise.all([theirs, own].map(opened));
    server.advance(1000);
    await signInOn(server, PHONE);
    const [heard, heardOwn] = (await Promise.all(streams.map(({ ended }) => ended))) as SessionEnded[];
    assert.equal(heard!.reason, "replaced");
    assert.equal(heard!.replacedBy!.device, "Safari on iPhone");
    assert.ok(Math.abs(Date.parse(heard!.replacedBy!.at) - server.nowMs()) < 60_000);
    assert.equal(heard!.replacedBy!.address, undefined, "where the user is is not told to others");
    assert.equal(heardOwn!.replacedBy!.address, "127.0.0.1");
    const refused = await listenAs(theirs);
    assert.equal(refused.status, 401);
    assert.equal(JSON.parse(await refused.body).replacedBy.device, "Safari on iPhone");
  });

  it("hears by what it was replaced where the limit is one of the app", async () => {
    await changePolicy(server, { sessionLimit: { max: 1, per: "app", overflow: "replaceOldest" } });
    const app = await signInOn(server, LAPTOP);
    const stream = await opened(app);
    server.advance(1000);
    await signInOn(server, PHONE);
    const heard = await stream.ended;
    assert.deepEqual([heard?.reason, heard?.replacedBy?.device], ["replaced", "Safari on iPhone"]);
  });

  it("hears what the user is told of a ban", async () => {
    const app = await signIn(server, { credentials: BOB });
    const stream = await opened(app);
    const until = new Date(server.nowMs() + 3_600_000).toISOString();
    const body = { scope: "all", reason: "spam", message: "Write to us.", until };
    const { id } = await done(server, ["POST", `users/${BOB.username}/bans`], { body, scope: "bans.write" });
    const heard = await stream.ended;
    assert.deepEqual([heard?.reason, heard?.message], ["banned", "Write to us."]);
    assert.equal(Date.parse(heard!.until!), Math.floor(Date.parse(until) / 1000) * 1000);
    await done(server, ["DELETE", `bans/${id}`], { scope: "bans.write" });
  });

  it("is told at once, as verifiers tell it, when it asks after the end", async () => {
    const app = await signIn(server);
    await endSession(app);
    const refused = await listenAs(app, { origin: PAGE });
    assert.equal(refused.status, 401);
    assert.match(
      String(refused.headers["www-authenticate"]),
      /error="invalid_token".*mode="kill", reason="logged_out"/,
    );
    assert.match(String(refused.headers["access-control-expose-headers"]), /WWW-Authenticate/);
    const { mode, reason } = JSON.parse(await refused.body);
    assert.deepEqual({ mode, reason }, { mode: "kill", reason: "logged_out" });
  });

  it("keeps no session alive, and hears without a reason that one has run out by itself", async () => {
    const app = await signIn(server);
    const { sessionStreams } = server.server;
    const before = sessionStreams.size;
    const stream = await opened(app);
    await changePolicy(server, { idleSeconds: 600 });
    server.advance(9 * 60_000);
    await sessionStreams.beat();
    server.advance(5 * 60_000);
    await sessionStreams.beat();
    assert.equal(sessionStreams.size, before + 1, "the log may say why");
    await sessionStreams.beat();
    assert.deepEqual(await stream.ended, {});
    const refused = await listenAs(app);
    assert.deepEqual([refused.status, JSON.parse(await refused.body).mode], [401, undefined]);
  });

  it("is cut off without a word when the key of its ID token is retired, and listens on with the next", async () => {
    const app = await signIn(server);
    const stream = await opened(app);
    const kid = JSON.parse(Buffer.from(app.id_token.split(".")[0]!, "base64url").toString()).kid as string;
    await done(server, ["POST", `keys/${kid}/retire`], {});
    assert.equal(await stream.ended, undefined);
    assert.equal((await listenAs(app)).status, 401);
    await opened(ok(await refresh(server.issuer, app.refresh_token)));
  });

  it("leaves nothing behind when it goes away", async () => {
    const { sessionStreams } = server.server;
    const app = await signIn(server);
    const before = sessionStreams.size;
    const stream = await opened(app);
    assert.equal(sessionStreams.size, before + 1);
    stream.close();
    while (sessionStreams.size > before) await new Promise((resolve) => setImmediate(resolve));
  });
});

describe("who may listen", () => {
  const statusFor = async (token: string | undefined, headers = {}) => {
    const stream = await listen({ at: server.issuer, token, headers });
    open.push(stream);
    return stream.status;
  };

  it("is nobody without an ID token, with another kind of token, or with one of a session by its name alone", async () => {
    const app = await signIn(server);
    for (const token of [undefined, "x", app.access_token, app.refresh_token, app.claims.sid])
      assert.equal(await statusFor(token), 401, String(token));
    const [head, , signature] = app.id_token.split(".");
    const forged = Buffer.from(JSON.stringify(claimsOf(app.id_token))).toString("base64url");
    assert.equal(await statusFor(`${head}.${forged}x.${signature}`), 401);
    const inUrl = await exchange(`${server.issuer}/session/events?id_token=${app.id_token}`, {
      method: "GET",
    });
    assert.equal(inUrl.status, 401, "a token in a URL is not looked for");
    const twice = { authorization: `Bearer ${app.id_token}, Bearer ${app.id_token}` };
    assert.equal(await statusFor(undefined, twice), 401);
  });

  it("is nobody with an ID token that has expired: a refresh brings the next", async () => {
    const app = await signIn(server);
    server.advance(61 * 60_000);
    assert.equal(await statusFor(app.id_token), 401);
    await opened(ok(await refresh(server.issuer, app.refresh_token)));
  });

  it("is a page of the app, and of no other site", async () => {
    const app = await signIn(server);
    const page = await listenAs(app, { origin: PAGE });
    assert.deepEqual(
      [page.status, page.headers["access-control-allow-origin"], page.headers.vary],
      [200, PAGE, "Origin"],
    );
    assert.equal(page.headers["access-control-allow-credentials"], undefined, "no cookie counts here");
    for (const origin of ["https://evil.example", "null", `${PAGE}.evil.example`])
      assert.equal(await statusFor(app.id_token, { origin }), 403, origin);
  });

  it("is asked beforehand by a browser, and told which headers it may send", async () => {
    const asked = await fetch(`${server.issuer}/session/events`, {
      method: "OPTIONS",
      headers: { origin: PAGE, "access-control-request-method": "GET" },
    });
    assert.equal(asked.status, 204);
    assert.match(asked.headers.get("access-control-allow-headers")!, /authorization/i);
  });

  it("is nobody by another method", async () => {
    const answer = await exchange(`${server.issuer}/session/events`, { method: "POST" });
    assert.deepEqual([answer.status, json(answer).error], [405, "method_not_allowed"]);
    assert.equal((await fetch(`${server.issuer}/session/events`, { method: "HEAD" })).status, 405);
  });
});

describe("too many streams", () => {
  it("of one session are refused with 429 and when to come again, and one that closes makes room", async () => {
    const app = await signIn(server);
    const streams = await Promise.all(Array.from({ length: 20 }, () => opened(app)));
    const refused = await listenAs(app);
    assert.deepEqual(
      [refused.status, refused.headers["retry-after"], JSON.parse(await refused.body).error],
      [429, "60", "too_many_session_streams"],
    );
    await opened(await signIn(server));
    const { sessionStreams } = server.server;
    const before = sessionStreams.size;
    streams[0]!.close();
    while (sessionStreams.size >= before) await new Promise((resolve) => setImmediate(resolve));
    await opened(app);
  });
});
