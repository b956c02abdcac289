/** A machine whose clock is not its issuer's: what may still be said, and how it is told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type LogEvent, silentLog } from "@portcullis/protocol";
import { newIdentifier } from "@portcullis/testing";
import type { Decision, Freshness } from "../src/index.ts";
import { guardedApi } from "./guarded-api.ts";

const codeOf = (decision: Decision): string => (decision.outcome === "deny" ? decision.code : "allow");
const POLICIES: readonly Freshness[] = [
  { policy: "closed", maxAgeMs: 5000 },
  { policy: "open", maxAgeMs: 5000 },
];

/** A guard whose clock shows `offsetMs` more than the issuer's; tokens are made by the issuer's. */
function apiAhead(offsetMs: number | undefined, events: LogEvent[] = []) {
  const api = guardedApi({ log: { ...silentLog, warn: (event) => events.push(event) } });
  api.revocations.offsetMs = offsetMs;
  const issuedAt = api.clock.seconds;
  api.clock.setSeconds(issuedAt + (offsetMs ?? 0) / 1000);
  const bearer = (changes: object = {}) => api.bearer({ iat: issuedAt, exp: issuedAt + 300, ...changes });
  return { ...api, issuedAt, bearer };
}

for (const offsetMs of [-6000, 6000]) {
  test(`a clock that is ${offsetMs} ms ahead allows nothing on any route, and denies what is revoked`, async () => {
    const api = apiAhead(offsetMs);
    // Within the times of the token by either clock.
    const times = { iat: api.issuedAt - 60, sid: newIdentifier() };
    for (const freshness of POLICIES) {
      const decision = await api.guard.authenticate(api.bearer(times), { freshness });
      assert.ok(decision.outcome === "deny");
      assert.deepEqual(
        [decision.code, decision.status, decision.headers["retry-after"], decision.body.error],
        ["clock_off", 503, "1", "temporarily_unavailable"],
      );
    }
    api.revocations.revoke("session", times.sid, "kicked");
    assert.equal(codeOf(await api.guard.authenticate(api.bearer(times))), "killed");
  });
}

test("a decision that was an allow is none any more when the clock is set meanwhile", async () => {
  const api = apiAhead(0);
  const decision = await api.guard.authenticate(api.bearer());
  assert.ok(decision.outcome === "allow");
  api.revocations.offsetMs = -320_000;
  assert.equal(codeOf(decision.recheck()), "clock_off");
});

test("a fresh token that only a wrong clock is against is 503, counted, and told of with the offset", async () => {
  for (const [offsetMs, code] of [
    [320_000, "expired_token"],
    [-320_000, "not_yet_valid"],
  ] as const) {
    const events: LogEvent[] = [];
    const api = apiAhead(offsetMs, events);
    for (let count = 0; count < 3; count++) {
      const decision = await api.guard.authenticate(api.bearer());
      assert.ok(decision.outcome === "deny" && decision.status === 503);
      assert.equal(decision.code, "refused_by_clock");
    }
    const { refusedByClock, unavailable, rejected } = api.guard.counters;
    assert.deepEqual(
      { refusedByClock, unavailable, rejected },
      { refusedByClock: 3, unavailable: 3, rejected: 0 },
    );
    assert.deepEqual(events, [{ event: "refused_by_clock", offsetMs, code, count: 1 }]);
    api.clock.setSeconds(api.clock.seconds + 10);
    api.revocations.offsetMs = offsetMs + 10_000;
    await api.guard.authenticate(api.bearer());
    assert.deepEqual(events[1], { event: "refused_by_clock", offsetMs: offsetMs + 10_000, code, count: 3 });
  }
});

test("a token that the issuer's clock calls expired, or not valid yet, stays 401", async () => {
  const expired = apiAhead(320_000);
  const over = { iat: expired.issuedAt - 300, exp: expired.issuedAt };
  assert.equal(codeOf(await expired.guard.authenticate(expired.bearer(over))), "expired_token");
  const early = apiAhead(-320_000);
  const nbf = early.issuedAt + 60;
  assert.equal(codeOf(await early.guard.authenticate(early.bearer({ nbf }))), "not_yet_valid");
  const unknown = apiAhead(undefined);
  unknown.clock.setSeconds(unknown.issuedAt + 320);
  assert.equal(codeOf(await unknown.guard.authenticate(unknown.bearer())), "expired_token");
});

test("before anything was heard of the issuer's clock, no token is called bad for its times", async () => {
  const api = apiAhead(undefined);
  api.revocations.ageMs = Number.POSITIVE_INFINITY;
  api.clock.setSeconds(api.issuedAt + 320);
  assert.equal(codeOf(await api.guard.authenticate(api.bearer())), "refused_by_clock");
});

test("a remembered token that the clock, set meanwhile, calls expired is 503 as well", async () => {
  const api = apiAhead(0);
  const token = api.bearer();
  assert.equal(codeOf(await api.guard.authenticate(token)), "allow");
  api.clock.setSeconds(api.issuedAt + 320);
  api.revocations.offsetMs = 320_000;
  assert.equal(codeOf(await api.guard.authenticate(token)), "refused_by_clock");
});
