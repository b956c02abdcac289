/** The whole verifier over real HTTP: discovery, credentials, feed, replica, keys, guard. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { type LogEvent, SIGNED_HEAD_TYPE } from "@portcullis/protocol";
import { createKeySpace } from "@portcullis/revocation";
import {
  AUDIENCE,
  FakeFeed,
  FakeIssuer,
  generateSigningKey,
  logTo,
  newIdentifier,
  signJwt,
  TIME_LIMIT,
  type UndefinedOptions,
  VERIFIER,
} from "@portcullis/testing";
import { type ConnectedGuard, type ConnectOptions, connect } from "../src/index.ts";

let issuer: FakeIssuer;
let feed: FakeFeed;
let guards: ConnectedGuard[];
let events: LogEvent[];
beforeEach(async () => {
  issuer = await FakeIssuer.start();
  feed = new FakeFeed(issuer, createKeySpace);
  guards = [];
  events = [];
});
afterEach(async () => {
  await Promise.all(guards.map((guard) => guard.close()));
  await issuer[Symbol.asyncDispose]();
});

function connected(options: Partial<ConnectOptions> = {}): ConnectedGuard {
  const log = logTo((event) => void events.push(event));
  const guard = connect({
    issuer: issuer.issuer,
    audience: AUDIENCE,
    ...VERIFIER,
    name: "orders-1",
    log,
    ...options,
  });
  guards.push(guard);
  return guard;
}

/** Resolves when the replica has applied the record. */
function applied(guard: ConnectedGuard, seq: number): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (guard.replica.applied < seq) return;
      stop();
      resolve();
    };
    const stop = guard.replica.subscribe(check);
    check();
  });
}

test("it becomes ready by itself, and decides at once from then on", TIME_LIMIT, async () => {
  const guard = connected();
  assert.equal((await guard.authenticate(`Bearer ${issuer.mint()}`)).outcome, "deny", "not ready yet");
  await guard.whenReady();
  const decision = guard.authenticate(`Bearer ${issuer.mint()}`);
  assert.ok(!(decision instanceof Promise) && decision.outcome === "allow" && !decision.unconfirmed);
  assert.deepEqual([guard.counters.allowed, guard.counters.unavailable], [1, 1]);
});

test("a setting that is undefined is a setting left out", TIME_LIMIT, async () => {
  const unset: UndefinedOptions<ConnectOptions> = {
    leaseMs: undefined,
    maxRevocations: undefined,
    feedEndpoint: undefined,
    feed: undefined,
    onApplied: undefined,
    realm: undefined,
    freshness: undefined,
    allowInsecureRequests: undefined,
    fetch: undefined,
    clock: undefined,
    log: undefined,
  };
  const guard = connected(unset);
  await guard.whenReady();
  assert.equal((await guard.authenticate(`Bearer ${issuer.mint()}`)).outcome, "allow");
  const refused = await guard.authenticate(undefined);
  assert.ok(refused.outcome === "deny");
  assert.equal(refused.headers["www-authenticate"], `Bearer realm="${issuer.issuer}"`);
});

test(
  "a key that was rotated a moment ago is waited for, whatever random kids come with it",
  TIME_LIMIT,
  async () => {
    const guard = connected();
    await guard.whenReady();
    // Of several: after two seconds a wait is over, and one that a busy machine held up for so long says nothing.
    let decisions = await decisionsAfterRotation(guard);
    for (let round = 0; round < 5 && decisions.includes("503 key_not_known_yet"); round++)
      decisions = await decisionsAfterRotation(guard);
    assert.deepEqual(decisions, ["allow", "401 unknown_key"]);
  },
);

async function decisionsAfterRotation(guard: ConnectedGuard): Promise<string[]> {
  issuer.rotate();
  const noise = guard.authenticate(`Bearer ${issuer.mint({}, { header: { kid: "random" } })}`);
  const decisions = await Promise.all([guard.authenticate(`Bearer ${issuer.mint()}`), noise]);
  return decisions.map((decision) =>
    decision.outcome === "deny" ? `${decision.status} ${decision.code}` : decision.outcome,
  );
}

test(
  "an empty key set wipes nothing, and an unknown key is 503 with Retry-After then",
  TIME_LIMIT,
  async () => {
    const guard = connected();
    await guard.whenReady();
    const { keys } = issuer;
    const [token, later] = [issuer.mint(), issuer.mint({}, { header: { kid: "later" } })];
    issuer.keys = [];
    const refused = await guard.authenticate(`Bearer ${later}`);
    assert.ok(refused.outcome === "deny");
    assert.deepEqual([refused.status, refused.headers["retry-after"]], [503, "1"]);
    assert.equal((await guard.authenticate(`Bearer ${token}`)).outcome, "allow");
    // Once a fetch: a busy machine may be at the next one already.
    assert.ok(events.some(({ event }) => event === "keys_kept"));
    issuer.keys = keys;
  },
);

