import assert from "node:assert/strict";
import { test } from "node:test";
import { accessTokenError } from "@portcullis/access-token";
import { REASONS, type Reason } from "@portcullis/protocol";
import { AUDIENCE, newIdentifier } from "@portcullis/testing";
import { createGuard, DENIALS, type DenyDecision, type Requirements } from "../src/index.ts";
import { guardedApi, ISSUER, key } from "./guarded-api.ts";

async function denial(
  api: ReturnType<typeof guardedApi>,
  authorization: string | readonly string[] | undefined,
  requirements?: Requirements,
): Promise<DenyDecision> {
  const decision = await api.guard.authenticate(authorization, requirements);
  assert.equal(decision.outcome, "deny");
  return decision as DenyDecision;
}

test("a good token gives a principal, at once", () => {
  const api = guardedApi();
  const [sid, gid, jti] = [newIdentifier(), newIdentifier(), newIdentifier()];
  const decision = api.guard.authenticate(api.bearer({ sid, gid, jti }), {
    scopes: ["orders.read"],
    audience: AUDIENCE,
  });
  assert.ok(!(decision instanceof Promise) && decision.outcome === "allow");
  const { claims, scopes, ...rest } = decision.principal;
  const now = api.clock.seconds;
  assert.deepEqual(rest, {
    ...{ kind: "access_token", subject: "user-1", clientId: "web", audience: [AUDIENCE] },
    ...{ sessionId: sid, grantId: gid, tokenId: jti, issuedAt: now, expiresAt: now + 300 },
  });
  assert.ok(scopes.has("orders.read"));
  assert.equal(claims.iss, ISSUER);
  assert.equal(decision.unconfirmed, false);
});

test("the principal of a token seen before is the same object, and cannot be changed", async () => {
  const api = guardedApi();
  const token = api.bearer();
  const [first, second] = [await api.guard.authenticate(token), await api.guard.authenticate(token)];
  assert.ok(first.outcome === "allow" && second.outcome === "allow");
  assert.equal(first.principal, second.principal);
  assert.throws(() => Object.assign(first.principal, { subject: "admin" }), TypeError);
});

for (const authorization of [undefined, "", "Basic dXNlcjpwYXNz", "Bearer", "DPoP abc", []]) {
  test(`${JSON.stringify(authorization)} is no credentials: 401 without an error code`, async () => {
    const { status, code, headers } = await denial(guardedApi(), authorization);
    assert.deepEqual([status, code], [401, "missing_credentials"]);
    assert.equal(headers["www-authenticate"], `Bearer realm="${ISSUER}"`);
  });
}

test("two Authorization headers are a bad request, even when they say the same", async () => {
  const api = guardedApi();
  const token = api.bearer();
  const { status, body, headers } = await denial(api, [token, token]);
  assert.equal(status, 400);
  assert.equal(body.error, "invalid_request");
  assert.match(headers["www-authenticate"]!, /error="invalid_request"/);
});

for (const [name, claim] of [
  ["session", "sid"],
  ["token", "jti"],
  ["grant", "gid"],
  ["subject", "sub"],
  ["client", "client_id"],
] as const) {
  test(`a revoked ${name} is 401 with reason and mode, in the challenge and in the body`, async () => {
    const api = guardedApi();
    const value = newIdentifier();
    const token = api.bearer({ [claim]: value });
    assert.equal((await api.guard.authenticate(token)).outcome, "allow");
    api.revocations.revoke(name, value, "logged_out");
    const { status, code, headers, body } = await denial(api, token);
    assert.deepEqual([status, code], [401, "killed"]);
    assert.deepEqual(body, {
      error: "invalid_token",
      error_description: DENIALS.killed.text,
      reason: "logged_out",
      mode: "kill",
    });
    assert.equal(
      headers["www-authenticate"],
      `Bearer realm="${ISSUER}", error="invalid_token", error_description="${DENIALS.killed.text}", reason="logged_out", mode="kill"`,
    );
  });
}

test("every reason reaches the caller under its own name", async () => {
  const api = guardedApi();
  for (const reason of REASONS as Reason[]) {
    const sid = newIdentifier();
    api.revocations.revoke("session", sid, reason);
    assert.equal((await denial(api, api.bearer({ sid }))).body.reason, reason);
  }
});

test("changed claims are 401 with mode stale, and the refreshed token passes", async () => {
  const api = guardedApi();
  api.revocations.revoke("subject", "user-1", "claims_changed", "stale");
  const { body, code } = await denial(api, api.bearer({ rv: 100 }));
  assert.deepEqual([code, body.mode, body.reason], ["stale", "stale", "claims_changed"]);
  assert.equal((await api.guard.authenticate(api.bearer({ rv: 101 }))).outcome, "allow");
});

test("a token for another of our audiences is not for this route", async () => {
  const api = guardedApi();
  const { status, code } = await denial(api, api.bearer(), { audience: "https://other.example" });
  assert.deepEqual([status, code], [401, "wrong_audience"]);
});

