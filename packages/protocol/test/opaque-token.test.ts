import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import {
  encodeOpaqueToken,
  introspectionSchema,
  looksLikeOpaqueToken,
  OPAQUE_TOKEN_KINDS,
  OPAQUE_TOKEN_LENGTH,
  OPAQUE_TOKEN_PATTERN,
  OPAQUE_TOKEN_PREFIX,
  opaqueTokenKind,
} from "../src/index.ts";

const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });
const anyToken = fc
  .tuple(fc.constantFrom(...OPAQUE_TOKEN_KINDS), secret)
  .map(([kind, bytes]) => ({ kind, text: encodeOpaqueToken(kind, bytes) }));

test("tells the kind of every token that it has written, which has one length and the prefix", () => {
  fc.assert(
    fc.property(anyToken, ({ kind, text }) => {
      assert.equal(opaqueTokenKind(text), kind);
      assert.equal(text.length, OPAQUE_TOKEN_LENGTH);
      assert.ok(text.startsWith(OPAQUE_TOKEN_PREFIX) && looksLikeOpaqueToken(text));
    }),
  );
});

test("writes these tokens for these secrets, for ever", () => {
  assert.equal(
    encodeOpaqueToken("personal", new Uint8Array(32)),
    "pcl_pat_0000000000000000000000000000000000000000000_4gVtiF",
  );
  assert.equal(
    encodeOpaqueToken("key", new Uint8Array(32).fill(255)),
    "pcl_key_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1_1NPQMA",
  );
});

test("has as checksum what zlib computes, most significant digit first", () => {
  const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const numberIn = (text: string) => [...text].reduce((sum, digit) => sum * 62 + digits.indexOf(digit), 0);
  fc.assert(
    fc.property(anyToken, ({ text }) => assert.equal(numberIn(text.slice(-6)), crc32(text.slice(0, -7)))),
  );
});

test("is no token with any one character changed, added or left out", () => {
  const text = encodeOpaqueToken("personal", new Uint8Array(32).fill(7));
  for (let at = 0; at < text.length; at++) {
    const [before, after] = [text.slice(0, at), text.slice(at + 1)];
    const changed = text[at] === "a" ? "b" : "a";
    for (const other of [`${before}${changed}${after}`, `${before}${after}`, `${before}a${text.slice(at)}`]) {
      assert.equal(opaqueTokenKind(other), undefined, other);
    }
  }
  for (const other of [`${text} `, `${text}\n`, ` ${text}`, "", "pcl_", text.toUpperCase()]) {
    assert.equal(opaqueTokenKind(other), undefined, other);
  }
});

test("is found by the scanners' pattern wherever it stands, whole and alone", () => {
  const around = fc.constantFrom("", " ", '"', "'", "=", "\n", ":", "/", ",", "(", "`", "-");
  fc.assert(
    fc.property(anyToken, around, around, ({ text }, before, after) => {
      const found = `export TOKEN${before || "="}${text}${after}`.match(
        new RegExp(OPAQUE_TOKEN_PATTERN, "g"),
      );
      assert.deepEqual(found, [text]);
    }),
  );
  const text = encodeOpaqueToken("key", new Uint8Array(32));
  for (const other of [`${text}x`, `x${text}`, text.slice(0, -1), text.replace("key", "abc")]) {
    assert.doesNotMatch(other, new RegExp(OPAQUE_TOKEN_PATTERN), other);
  }
});

test("has in its documentation the pattern that scanners are told of", () => {
  const page = new URL("../../../docs/reference/tokens.md", import.meta.url);
  assert.ok(readFileSync(page, "utf8").includes(`\n${OPAQUE_TOKEN_PATTERN}\n`));
});

test("refuses a secret of another length", () => {
  assert.throws(() => encodeOpaqueToken("key", new Uint8Array(31)), RangeError);
});

test("takes an answer about a living token only with all that a verdict needs", () => {
  const living = {
    active: true,
    token_type: "Bearer",
    iss: "https://id.example",
    sub: "u1",
    client_id: "portcullis-personal-token",
    aud: ["https://api.example"],
    scope: "read",
    iat: 1,
    exp: 2,
    jti: "AAAAAAAAAAAAAAAAAAAAAA",
    rv: 0,
  };
  assert.deepEqual(introspectionSchema.parse({ ...living, more: 1 }), living);
  for (const missing of ["iss", "sub", "client_id", "aud", "scope", "iat", "exp", "jti", "rv"]) {
    assert.equal(introspectionSchema.safeParse({ ...living, [missing]: undefined }).success, false, missing);
  }
  assert.equal(introspectionSchema.safeParse({ ...living, aud: [] }).success, false);
  assert.equal(introspectionSchema.safeParse({ ...living, allowed_addresses: [] }).success, false);
  assert.deepEqual(introspectionSchema.parse({ active: false, reason: "banned" }), {
    active: false,
    reason: "banned",
  });
});