test("a revocation reaches it through the stream, and is acknowledged", TIME_LIMIT, async () => {
  const guard = connected();
  await guard.whenReady();
  const sid = newIdentifier();
  const token = `Bearer ${issuer.mint({ sid })}`;
  assert.equal((await guard.authenticate(token)).outcome, "allow");
  const seq = feed.revoke({ scope: "session", key: sid, reason: "logged_out" });
  await applied(guard, seq);
  const decision = await guard.authenticate(token);
  assert.ok(decision.outcome === "deny" && decision.body.reason === "logged_out");
});

test(
  "a token of a retired key is told so, when the key has left the JWKS too; its thief signs no heads",
  TIME_LIMIT,
  async () => {
    const guard = connected();
    await guard.whenReady();
    const old = issuer.key;
    const token = `Bearer ${issuer.mint()}`;
    issuer.rotate({ withdraw: true });
    await applied(guard, feed.revoke({ scope: "key", key: old.kid, reason: "key_retired" }));
    const fetches = issuer.fetches.jwks;
    for (const authorization of [token, `Bearer ${issuer.mint({ rv: 2 ** 50 }, { key: old })}`]) {
      const decision = await guard.authenticate(authorization);
      assert.ok(decision.outcome === "deny" && decision.status === 401);
      assert.deepEqual([decision.code, decision.body.reason], ["killed", "key_retired"]);
    }
    assert.equal(issuer.fetches.jwks, fetches, "nobody is asked for it");
    assert.equal((await guard.authenticate(`Bearer ${issuer.mint()}`)).outcome, "allow");

    issuer.keys = [issuer.key, old];
    const seq = feed.revoke({ scope: "session", key: newIdentifier(), reason: "logged_out" });
    await until(() => events.some(({ event, code }) => event === "stream_ended" && code === "key_refused"));
    assert.ok(guard.replica.applied < seq, "what only the thief has signed is not applied");
  },
);

test("what was revoked before it started is in its snapshot", TIME_LIMIT, async () => {
  feed.revoke({ scope: "subject", key: "user-1", reason: "banned" });
  const guard = connected();
  await guard.whenReady();
  const decision = await guard.authenticate(`Bearer ${issuer.mint()}`);
  assert.ok(decision.outcome === "deny" && decision.body.reason === "banned");
});

test(
  "started before its issuer it serves nothing, says why, and becomes ready by itself",
  TIME_LIMIT,
  async () => {
    await issuer.stop();
    const failed = Promise.withResolvers<void>();
    const guard = connected({
      freshness: { policy: "open", maxAgeMs: 1000 },
      log: logTo(({ event }) => void (event === "snapshot_failed" && failed.resolve())),
    });
    const decision = await guard.authenticate(`Bearer ${issuer.mint()}`);
    assert.ok(
      decision.outcome === "deny" && decision.status === 503 && decision.code === "replica_not_ready",
    );
    await failed.promise;
    await issuer.startAgain();
    await guard.whenReady();
    assert.equal((await guard.authenticate(`Bearer ${issuer.mint()}`)).outcome, "allow");
  },
);

test("one token is asked for, and used for all of the feed", TIME_LIMIT, async () => {
  const guard = connected();
  await guard.whenReady();
  assert.equal(feed.requests.token, 1);
  assert.ok(feed.requests.snapshot >= 1 && feed.requests.lease >= 1);
});

test("a token that the feed refuses is replaced, and the guard goes on", TIME_LIMIT, async () => {
  const guard = connected({ leaseMs: 1000 });
  await guard.whenReady();
  feed.forgetTokens();
  const seq = feed.revoke({ scope: "session", key: newIdentifier(), reason: "kicked" });
  await applied(guard, seq);
  await until(() => feed.leases.get(guard.replica.name)?.applied === seq);
  assert.equal(feed.requests.token, 2);
});

test("a token that is about to expire is replaced before it is refused", TIME_LIMIT, async () => {
  feed.expiresIn = 1;
  const guard = connected({ leaseMs: 1000 });
  await guard.whenReady();
  await until(() => feed.requests.token >= 3);
  // Not at once: a process that stood still for longer than the lease was stale meanwhile.
  await until(() => guard.replica.state === "live");
});

