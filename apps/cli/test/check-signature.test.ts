import assert from "node:assert/strict";
import test from "node:test";
import { encodeBase64url, type LogPage, SIGNED_HEAD_TYPE } from "@portcullis/protocol";
import { CompactSign, exportJWK, generateKeyPair } from "jose";
import { checkSignature } from "../src/proof/check-signature.ts";

const ISSUER = "https://login.example";
const keys = await generateKeyPair("ES256");
const intruder = await generateKeyPair("ES256");
const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: "k1", alg: "ES256" }] };
const chain = encodeBase64url(new Uint8Array(32).fill(7));
const page: LogPage = { incarnation: "i", head: 9, oldestKept: 1, after: 0, to: 9, records: "", chain };
const claims = { iss: ISSUER, incarnation: "i", epoch: 1, seq: 9, chain, iat: 1 };

async function verdictOf(changes: object = {}, options: { typ?: string; key?: CryptoKey } = {}) {
  const { typ = SIGNED_HEAD_TYPE, key = keys.privateKey } = options;
  const signedHead = await new CompactSign(Buffer.from(JSON.stringify({ ...claims, ...changes })))
    .setProtectedHeader({ alg: "ES256", kid: "k1", typ })
    .sign(key);
  return checkSignature({ ...page, signedHead }, { issuer: ISSUER, jwks });
}

test("the issuer's word on exactly this end of the log counts, and no other", async () => {
  assert.equal((await verdictOf()).ok, true);
  assert.match((await verdictOf({ iss: "https://other.example" })).message, /of the issuer https:\/\/other/);
  assert.match((await verdictOf({ incarnation: "j" })).message, /of the incarnation j/);
  assert.match((await verdictOf({ seq: 8 })).message, /over seq 8 and not 9/);
  assert.match((await verdictOf({ chain: "A".repeat(43) })).message, /another value of the chain/);
  assert.match((await verdictOf({}, { typ: "at+jwt" })).message, /signed as a at\+jwt/);
  const forged = await verdictOf({}, { key: intruder.privateKey });
  assert.deepEqual([forged.ok, /does not hold/.test(forged.message)], [false, true]);
  assert.equal((await verdictOf({ seq: "nine" })).ok, false);
});

test("a server that signs nothing is not called wrong", async () => {
  assert.equal((await checkSignature(page, { issuer: ISSUER, jwks })).ok, null);
});
