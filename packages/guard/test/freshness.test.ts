import assert from "node:assert/strict";
import { test } from "node:test";
import { newIdentifier } from "@portcullis/testing";
import { checkRequirements, type Decision, type Freshness } from "../src/index.ts";
import { guardedApi } from "./guarded-api.ts";

const CASES: readonly (readonly [
  ready: boolean,
  ageMs: number,
  policy: Freshness["policy"],
  maxAgeMs: number,
  outcome: string,
])[] = [
  [true, 0, "closed", 5000, "allow"],
  [true, 5000, "closed", 5000, "allow"],
  [true, 5001, "closed", 5000, "replica_too_old"],
  [true, 1001, "closed", 1000, "replica_too_old"],
  // The lease is 5,000 ms: a route cannot ask for more than it.
  [true, 5001, "closed", 60_000, "replica_too_old"],
  [true, Number.POSITIVE_INFINITY, "closed", 5000, "replica_too_old"],
  [true, Number.NaN, "closed", 5000, "replica_too_old"],
  [true, 0, "open", 1000, "allow"],
  [true, 1001, "open", 1000, "unconfirmed"],
  [true, 5001, "open", 60_000, "unconfirmed"],
  [true, Number.POSITIVE_INFINITY, "open", 1000, "unconfirmed"],
  [false, 0, "closed", 5000, "replica_not_ready"],
  [false, Number.POSITIVE_INFINITY, "open", 5000, "replica_not_ready"],
];

const outcomeOf = (decision: Decision): string =>
  decision.outcome === "deny" ? decision.code : decision.unconfirmed ? "unconfirmed" : "allow";

for (const [ready, ageMs, policy, maxAgeMs, outcome] of CASES) {
  test(`${ready ? "a replica" : "no snapshot"}, ${ageMs} ms old, on a route ${policy} at ${maxAgeMs} ms: ${outcome}`, async () => {
    const api = guardedApi();
    Object.assign(api.revocations, { ready, ageMs });
    const decision = await api.guard.authenticate(api.bearer(), { freshness: { policy, maxAgeMs } });
    assert.equal(outcomeOf(decision), outcome);
    if (decision.outcome === "allow") return;
    assert.equal(decision.status, 503);
    assert.equal(decision.headers["retry-after"], "1");
    assert.equal(decision.headers["www-authenticate"], undefined, "an outage must not cost a good token");
  });
}

test("before the first snapshot even a request without a token is 503", async () => {
  const api = guardedApi();
  api.revocations.ready = false;
  assert.equal(outcomeOf(await api.guard.authenticate(undefined)), "replica_not_ready");
});

test("a denial holds however old the replica is, under both policies", async () => {
  for (const policy of ["closed", "open"] as const) {
    const api = guardedApi({ freshness: { policy, maxAgeMs: 1000 } });
    const sid = newIdentifier();
    api.revocations.revoke("session", sid, "logged_out");
    api.revocations.ageMs = Number.POSITIVE_INFINITY;
    assert.equal(outcomeOf(await api.guard.authenticate(api.bearer({ sid }))), "killed");
  }
});

test("online is taken for closed by a guard that can ask nobody", async () => {
  const api = guardedApi();
  api.revocations.ageMs = 2000;
  const freshness = { policy: "online", maxAgeMs: 1000 } as const;
  assert.equal(outcomeOf(await api.guard.authenticate(api.bearer(), { freshness })), "replica_too_old");
});

test("recheck sees a revocation, expiry and age that came since", async () => {
  const changes: readonly (readonly [string, (api: ReturnType<typeof guardedApi>, sid: string) => void])[] = [
    ["allow", () => {}],
    ["killed", (api, sid) => api.revocations.revoke("session", sid, "kicked")],
    ["replica_too_old", (api) => Object.assign(api.revocations, { ageMs: 5001 })],
    ["replica_not_ready", (api) => Object.assign(api.revocations, { ready: false })],
    ["expired_token", (api) => api.clock.advance(306_000)],
    ["check_failed", (api) => Object.assign(api.revocations, { verdict: () => assert.fail("broken") })],
  ];
  for (const [outcome, change] of changes) {
    const api = guardedApi();
    const sid = newIdentifier();
    const decision = await api.guard.authenticate(api.bearer({ sid }));
    assert.ok(decision.outcome === "allow");
    change(api, sid);
    assert.equal(outcomeOf(decision.recheck()), outcome);
  }
});

test("recheck on an open route says when the allow is no longer confirmed", async () => {
  const api = guardedApi({ freshness: { policy: "open", maxAgeMs: 1000 } });
  const decision = await api.guard.authenticate(api.bearer());
  assert.ok(decision.outcome === "allow" && !decision.unconfirmed);
  api.revocations.ageMs = 1001;
  assert.equal(outcomeOf(decision.recheck()), "unconfirmed");
  assert.equal(decision.unconfirmed, false, "the first decision stays what it was");
});

for (const requirements of [
  { freshness: { policy: "always", maxAgeMs: 1 } },
  { freshness: { policy: "online", maxAgeMs: -1 } },
  { freshness: { policy: "closed", maxAgeMs: -1 } },
  { scopes: "orders.read" },
  { scopes: ["two words"] },
  { scopes: [""] },
  { audience: "" },
]) {
  test(`a route cannot ask for ${JSON.stringify(requirements)}`, () => {
    assert.throws(
      () => checkRequirements(requirements as never, "GET /orders"),
      (error: Error & { code: string }) => {
        assert.equal(error.code, "invalid_configuration");
        assert.match(error.message, /^GET \/orders\./, "the message names the place");
        return true;
      },
    );
  });
}
