import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Principal } from "@portcullis/guard";
import { FrozenClock } from "@portcullis/testing";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { openSigningKey } from "../src/transaction-token/signing-key.ts";
import { TransactionTokens } from "../src/transaction-token/transaction-tokens.ts";

const key = openSigningKey(join(mkdtempSync(join(tmpdir(), "portcullis-tokens-")), "key.json"));

function start() {
  const clock = new FrozenClock();
  let drawn = 0;
  const tokens = new TransactionTokens({
    settings: { issuer: "http://gateway.test", audience: "services.test", lifetimeSeconds: 30 },
    key,
    clock,
    randomBytes: (count) => new Uint8Array(count).fill(++drawn),
  });
  return { clock, tokens };
}

function principal(clock: FrozenClock, livesSeconds = 300): Principal {
  const expiresAt = clock.seconds + livesSeconds;
  return {
    kind: "access_token",
    subject: "user-1",
    clientId: "web",
    scopes: new Set(["orders.read", "orders.write"]),
    audience: ["a"],
    sessionId: "s".repeat(22),
    grantId: "g".repeat(22),
    issuedAt: clock.seconds,
    expiresAt,
    claims: { iss: "i", aud: "a", sub: "user-1", client_id: "web", jti: "j", iat: 0, exp: expiresAt },
  };
}

test("header and claims are those of the transaction-token draft", () => {
  const { clock, tokens } = start();
  const token = tokens.tokenFor(principal(clock), "orders").token;
  assert.deepEqual(decodeProtectedHeader(token), { typ: "txntoken+jwt", alg: "ES256", kid: key.kid });
  const now = clock.seconds;
  assert.deepEqual(decodeJwt(token), {
    iss: "http://gateway.test",
    aud: "services.test",
    iat: now,
    exp: now + 30,
    txn: "AQEBAQEBAQEBAQEBAQEBAQ",
    sub: "user-1",
    scope: "orders.read orders.write",
    req_wl: "http://gateway.test",
    tctx: { route: "orders" },
    rctx: { client_id: "web", sid: "s".repeat(22), gid: "g".repeat(22) },
  });
});

test("it never outlives the access token", () => {
  const { clock, tokens } = start();
  const caller = principal(clock, 12);
  assert.equal(decodeJwt(tokens.tokenFor(caller, "orders").token).exp, caller.expiresAt);
});

test("for an access token that is accepted for the skew's sake it ends when that one is accepted no more", () => {
  const { clock, tokens } = start();
  const caller = principal(clock, 3);
  const before = tokens.tokenFor(caller, "orders");
  assert.equal(before.expiresAt, caller.expiresAt);
  clock.advance(4_000);
  const within = tokens.tokenFor(caller, "orders");
  assert.equal(within.expiresAt, caller.expiresAt + 5);
  assert.equal(decodeJwt(within.token).exp, within.expiresAt);
});

test("it is reused for the same access token and route for at most ten seconds", () => {
  const { clock, tokens } = start();
  const caller = principal(clock);
  const first = tokens.tokenFor(caller, "orders").token;
  clock.advance(9_999);
  assert.equal(tokens.tokenFor(caller, "orders").token, first);
  clock.advance(1);
  assert.notEqual(tokens.tokenFor(caller, "orders").token, first);
});

test("it is not shared between routes, nor between two access tokens of one user", () => {
  const { clock, tokens } = start();
  const caller = principal(clock);
  const first = tokens.tokenFor(caller, "orders").token;
  assert.notEqual(tokens.tokenFor(caller, "other").token, first);
  assert.notEqual(tokens.tokenFor(principal(clock), "orders").token, first);
});

test("what is remembered is bounded: callers by the ten thousand do not grow it for ever", () => {
  const { clock, tokens } = start();
  const first = principal(clock);
  const token = tokens.tokenFor(first, "orders").token;
  // 20,000 callers fill a window; one more opens the next one, where the first caller is unknown.
  for (let at = 0; at < 20_000; at++) tokens.tokenFor(principal(clock), "orders").token;
  assert.notEqual(tokens.tokenFor(first, "orders").token, token);
});
