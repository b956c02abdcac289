import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, it } from "node:test";
import { appKeySetSchema } from "@portcullis/protocol";
import { appKeyProblems } from "../../src/config/app-key-problems.ts";

const jwkOf = ({ publicKey }: { readonly publicKey: KeyObject }) => publicKey.export({ format: "jwk" });
const P256 = jwkOf(generateKeyPairSync("ec", { namedCurve: "P-256" }));
const P384 = jwkOf(generateKeyPairSync("ec", { namedCurve: "P-384" }));
const RSA_2048 = jwkOf(generateKeyPairSync("rsa", { modulusLength: 2048 }));
const RSA_1024 = jwkOf(generateKeyPairSync("rsa", { modulusLength: 1024 }));
const ED25519 = jwkOf(generateKeyPairSync("ed25519"));

const problemsOf = (settings: object) =>
  appKeyProblems(settings as never, (url) => (url.startsWith("https:") ? undefined : "is no https URL"));
const ofKeys = (...keys: object[]) => problemsOf({ usesKeys: true, jwks: { keys } });

describe("the keys of an app", () => {
  it("are of a kind that it can sign with", () => {
    assert.deepEqual(ofKeys(P256, RSA_2048, ED25519, { ...P256, alg: "ES256", use: "sig", kid: "1" }), []);
    for (const key of [
      P384,
      RSA_1024,
      { kty: "EC", crv: "P-256" },
      { ...P256, alg: "RS256" },
      { ...RSA_2048, n: "x" },
    ]) {
      assert.deepEqual(
        ofKeys(P256, key).map(({ path }) => path.join(".")),
        ["jwks.keys.1"],
        JSON.stringify(key),
      );
    }
  });

  it("are in one place, and of an app that uses them", () => {
    assert.deepEqual(problemsOf({ usesKeys: true, jwksUri: "https://app.example/keys" }), []);
    assert.deepEqual(problemsOf({ usesKeys: false }), []);
    for (const settings of [
      { usesKeys: true },
      { usesKeys: true, jwks: { keys: [P256] }, jwksUri: "https://app.example/keys" },
      { usesKeys: false, jwks: { keys: [P256] } },
      { usesKeys: false, jwksUri: "https://app.example/keys" },
      { usesKeys: true, jwksUri: "http://app.example/keys" },
    ]) {
      assert.equal(problemsOf(settings).length, 1, JSON.stringify(settings));
    }
  });

  it("are public, few, and for signatures", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const accepts = (...keys: object[]) => appKeySetSchema.safeParse({ keys }).success;
    assert.equal(accepts(P256), true);
    const refused = [
      [privateKey.export({ format: "jwk" })],
      [{ kty: "oct", k: "c2VjcmV0" }],
      [{ ...P256, use: "enc" }],
      [],
    ];
    for (const keys of [...refused, Array.from({ length: 11 }, () => P256)]) {
      assert.equal(accepts(...(keys as object[])), false, JSON.stringify(keys));
    }
  });
});