test(
  "two processes that were given one name hold a lease each, and neither gives back the other's",
  TIME_LIMIT,
  async () => {
    const [first, second] = [connected(), connected()];
    await Promise.all([first.whenReady(), second.whenReady()]);
    const names = [first, second].map(({ replica }) => replica.name);
    for (const name of names) assert.match(name, /^orders-1-[0-9a-f]{8}$/);
    assert.deepEqual([...feed.leases.keys()].sort(), names.sort());
    await first.close();
    assert.deepEqual([...feed.leases.keys()], [second.replica.name]);
  },
);

test("closing gives the lease back, also while the issuer is away", TIME_LIMIT, async () => {
  const guard = connected();
  await guard.whenReady();
  assert.ok(feed.leases.has(guard.replica.name));
  await guard.close();
  assert.ok(!feed.leases.has(guard.replica.name));
  const decision = await guard.authenticate(`Bearer ${issuer.mint()}`);
  assert.ok(decision.outcome === "deny" && decision.status === 503);

  await issuer.stop();
  const never = connected({ name: "orders-2" });
  await never.close();
  await assert.rejects(never.whenReady());
});

test("an issuer that is none of ours is said to be so", TIME_LIMIT, async () => {
  delete issuer.metadata.portcullis_revocations_endpoint;
  const said = Promise.withResolvers<LogEvent>();
  connected({ log: logTo((event) => void (event.event === "snapshot_failed" && said.resolve(event))) });
  const { code, message } = await said.promise;
  assert.equal(code, "endpoint_missing");
  assert.match(String(message), /portcullis_revocations_endpoint/);
});

test("a feed on another host without TLS is not sent our token", TIME_LIMIT, async () => {
  issuer.metadata.portcullis_revocations_endpoint = "http://127.0.0.1:9/revocations";
  const said = Promise.withResolvers<LogEvent>();
  connected({ log: logTo((event) => void (event.event === "snapshot_failed" && said.resolve(event))) });
  assert.equal((await said.promise).code, "endpoint_unsafe");
  assert.equal(feed.requests.token, 0);
});

test("nothing that it logs carries a secret or a token", TIME_LIMIT, async () => {
  feed.forgetTokens();
  const guard = connected();
  await guard.whenReady();
  await issuer.stop();
  await until(() => events.length > 0);
  const text = JSON.stringify(events);
  assert.ok(!text.includes(VERIFIER.clientSecret) && !/Bearer|Basic/.test(text));
});

test("giving up waiting does not stop it", TIME_LIMIT, async () => {
  await issuer.stop();
  const guard = connected();
  await assert.rejects(guard.whenReady(AbortSignal.abort(new Error("no more"))), /no more/);
  await issuer.startAgain();
  await guard.whenReady();
});

for (const options of [
  { issuer: "http://id.example" },
  { issuer: "nonsense" },
  { name: "two words" },
  { name: "" },
  { name: "n".repeat(81) },
  { clientId: "" },
  { clientSecret: "" },
  { audience: [] },
  { freshness: { policy: "always", maxAgeMs: 1000 } },
]) {
  test(`${JSON.stringify(options)} is invalid_configuration, at once`, () => {
    assert.throws(() => connected(options as never), { code: "invalid_configuration" });
    assert.equal(guards.length, 0);
  });
}

/** Waits for what happens on another socket, by looking again whenever this process has worked. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test(
  "a feed whose records nobody of the issuer has signed makes nothing ready, and says why",
  TIME_LIMIT,
  async () => {
    const stranger = generateSigningKey("ES256", issuer.key.kid);
    issuer.signHead = (place) =>
      signJwt(
        stranger,
        { alg: "ES256", kid: stranger.kid, typ: SIGNED_HEAD_TYPE },
        { iss: issuer.issuer, iat: 1, ...place },
      );
    const failed = new Promise<LogEvent>((resolve) => {
      const log = logTo((event) => void (event.event === "snapshot_failed" && resolve(event)));
      const guard = connected({ log });
      guard.whenReady().catch(() => {});
    });
    assert.deepEqual(await failed, {
      event: "snapshot_failed",
      replica: guards[0]!.replica.name,
      code: "bad_signature",
      message: "The token's signature does not verify.",
    });
    assert.equal(guards[0]!.replica.state, "bootstrap");
  },
);

test("a guard that may hold less than there is answers 503, and says so", TIME_LIMIT, async () => {
  for (const sub of ["a", "b", "c"]) feed.revoke({ scope: "subject", key: sub, reason: "banned" });
  const full = new Promise<LogEvent>((resolve) => {
    const log = logTo((event) => void (event.event === "capacity_reached" && resolve(event)));
    connected({ maxRevocations: 2, log });
  });
  assert.equal((await full).applied, 0);
  assert.equal((await guards[0]!.authenticate(`Bearer ${issuer.mint()}`)).outcome, "deny");
});
