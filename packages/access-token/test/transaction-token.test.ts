import assert from "node:assert/strict";
import { test } from "node:test";
import { newIdentifier, signJwt, spellingsOf } from "@portcullis/testing";
import { createTransactionTokenVerifier, localKeySource } from "../src/index.ts";
import { clock, codeOf, KEYS } from "./token.ts";

const GATEWAY = "https://gateway.example";
const DOMAIN = "https://internal.example";
const key = KEYS.EdDSA;
const { verify } = createTransactionTokenVerifier({
  issuer: GATEWAY,
  audience: DOMAIN,
  keys: localKeySource({ keys: [key.jwk] }),
  clock,
});

function mint(changes: object = {}, header: object = {}): string {
  const now = clock.seconds;
  const claims = {
    iss: GATEWAY,
    aud: DOMAIN,
    iat: now,
    exp: now + 15,
    txn: newIdentifier(),
    sub: "user-1",
    scope: "orders.read",
    tctx: { route: "orders" },
  };
  return signJwt(
    key,
    { alg: key.alg, kid: key.kid, typ: "txntoken+jwt", ...header },
    { ...claims, ...changes },
  );
}

test("a transaction token says who a call is for, and in which context", async () => {
  const token = await verify(mint());
  assert.equal(token.subject, "user-1");
  assert.ok(token.scopes.has("orders.read"));
  assert.deepEqual(token.claims.tctx, { route: "orders" });
});

const REFUSED: readonly (readonly [what: string, token: () => string, code: string])[] = [
  ["an access token", () => mint({}, { typ: "at+jwt" }), "wrong_type"],
  ["one of another gateway", () => mint({ iss: "https://other.example" }), "wrong_issuer"],
  ["one for another domain", () => mint({ aud: "https://other.example" }), "wrong_audience"],
  ["one that has expired", () => mint({ exp: clock.seconds - 5 }), "expired_token"],
  ["one that is not valid yet", () => mint({ iat: clock.seconds + 6 }), "not_yet_valid"],
  ["one without txn", () => mint({ txn: undefined }), "missing_claim"],
  ["one without sub", () => mint({ sub: undefined }), "missing_claim"],
  ["one whose context is a text", () => mint({ tctx: "orders" }), "malformed_claims"],
  ["one with alg none", () => mint({}, { alg: "none" }), "unsupported_algorithm"],
];
for (const [what, token, code] of REFUSED) {
  test(`${what} is refused: ${code}`, async () => assert.equal(await codeOf(() => verify(token())), code));
}

test("no other spelling of a transaction token is accepted", async () => {
  for (const { name, token } of spellingsOf(mint())) {
    assert.equal(await codeOf(() => verify(token)), "malformed_token", name);
  }
});
