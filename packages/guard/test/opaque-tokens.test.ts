/** Tokens that the issuer has to be asked about: what is kept of them, and what ends it. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import type { IntrospectionAnswer } from "@portcullis/access-token";
import { encodeOpaqueToken, type JsonObject, PERSONAL_TOKEN_CLIENT } from "@portcullis/protocol";
import { AUDIENCE, newIdentifier } from "@portcullis/testing";
import type { Decision, GuardOptions, Requirements } from "../src/index.ts";
import { guardedApi, ISSUER } from "./guarded-api.ts";

/** A guard, and an issuer that says of each token what a test has put down for it. */
function asking(options: Partial<GuardOptions> = {}) {
  const answers = new Map<string, JsonObject | Error>();
  const asked: string[] = [];
  const issuer = { introspects: "any" as IntrospectionAnswer["introspects"] };
  const api = guardedApi({
    introspect: async (token) => {
      asked.push(token);
      const claims = answers.get(token) ?? { active: false };
      if (claims instanceof Error) throw claims;
      return { claims, introspects: issuer.introspects };
    },
    ...options,
  });
  function issue(members: JsonObject = {}, kind: "personal" | "key" = "personal"): string {
    const token = encodeOpaqueToken(kind, randomBytes(32));
    const now = Math.floor(api.clock.seconds);
    answers.set(token, {
      ...{ active: true, token_type: "Bearer", iss: ISSUER, sub: "user-1", aud: [AUDIENCE] },
      ...{ client_id: PERSONAL_TOKEN_CLIENT, scope: "orders.read", jti: newIdentifier(), rv: 0 },
      ...{ iat: now, exp: now + 3600, ...members },
    });
    return token;
  }
  const change = (token: string, members: JsonObject) =>
    answers.set(token, { ...(answers.get(token) as JsonObject), ...members });
  const authenticate = (token: string, requirements: Requirements = {}, address?: string) =>
    api.guard.authenticate(`Bearer ${token}`, requirements, { address });
  return { ...api, answers, asked, issuer, issue, change, authenticate };
}

const codeOf = (decision: Decision): string =>
  decision.outcome === "allow" ? "allow" : [decision.code, decision.body.reason].filter(Boolean).join(" ");

test("a personal token and an API key give a principal of their kind, at once the second time", async () => {
  for (const [kind, named] of [
    ["personal", "personal_token"],
    ["key", "api_key"],
  ] as const) {
    const { authenticate, issue, asked } = asking();
    const token = issue({ jti: "token-1", name: "nightly" }, kind);
    const first = await authenticate(token, { scopes: ["orders.read"], audience: AUDIENCE });
    assert.ok(first.outcome === "allow" && !first.unconfirmed);
    assert.equal(first.principal.kind, named);
    assert.deepEqual([first.principal.subject, first.principal.tokenId], ["user-1", "token-1"]);
    assert.equal(first.principal.claims.name, "nightly");
    const again = authenticate(token);
    assert.ok(!(again instanceof Promise) && again.outcome === "allow");
    assert.equal(again.principal, first.principal);
    assert.equal(asked.length, 1);
  }
});

test("a guard that can ask nobody takes no opaque token", async () => {
  const { guard } = guardedApi();
  const token = encodeOpaqueToken("key", randomBytes(32));
  assert.equal(codeOf(await guard.authenticate(`Bearer ${token}`)), "malformed_token");
});

test("a JWT is never asked about where the replica is fresh", async () => {
  const { guard, bearer, asked } = asking();
  assert.equal(codeOf(await guard.authenticate(bearer())), "allow");
  assert.equal(asked.length, 0);
});

test("a record that names the token ends it at once, with its reason and without a question", async () => {
  const { authenticate, issue, asked, revocations } = asking();
  const jti = newIdentifier();
  const token = issue({ jti });
  assert.equal(codeOf(await authenticate(token)), "allow");
  revocations.revoke("token", jti, "revoked");
  const denied = authenticate(token);
  assert.ok(!(denied instanceof Promise));
  assert.equal(codeOf(denied), "killed revoked");
  assert.equal(asked.length, 1);
});

for (const [scope, key] of [
  ["subject", "user-1"],
  ["client", PERSONAL_TOKEN_CLIENT],
  ["audience", AUDIENCE],
  ["subject-audience", { subject: "user-1", audience: AUDIENCE }],
  ["subject-client", { subject: "user-1", client: PERSONAL_TOKEN_CLIENT }],
  ["issuer", undefined],
] as const) {
  test(`a record of scope ${scope} makes what is kept worthless: the issuer is asked, and the reason is the record's`, async () => {
    const { authenticate, issue, asked, answers, revocations } = asking();
    const token = issue();
    assert.equal(codeOf(await authenticate(token)), "allow");
    answers.set(token, { active: false });
    revocations.revoke(scope, key, "banned");
    assert.equal(codeOf(await authenticate(token)), "killed banned");
    assert.equal(asked.length, 2);
  });
}

