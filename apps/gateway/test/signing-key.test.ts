import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CompactSign, calculateJwkThumbprint, compactVerify, exportJWK, generateKeyPair } from "jose";
import { openSigningKey } from "../src/transaction-token/signing-key.ts";

const freshFile = (): string => join(mkdtempSync(join(tmpdir(), "portcullis-key-")), "deep", "key.json");

test("the key is made at the first start, readable by its owner only, and kept", () => {
  const file = freshFile();
  const first = openSigningKey(file);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(file, "..")), ["key.json"]);
  assert.equal(openSigningKey(file).kid, first.kid);
});

test("the published half has no private member, and its kid is the RFC 7638 thumbprint", async () => {
  const { jwk, kid } = openSigningKey(freshFile());
  assert.deepEqual(Object.keys(jwk).sort(), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
  assert.equal(kid, await calculateJwkThumbprint({ ...jwk, kty: "EC" }));
});

test("signatures verify with the published half", async () => {
  const key = openSigningKey(freshFile());
  const header = Buffer.from('{"alg":"ES256"}').toString("base64url");
  const signed = `${header}.${Buffer.from("hello").toString("base64url")}`;
  const { payload } = await compactVerify(`${signed}.${key.sign(signed)}`, { ...key.jwk, kty: "EC" });
  assert.equal(Buffer.from(payload).toString(), "hello");
});

test("a key that others can read is refused", { skip: process.platform === "win32" }, () => {
  const file = freshFile();
  openSigningKey(file);
  chmodSync(file, 0o640);
  assert.throws(() => openSigningKey(file), { code: "unsafe_key_file", message: /its mode is 640/ });
});

test("a file that holds no P-256 private key is refused, and not repeated in the message", async () => {
  const file = freshFile();
  openSigningKey(file);
  const publicOnly = JSON.parse(readFileSync(file, "utf8"));
  const secret = publicOnly.d;
  delete publicOnly.d;
  const other = await generateKeyPair("ES384", { extractable: true });
  for (const content of [
    "",
    "{}",
    JSON.stringify(publicOnly),
    JSON.stringify(await exportJWK(other.privateKey)),
  ]) {
    writeFileSync(file, content);
    assert.throws(
      () => openSigningKey(file),
      (error: Error & { code?: string }) =>
        error.code === "unsafe_key_file" && !error.message.includes(secret),
    );
  }
});

test("a signature by another key does not verify", async () => {
  const key = openSigningKey(freshFile());
  const { privateKey } = await generateKeyPair("ES256");
  const forged = await new CompactSign(Buffer.from("x"))
    .setProtectedHeader({ alg: "ES256" })
    .sign(privateKey);
  await assert.rejects(compactVerify(forged, { ...key.jwk, kty: "EC" }), {
    code: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
  });
});
