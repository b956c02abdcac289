import assert from "node:assert/strict";
import { test } from "node:test";
import { keySetOf } from "@portcullis/issuer";
import { FakeIssuer, generateSigningKey, signJwt } from "@portcullis/testing";
import { createSignedHeadVerifier, localKeySource, remoteKeySource } from "../src/index.ts";

const place = { incarnation: "first", epoch: 1, seq: 7, chain: "C".repeat(43) };

test("a head that the issuer signed gives its claims", async () => {
  await using issuer = await FakeIssuer.start();
  const keys = localKeySource({ keys: [issuer.key.jwk] });
  const verify = createSignedHeadVerifier({ issuer: issuer.issuer, keys });
  const { iat, ...claims } = await verify(issuer.signHead(place));
  assert.deepEqual(claims, { iss: issuer.issuer, ...place });
  assert.ok(Number.isInteger(iat));
});

test("every other text is refused, with the reason as code", async () => {
  await using issuer = await FakeIssuer.start();
  const { key } = issuer;
  const verify = createSignedHeadVerifier({
    issuer: issuer.issuer,
    keys: localKeySource({ keys: [key.jwk] }),
  });
  const header = { alg: key.alg, kid: key.kid, typ: "portcullis-head+jwt" };
  const claims = { iss: issuer.issuer, ...place, iat: 1 };
  for (const [code, jws] of [
    ["wrong_issuer", signJwt(key, header, { ...claims, iss: "https://other.example" })],
    ["wrong_type", signJwt(key, { ...header, typ: "at+jwt" }, claims)],
    ["wrong_type", issuer.mint()],
    ["malformed_token", signJwt(key, header, { ...claims, seq: -1 })],
    ["malformed_token", signJwt(key, header, { ...claims, chain: "short" })],
    ["unknown_key", signJwt(key, { ...header, kid: "other" }, claims)],
    ["bad_signature", signJwt(generateSigningKey("ES256", key.kid), header, claims)],
    ["unsupported_algorithm", signJwt(key, { ...header, alg: "none" }, claims)],
    ["malformed_token", "rubbish"],
  ] as const) {
    await assert.rejects(verify(jws), { code });
  }
});

test("a head is checked with the keys that are known while the issuer is away", async () => {
  await using issuer = await FakeIssuer.start();
  const keys = remoteKeySource({ fetchKeySet: keySetOf({ issuer: issuer.issuer, timeoutMs: 60_000 }) });
  const verify = createSignedHeadVerifier({ issuer: issuer.issuer, keys });
  await verify(issuer.signHead(place));
  const later = issuer.signHead({ ...place, seq: 8 });
  await issuer.stop();
  assert.equal((await verify(later)).seq, 8);
});