test("a token that outlives what covered its answer passes again, after one question", async () => {
  const { authenticate, issue, change, asked, revocations } = asking();
  const token = issue();
  assert.equal(codeOf(await authenticate(token)), "allow");
  revocations.revoke("subject", "user-1", "logged_out");
  change(token, { rv: 101, scope: "orders.read orders.write" });
  const decision = await authenticate(token, { scopes: ["orders.write"] });
  assert.equal(codeOf(decision), "allow", "its owner signed out of a browser, and the token stands");
  assert.equal(codeOf(await authenticate(token)), "allow");
  assert.equal(asked.length, 2);
});

test("a token that was rotated with an overlap is asked about anew, and passes until its new end", async () => {
  const { authenticate, issue, change, asked, revocations, clock } = asking();
  const jti = newIdentifier();
  const token = issue({ jti });
  assert.equal(codeOf(await authenticate(token)), "allow");
  revocations.revoke("token", jti, "claims_changed", "stale");
  change(token, { rv: 101, exp: Math.floor(clock.seconds) + 60 });
  assert.equal(codeOf(await authenticate(token)), "allow");
  assert.equal(codeOf(await authenticate(token)), "allow");
  assert.equal(asked.length, 2);
});

test("changed claims are asked for anew: a permission that is gone is gone at once", async () => {
  const { authenticate, issue, change, revocations } = asking();
  const token = issue();
  assert.equal(codeOf(await authenticate(token, { scopes: ["orders.read"] })), "allow");
  revocations.revoke("subject", "user-1", "claims_changed", "stale");
  change(token, { rv: 101, scope: "" });
  assert.equal(codeOf(await authenticate(token, { scopes: ["orders.read"] })), "insufficient_scope");
});

test("an answer from before a record that is known here is 503 where claims changed, and killed where it kills", async () => {
  const { authenticate, issue, revocations } = asking();
  const [first, second] = [issue(), issue({ sub: "user-2" })];
  await authenticate(first);
  await authenticate(second);
  revocations.revoke("subject", "user-1", "claims_changed", "stale");
  assert.equal(codeOf(await authenticate(first)), "answer_outdated");
  revocations.revoke("subject", "user-2", "banned");
  assert.equal(codeOf(await authenticate(second)), "killed banned");
});

test("an issuer that is down leaves a token that a record covers at 503, and one that it names at 401", async () => {
  const { authenticate, issue, answers, revocations } = asking();
  const jti = newIdentifier();
  const [covered, named] = [issue(), issue({ jti, sub: "user-2" })];
  await authenticate(covered);
  await authenticate(named);
  for (const token of [covered, named]) answers.set(token, new Error("down"));
  assert.equal(
    codeOf(await authenticate(covered)),
    "allow",
    "what is kept is enough while nothing covers it",
  );
  revocations.revoke("subject", "user-1", "banned");
  revocations.revoke("token", jti, "revoked");
  assert.equal(codeOf(await authenticate(covered)), "introspection_unavailable");
  assert.equal(codeOf(await authenticate(named)), "killed revoked");
});

test("an issuer that cannot be asked is 503 with Retry-After, and no challenge that costs a good token", async () => {
  const { authenticate, issue, answers, guard } = asking();
  const token = issue();
  answers.set(token, new Error("down"));
  const denied = await authenticate(token);
  assert.ok(denied.outcome === "deny");
  assert.deepEqual([denied.status, denied.code], [503, "introspection_unavailable"]);
  assert.equal(denied.headers["retry-after"], "1");
  assert.equal(denied.headers["www-authenticate"], undefined);
  for (let at = 0; at < 10; at++) assert.equal((await authenticate(issue())).outcome, "allow");
  assert.equal(guard.introspection!.failed, 1);
});

test("the issuer's reason is told of a token that was never kept here", async () => {
  const { authenticate, issue, answers } = asking();
  const token = issue();
  answers.set(token, { active: false, reason: "consent_withdrawn" });
  assert.equal(codeOf(await authenticate(token)), "killed consent_withdrawn");
  answers.set(token, { active: false, reason: "no reason of ours" });
  const other = issue();
  answers.set(other, { active: false });
  assert.equal(codeOf(await authenticate(other)), "inactive_token");
});

test("without the right to ask about the API a token is 503, never 401", async () => {
  const { authenticate, issue, answers, issuer } = asking();
  issuer.introspects = [];
  const token = issue();
  answers.set(token, { active: false });
  assert.equal(codeOf(await authenticate(token)), "introspection_not_allowed");
});

