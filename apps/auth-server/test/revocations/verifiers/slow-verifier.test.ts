/**
 * A token outlives its `exp` at a verifier whose clock is slow, and the record that revoked it does not: the server has
 * pruned it by then. So a clock that is off by more than the skew allows nothing, and a record outlives the rest.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import test, { type TestContext } from "node:test";
import { localKeySource } from "@portcullis/access-token";
import { createGuard, type Guard } from "@portcullis/guard";
import { type Clock, encodeIdentifier, systemClock, wallSecondsOf } from "@portcullis/protocol";
import { createReplica, httpFeed, type Replica } from "@portcullis/revocation";
import { generateSigningKey, signJwt } from "@portcullis/testing";
import { pruneExpired } from "../../../src/revocations/retention/prune.ts";
import { CLOCK_SKEW_SECONDS, pruneTimeAt, storedSeqs } from "../../storage/temporary-storage.ts";
import { bearer, ISSUER, type RevocationsServer, serveRevocations } from "../revocations-server.ts";

const AUDIENCE = "https://orders.example";
const key = generateSigningKey("ES256", "key-1");

/** Time that can be made to pass, on both clocks of everybody. */
function passingTime() {
  let passed = 0;
  return {
    wallMs: () => systemClock.wallMs() + passed * 1000,
    monotonicMs: () => systemClock.monotonicMs() + passed * 1000,
    pass(seconds: number) {
      passed += seconds;
    },
  };
}

interface Verifier {
  readonly replica: Replica;
  readonly guard: Guard;
}

/** A gateway that has just started, and has asked for its lease. */
async function startVerifier(t: TestContext, server: RevocationsServer, clock: Clock): Promise<Verifier> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const replica = createReplica({
    feed: httpFeed({ endpoint: server.endpoint, authorization: async () => bearer("gateway") }),
    name: `gateway-${encodeIdentifier(randomBytes(16)).slice(0, 8)}`,
    leaseMs: 5000,
    onFreshness: () => replica.freshness().ageMs < 5000 && resolve(),
    clock,
  });
  const keys = localKeySource({ keys: [key.jwk] });
  const guard = createGuard({ issuer: ISSUER, audience: AUDIENCE, keys, revocations: replica, clock });
  replica.start();
  t.after(() => replica.close());
  await promise;
  return { replica, guard };
}

async function revokedToken(server: RevocationsServer, clock: Clock, seconds: number) {
  const iat = Math.floor(wallSecondsOf(clock));
  const [jti, exp] = [encodeIdentifier(randomBytes(16)), iat + seconds];
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: "ann", client_id: "web", rv: 0, iat, exp, jti };
  assert.equal((await server.revoke({ scope: "token", key: jti, exp })).status, 200);
  const token = signJwt(key, { alg: key.alg, kid: key.kid, typ: "at+jwt" }, claims);
  return { authorization: `Bearer ${token}`, exp };
}

async function codeOf(guard: Guard, authorization: string): Promise<string> {
  const decision = await guard.authenticate(authorization);
  return decision.outcome === "deny" ? decision.code : "allow";
}

test("a gateway 320 s behind does not let in a token whose revocation was pruned, and the operator sees why", async (t) => {
  const time = passingTime();
  const server = await serveRevocations(t, { clock: time });
  const { authorization } = await revokedToken(server, time, 300);
  time.pass(300 + 126);
  await pruneExpired({ storage: server.storage, time: pruneTimeAt(wallSecondsOf(time)) });
  assert.deepEqual(await storedSeqs(server.storage), []);

  let behindSeconds = 320;
  const { monotonicMs } = time;
  const slow = await startVerifier(t, server, {
    wallMs: () => time.wallMs() - behindSeconds * 1000,
    monotonicMs,
  });
  assert.equal(await codeOf(slow.guard, authorization), "clock_off");
  assert.equal(slow.replica.state, "clock_off");

  slow.replica.renew();
  const clock = await new Promise<{ offsetMs: number; isOff: boolean }>((resolve) => {
    const look = async () => {
      const [verifier] = await server.revocations.verifiers.list();
      if (verifier?.clock !== undefined) resolve(verifier.clock);
      else setImmediate(look);
    };
    void look();
  });
  assert.ok(clock.isOff && Math.abs(clock.offsetMs + 320_000) < 10_000, JSON.stringify(clock));

  behindSeconds = 0;
  await slow.replica.whenReady();
  assert.equal(await codeOf(slow.guard, authorization), "expired_token");
});

test("a record lives for as long as any verifier whose clock is within the skew takes its token", async (t) => {
  const time = passingTime();
  const server = await serveRevocations(t, { clock: time });
  const { authorization } = await revokedToken(server, time, 300);
  // Its own clock is within the skew behind, and the token within the skew past its end by that clock.
  time.pass(300 + 2 * CLOCK_SKEW_SECONDS - 3);
  await pruneExpired({ storage: server.storage, time: pruneTimeAt(wallSecondsOf(time)) });
  const { monotonicMs } = time;
  const behindSeconds = CLOCK_SKEW_SECONDS - 1;
  const verifier = await startVerifier(t, server, {
    wallMs: () => time.wallMs() - behindSeconds * 1000,
    monotonicMs,
  });
  assert.equal(await codeOf(verifier.guard, authorization), "killed");
});
