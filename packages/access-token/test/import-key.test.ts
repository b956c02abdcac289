import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { generateSigningKey } from "@portcullis/testing";
import { importKey } from "../src/import-key.ts";
import { importKeySet } from "../src/key-set.ts";
import { localKeySource } from "../src/key-source.ts";
import { codeOf, KEYS, mint, verifier } from "./token.ts";

const es = KEYS.ES256.jwk;
const rs = KEYS.RS256.jwk;
const ed = KEYS.EdDSA.jwk;
const without = (jwk: object, name: string) => ({ ...jwk, [name]: undefined });
const weakRsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ format: "jwk" });
const lowExponent = generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 3 }).publicKey.export({
  format: "jwk",
});
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey.export({ format: "jwk" });

const ACCEPTED: readonly (readonly [what: string, jwk: object, algorithm: string])[] = [
  ["an EC key on P-256", es, "ES256"],
  ["an EC key that names no alg", without(es, "alg"), "ES256"],
  ["an Ed25519 key that names no alg", without(ed, "alg"), "EdDSA"],
  ["an RSA key that names no alg", without(rs, "alg"), "RS256"],
  ["an RSA key for PS256", { ...rs, alg: "PS256" }, "PS256"],
  ["a key that names no use", without(es, "use"), "ES256"],
  ["a key for verifying", { ...es, key_ops: ["verify"] }, "ES256"],
];
for (const [what, jwk, algorithm] of ACCEPTED) {
  test(`${what} is bound to ${algorithm}`, () => assert.equal(importKey(jwk)?.algorithm, algorithm));
}

const REFUSED: readonly (readonly [what: string, jwk: unknown])[] = [
  ["nothing", null],
  ["a text", "key"],
  ["a key for encryption", { ...es, use: "enc" }],
  ["a key for signing only", { ...es, key_ops: ["sign"] }],
  ["a key of another algorithm than its curve's", { ...es, alg: "EdDSA" }],
  ["an RSA key said to be for ES256", { ...rs, alg: "ES256" }],
  ["an algorithm we do not have", { ...es, alg: "ES256K" }],
  ["an algorithm of an object's prototype", { ...es, alg: "constructor" }],
  ["a key on P-384", { ...p384, kid: "k" }],
  ["a key on P-384 said to be for ES256", { ...p384, kid: "k", alg: "ES256" }],
  ["an RSA key of 1,024 bits", { ...weakRsa, kid: "k" }],
  ["an RSA key with exponent 3", { ...lowExponent, kid: "k" }],
  ["a symmetric key", { kty: "oct", k: "c2VjcmV0", kid: "k", alg: "HS256" }],
  ["a private key", { ...KEYS.ES256.privateKey.export({ format: "jwk" }), kid: "k" }],
  ["a key without kid", without(es, "kid")],
  ["a key with a kid of 129 characters", { ...es, kid: "k".repeat(129) }],
  ["a point that is not on the curve", { ...es, y: es.x }],
  ["a key without its numbers", without(es, "x")],
];
for (const [what, jwk] of REFUSED) {
  test(`${what} is not imported`, () => assert.equal(importKey(jwk), undefined));
}

test("unusable keys in a set do not stop the others", () => {
  const set = importKeySet([...REFUSED.map(([, jwk]) => jwk), es]);
  assert.equal(set.size, 1);
  assert.ok(set.find({ kid: "es", alg: "ES256" }));
});

test("of two keys with one kid and one algorithm the first counts", async () => {
  const second = generateSigningKey("ES256", "es");
  const keys = localKeySource({ keys: [es, second.jwk] });
  assert.ok(verifier({ keys }).verify(mint()));
  assert.equal(await codeOf(() => verifier({ keys }).verify(mint({}, {}, second))), "bad_signature");
});

test("a local set that was replaced forgets the tokens of keys that are gone", async () => {
  const second = generateSigningKey("ES256", "second");
  let jwks = { keys: [es] };
  const rotating = verifier({ keys: localKeySource(() => jwks) });
  const token = mint();
  const verified = rotating.verify(token);
  jwks = { keys: [es, second.jwk] };
  assert.equal(rotating.verify(token), verified, "a key more is no reason to forget");
  jwks = { keys: [second.jwk] };
  assert.equal(await codeOf(() => rotating.verify(token)), "unknown_key");
});

test("a key source of somebody else's cannot hand out a key that does not fit", async () => {
  const keys = { keyFor: () => KEYS.RS256.publicKey };
  assert.equal(await codeOf(() => verifier({ keys }).verify(mint())), "unknown_key");
  const priv = { keyFor: () => KEYS.ES256.privateKey };
  assert.equal(await codeOf(() => verifier({ keys: priv }).verify(mint())), "unknown_key");
});