test("a scope that is missing is 403 and says which ones are needed", async () => {
  const api = guardedApi();
  const { status, headers, body } = await denial(api, api.bearer(), {
    scopes: ["orders.read", "orders.write"],
  });
  assert.equal(status, 403);
  assert.equal(body.error, "insufficient_scope");
  assert.match(headers["www-authenticate"]!, /error="insufficient_scope".*scope="orders.read orders.write"/);
});

test("who was logged out is told so, whatever he calls", async () => {
  const api = guardedApi();
  api.revocations.revoke("subject", "user-1", "banned");
  assert.equal(
    (await denial(api, api.bearer(), { scopes: ["admin"], audience: "https://x.example" })).code,
    "killed",
  );
});

test("a token that is bound to a key is not taken as a bearer's", async () => {
  const api = guardedApi();
  for (const cnf of [{ jkt: "thumbprint" }, { "x5t#S256": "thumbprint" }, {}]) {
    assert.equal((await denial(api, api.bearer({ cnf }))).code, "sender_constrained");
  }
});

test("what cannot be verified is 401 invalid_token under its own code", async () => {
  const api = guardedApi();
  const cases: readonly (readonly [string, string])[] = [
    [api.bearer({ iss: "https://evil.example" }), "wrong_issuer"],
    [api.bearer({ exp: api.clock.seconds - 60 }), "expired_token"],
    [api.bearer({}, { alg: "none" }), "unsupported_algorithm"],
    [api.bearer({}, { kid: "other" }), "unknown_key"],
    [`${api.bearer()}=`, "malformed_token"],
    [`Bearer  ${api.mint()}`, "malformed_token"],
  ];
  for (const [authorization, code] of cases) {
    const denied = await denial(api, authorization);
    assert.deepEqual([denied.status, denied.body.error, denied.code], [401, "invalid_token", code]);
  }
});

test("no denial carries the token", async () => {
  const api = guardedApi();
  const token = `${api.mint({}, { kid: "other-key" })}`;
  const denied = JSON.stringify(await denial(api, `Bearer ${token}`));
  for (const part of token.split(".")) assert.ok(!denied.includes(part));
});

test("whatever goes wrong within is 503 and never a rejection or an allow", async () => {
  const api = guardedApi();
  const broken = () => {
    throw new Error("disk on fire");
  };
  const token = api.bearer();
  for (const name of ["freshness", "verdict", "coordinatesOf"] as const) {
    const failing = guardedApi();
    Object.assign(failing.revocations, { [name]: broken });
    const denied = await denial(failing, token);
    assert.deepEqual([denied.status, denied.code, denied.headers["retry-after"]], [503, "check_failed", "1"]);
  }
});

test("keys that cannot be fetched are 503 with Retry-After", async () => {
  const keys = { keyFor: () => Promise.reject(accessTokenError("keys_unavailable")) };
  const api = guardedApi({ keys });
  const denied = await denial(api, api.bearer());
  assert.deepEqual(
    [denied.status, denied.body.error, denied.headers["retry-after"]],
    [503, "temporarily_unavailable", "1"],
  );
  assert.equal(denied.headers["www-authenticate"], undefined);
});

test("a token revoked while its key is fetched is denied", async () => {
  const { promise, resolve } = Promise.withResolvers<never>();
  const slow = guardedApi({ keys: { keyFor: () => promise } });
  const sid = newIdentifier();
  const pending = slow.guard.authenticate(slow.bearer({ sid }));
  slow.revocations.revoke("session", sid, "kicked");
  resolve(key.publicKey as never);
  const decision = await pending;
  assert.ok(decision.outcome === "deny" && decision.code === "killed");
});

test("each decision is counted once, as what it was", async () => {
  const api = guardedApi();
  const sid = newIdentifier();
  const token = api.bearer({ sid });
  await api.guard.authenticate(token);
  await api.guard.authenticate(undefined);
  api.revocations.ageMs = 6000;
  await api.guard.authenticate(token);
  await api.guard.authenticate(token, { freshness: { policy: "open", maxAgeMs: 1000 } });
  api.revocations.revoke("session", sid, "kicked");
  await api.guard.authenticate(token);
  api.revocations.revoke("subject", "user-2", "claims_changed", "stale");
  await api.guard.authenticate(api.bearer({ sub: "user-2" }));
  assert.deepEqual(api.guard.counters, {
    allowed: 2,
    unconfirmed: 1,
    killed: 1,
    stale: 1,
    unavailable: 1,
    refusedByClock: 0,
    rejected: 1,
  });
});

for (const [what, options] of [
  ["the policy online and nobody to ask", { freshness: { policy: "online", maxAgeMs: 1000 } }],
  ["a policy that does not exist", { freshness: { policy: "maybe", maxAgeMs: 1000 } }],
  ["an age that is no number", { freshness: { policy: "closed", maxAgeMs: Number.NaN } }],
  ["no audience", { audience: [] }],
] as const) {
  test(`a guard is not made with ${what}`, () => {
    assert.throws(() => guardedApi(options as never), { code: "invalid_configuration" });
  });
}

test("a guard that is given no keys takes its issuer's, and refuses an issuer without TLS", () => {
  const { revocations } = guardedApi();
  assert.throws(() => createGuard({ issuer: "http://id.example", audience: AUDIENCE, revocations }), {
    code: "invalid_configuration",
  });
});