test("the issuer is told from where a token was used", async () => {
  const told: (string | undefined)[] = [];
  const { authenticate, issue } = asking({
    introspect: async (_token, clientAddress) => {
      told.push(clientAddress);
      return { claims: { active: false }, introspects: "any" };
    },
  });
  await authenticate(issue(), {}, "192.0.2.7");
  await authenticate(issue());
  assert.deepEqual(told, ["192.0.2.7", undefined]);
});

test("a token that is bound to addresses passes from them alone, and from nowhere that is not known", async () => {
  const { authenticate, issue } = asking();
  const token = issue({ allowed_addresses: ["192.0.2.0/24", "2001:db8::/32"] });
  for (const address of ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"])
    assert.equal(codeOf(await authenticate(token, {}, address)), "allow", address);
  for (const address of [
    "192.0.3.7",
    "::ffff:192.0.3.7",
    "2001:db9::1",
    "nonsense",
    "fe80::1%eth0",
    undefined,
  ]) {
    const denied = await authenticate(token, {}, address);
    assert.ok(denied.outcome === "deny");
    assert.deepEqual([denied.status, denied.code], [403, "address_not_allowed"], `${address}`);
  }
});

test("a token whose addresses cannot be read is 503", async () => {
  const { authenticate, issue } = asking();
  for (const allowed_addresses of [["nowhere"], ["192.0.2.0/33"], ["192.0.2.0/x"], ["192.0.2.0/24/2"]])
    assert.equal(codeOf(await authenticate(issue({ allowed_addresses }))), "introspection_unavailable");
});

test("a token that is bound to a key is not taken from a bearer", async () => {
  const { authenticate, issue } = asking();
  assert.equal(codeOf(await authenticate(issue({ cnf: { jkt: "x" } }))), "sender_constrained");
});

test("on a closed route what is kept confirms nothing by itself; on an open one it is counted", async () => {
  const { authenticate, issue, revocations } = asking();
  const token = issue();
  await authenticate(token);
  revocations.ageMs = 6000;
  assert.equal(codeOf(await authenticate(token)), "replica_too_old");
  const open = await authenticate(token, { freshness: { policy: "open", maxAgeMs: 1000 } });
  assert.ok(open.outcome === "allow" && open.unconfirmed);
});

test("a closed route does not go by the issuer's word, whyever it was asked", async () => {
  const { authenticate, issue, change, revocations } = asking();
  const token = issue();
  await authenticate(token);
  revocations.revoke("subject", "user-1", "logged_out");
  change(token, { rv: 101 });
  revocations.ageMs = 6000;
  assert.equal(codeOf(await authenticate(token)), "replica_too_old");
});

test("a clock that is off allows no opaque token", async () => {
  const { authenticate, issue, revocations } = asking();
  const token = issue();
  await authenticate(token);
  revocations.offsetMs = 60_000;
  assert.equal(codeOf(await authenticate(token)), "clock_off");
});

test("a request under way is ended when its opaque token is, and by nothing that ends others", async () => {
  const { authenticate, issue, revocations } = asking();
  const jti = newIdentifier();
  const decision = await authenticate(issue({ jti }));
  assert.ok(decision.outcome === "allow");
  const ended: string[] = [];
  const following = decision.follow({ end: (denial) => ended.push(codeOf(denial)) });
  revocations.revoke("token", newIdentifier(), "revoked");
  assert.ok(following.stands());
  revocations.revoke("token", jti, "kicked");
  assert.deepEqual(ended, ["killed kicked"]);
  assert.equal(codeOf(decision.recheck()), "killed kicked");
});

test("claims that change under way end the request with 503: the next one is asked about anew", async () => {
  const { authenticate, issue, revocations } = asking();
  const decision = await authenticate(issue());
  assert.ok(decision.outcome === "allow");
  revocations.revoke("subject", "user-1", "claims_changed", "stale");
  assert.equal(codeOf(decision.recheck()), "answer_outdated");
});

test("a thousand requests with one token, all at once, are one question", async () => {
  const { authenticate, issue, asked, guard } = asking();
  const token = issue();
  const all = await Promise.all(Array.from({ length: 1000 }, () => authenticate(token)));
  assert.ok(all.every((decision) => decision.outcome === "allow"));
  assert.equal(asked.length, 1);
  assert.equal(guard.counters.allowed, 1000);
});

test("an opaque token that has expired is asked about again, and refused as its issuer says", async () => {
  const { authenticate, issue, answers, clock, asked } = asking();
  const token = issue({ exp: Math.floor(clock.seconds) + 30 });
  assert.equal(codeOf(await authenticate(token)), "allow");
  clock.advance(31_000);
  answers.set(token, { active: false });
  assert.equal(codeOf(await authenticate(token)), "inactive_token");
  assert.equal(asked.length, 2);
});
