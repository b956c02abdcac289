/** An option that is there and undefined has its default, as one that is not there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "@portcullis/protocol";
import { AUDIENCE, FakeIssuer, type UndefinedOptions } from "@portcullis/testing";
import { createGuard, type GuardOptions, type Requirements } from "../src/index.ts";
import { KnownRevocations } from "./known-revocations.ts";

const GUARD: UndefinedOptions<GuardOptions> = {
  keys: undefined,
  introspect: undefined,
  realm: undefined,
  freshness: undefined,
  algorithms: undefined,
  clockSkewSeconds: undefined,
  clock: undefined,
  log: undefined,
  cacheEntries: undefined,
  maxTokenLength: undefined,
  setTimer: undefined,
};
const REQUIREMENTS: UndefinedOptions<Requirements> = {
  audience: undefined,
  scopes: undefined,
  freshness: undefined,
};

test("a guard finds the keys, goes by the system's clock, and closes its routes when the replica is too old", async () => {
  await using issuer = await FakeIssuer.start();
  const revocations = new KnownRevocations(systemClock);
  const guard = createGuard({ issuer: issuer.issuer, audience: AUDIENCE, revocations, ...GUARD });
  const authorization = `Bearer ${issuer.mint()}`;
  const allowed = await guard.authenticate(authorization, REQUIREMENTS);
  assert.ok(allowed.outcome === "allow");
  const following = allowed.follow({ end: () => assert.fail("nothing ends it") });
  assert.ok(following.stands());
  following.stop();
  revocations.ageMs = 5001;
  const denied = await guard.authenticate(authorization, REQUIREMENTS);
  assert.ok(denied.outcome === "deny" && denied.code === "replica_too_old", JSON.stringify(denied));
  assert.equal((await refusalOf(guard.authenticate(undefined))).realm, issuer.issuer);
});

async function refusalOf(decision: ReturnType<ReturnType<typeof createGuard>["authenticate"]>) {
  const denied = await decision;
  assert.ok(denied.outcome === "deny");
  return { realm: /realm="([^"]*)"/.exec(denied.headers["www-authenticate"] ?? "")?.[1] };
}
