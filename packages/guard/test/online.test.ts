/** Routes that ask the issuer where the replica cannot say. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { encodeOpaqueToken, type JsonObject } from "@portcullis/protocol";
import { AUDIENCE, newIdentifier } from "@portcullis/testing";
import type { Decision, Freshness } from "../src/index.ts";
import { guardedApi, ISSUER } from "./guarded-api.ts";

const ONLINE: Freshness = { policy: "online", maxAgeMs: 5000 };

function online(freshness: Freshness = ONLINE) {
  const asked: string[] = [];
  const world = {
    answer: async (_token: string): Promise<JsonObject> => ({ active: true }),
    introspects: "any" as "any" | readonly string[],
  };
  const api = guardedApi({
    freshness,
    introspect: async (token) => {
      asked.push(token);
      return { claims: await world.answer(token), introspects: world.introspects };
    },
  });
  return { ...api, asked, world };
}

const codeOf = (decision: Decision): string =>
  decision.outcome === "allow" ? "allow" : [decision.code, decision.body.reason].filter(Boolean).join(" ");

test("while the replica is fresh nobody is asked", async () => {
  const { guard, bearer, asked } = online();
  const decision = guard.authenticate(bearer());
  assert.ok(!(decision instanceof Promise) && decision.outcome === "allow" && !decision.unconfirmed);
  assert.equal(asked.length, 0);
});

test("when it is too old, a token passes that the issuer calls good, and a dead one is refused", async () => {
  const { guard, bearer, asked, world, revocations } = online();
  revocations.ageMs = 60_000;
  const good = bearer();
  const decision = await guard.authenticate(good);
  assert.ok(decision.outcome === "allow" && !decision.unconfirmed);
  world.answer = async () => ({ active: false });
  const dead = await guard.authenticate(bearer());
  assert.ok(dead.outcome === "deny");
  assert.deepEqual([dead.status, dead.code], [401, "inactive_token"]);
  assert.equal(codeOf(await guard.authenticate(good)), "inactive_token", "each request is asked about");
  assert.equal(asked.length, 3);
});

test("the lease counts, whatever a route would accept", async () => {
  const { guard, bearer, asked, revocations } = online({ policy: "online", maxAgeMs: 60_000 });
  revocations.ageMs = revocations.leaseMs + 1;
  assert.equal(codeOf(await guard.authenticate(bearer())), "allow");
  assert.equal(asked.length, 1);
});

test("with 0 the issuer is asked for each request, however fresh the replica is", async () => {
  const { guard, bearer, asked, world } = online({ policy: "online", maxAgeMs: 0 });
  const token = bearer();
  assert.equal(codeOf(await guard.authenticate(token)), "allow");
  world.answer = async () => ({ active: false, reason: "logged_out" });
  assert.equal(codeOf(await guard.authenticate(token)), "killed logged_out");
  assert.equal(asked.length, 2);
});

test("an issuer that cannot be asked either is 503, never 401", async () => {
  const { guard, bearer, world, revocations } = online();
  revocations.ageMs = 60_000;
  world.answer = () => Promise.reject(new Error("down"));
  for (let at = 0; at < 10; at++) {
    const denied = await guard.authenticate(bearer());
    assert.ok(denied.outcome === "deny");
    assert.deepEqual([denied.status, denied.code], [503, "introspection_unavailable"]);
  }
  assert.deepEqual([guard.introspection!.failed, guard.introspection!.turnedAway], [5, 5]);
});

test("without the right to ask about the API it is 503 as well", async () => {
  const { guard, bearer, world, revocations } = online();
  revocations.ageMs = 60_000;
  world.answer = async () => ({ active: false });
  world.introspects = [];
  assert.equal(codeOf(await guard.authenticate(bearer())), "introspection_not_allowed");
});

test("what the replica knows is refused without a question", async () => {
  const { guard, bearer, asked, revocations } = online();
  revocations.ageMs = 60_000;
  const sid = newIdentifier();
  revocations.revoke("session", sid, "kicked");
  assert.equal(codeOf(await guard.authenticate(bearer({ sid }))), "killed kicked");
  assert.equal(asked.length, 0);
});

test("what the replica hears while the issuer is asked counts", async () => {
  const { guard, bearer, world, revocations } = online();
  revocations.ageMs = 60_000;
  const sid = newIdentifier();
  world.answer = async () => {
    revocations.revoke("session", sid, "kicked");
    return { active: true };
  };
  assert.equal(codeOf(await guard.authenticate(bearer({ sid }))), "killed kicked");
});

test("a token that the issuer would not be asked about is refused without it", async () => {
  const { guard, bearer, asked, revocations } = online();
  revocations.ageMs = 60_000;
  assert.equal(codeOf(await guard.authenticate(bearer({ aud: "https://other.example" }))), "wrong_audience");
  assert.equal(codeOf(await guard.authenticate("Bearer a.b.c")), "malformed_token");
  assert.equal(asked.length, 0);
});

test("a clock that is off, and a replica without a first list, allow nothing", async () => {
  const { guard, bearer, asked, revocations } = online();
  revocations.offsetMs = 60_000;
  assert.equal(codeOf(await guard.authenticate(bearer())), "clock_off");
  revocations.offsetMs = undefined;
  revocations.ready = false;
  assert.equal(codeOf(await guard.authenticate(bearer())), "replica_not_ready");
  assert.equal(asked.length, 0);
});

test("the issuer's word carries one request for five seconds, and no other", async () => {
  const { guard, bearer, asked, revocations, clock } = online();
  revocations.ageMs = 60_000;
  const token = bearer();
  const decision = await guard.authenticate(token);
  assert.ok(decision.outcome === "allow");
  clock.advance(5_000);
  assert.equal(codeOf(decision.recheck()), "allow");
  clock.advance(1);
  assert.equal(codeOf(decision.recheck()), "replica_too_old");
  assert.equal(codeOf(await guard.authenticate(token)), "allow");
  assert.equal(asked.length, 2);
});

test("a request under way ends with the issuer's word, unless the replica is fresh again by then", async () => {
  for (const isFreshAgain of [true, false]) {
    const api = online();
    const { guard, bearer, revocations, clock } = api;
    revocations.ageMs = 60_000;
    const decision = await guard.authenticate(bearer());
    assert.ok(decision.outcome === "allow");
    const ended: string[] = [];
    const following = decision.follow({ end: (denial) => ended.push(denial.code) });
    assert.ok(following.stands());
    if (isFreshAgain) revocations.ageMs = 10;
    clock.advance(5_001);
    assert.equal(following.stands(), isFreshAgain);
    assert.deepEqual(ended, isFreshAgain ? [] : ["replica_too_old"]);
    following.stop();
  }
});

test("with 0 a request goes on for as long as the list is fresh, and ends with a record as any other", async () => {
  const api = online({ policy: "online", maxAgeMs: 0 });
  const { guard, bearer, revocations, clock } = api;
  const decision = await guard.authenticate(bearer());
  assert.ok(decision.outcome === "allow");
  const ended: string[] = [];
  const following = decision.follow({ end: (denial) => ended.push(denial.code) });
  revocations.ageMs = revocations.leaseMs;
  clock.advance(60_000);
  assert.ok(following.stands());
  assert.equal(codeOf(decision.recheck()), "allow");
  revocations.ageMs = revocations.leaseMs + 1;
  assert.equal(codeOf(decision.recheck()), "replica_too_old");
  assert.equal(following.stands(), false);
  assert.deepEqual(ended, ["replica_too_old"]);
});

test("an opaque token is asked about anew where the replica cannot confirm what is kept of it", async () => {
  const { guard, asked, world, revocations, clock } = online();
  const token = encodeOpaqueToken("key", randomBytes(32));
  const now = Math.floor(clock.seconds);
  const claims = {
    ...{ active: true, token_type: "Bearer", iss: ISSUER, sub: "app-1", client_id: "app-1", aud: [AUDIENCE] },
    ...{ scope: "orders.read", iat: now, exp: now + 3600, jti: newIdentifier(), rv: 0 },
  };
  world.answer = async () => claims;
  const authenticate = () => guard.authenticate(`Bearer ${token}`, { scopes: ["orders.read"] });
  assert.equal(codeOf(await authenticate()), "allow");
  assert.equal(codeOf(await authenticate()), "allow");
  assert.equal(asked.length, 1, "kept, while the replica is fresh");
  revocations.ageMs = 60_000;
  const decision = await authenticate();
  assert.ok(decision.outcome === "allow" && !decision.unconfirmed);
  world.answer = async () => ({ ...claims, scope: "" });
  assert.equal(codeOf(await authenticate()), "insufficient_scope");
  world.answer = async () => ({ active: false, reason: "banned" });
  assert.equal(codeOf(await authenticate()), "killed banned");
  assert.equal(asked.length, 4);
});

test("a guard is not made with online and nobody to ask", () => {
  assert.throws(() => guardedApi({ freshness: ONLINE }), { code: "invalid_configuration" });
});
