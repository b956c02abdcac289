import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeBase64url, decodeIdentifier, encodeBase64url, encodeIdentifier } from "../src/index.ts";

test("encodes as Node's own base64url does, and decodes back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
      const text = encodeBase64url(bytes);
      assert.equal(text, Buffer.from(bytes).toString("base64url"));
      assert.deepEqual(decodeBase64url(text), bytes);
    }),
  );
});

test("has one spelling for every identifier", () => {
  const text = encodeIdentifier(new Uint8Array(16).fill(255));
  assert.deepEqual(decodeIdentifier(text), new Uint8Array(16).fill(255));
  const others = [`${text}=`, `${text} `, ` ${text}`, text.slice(0, 21), `${text}A`, text.replace(/.$/, "x")];
  for (const other of others) assert.equal(decodeIdentifier(other), undefined, other);
});

test("accepts a text exactly when encoding its bytes gives it back", () => {
  const anyText = fc.string({ minLength: 0, maxLength: 24, unit: "binary-ascii" });
  fc.assert(
    fc.property(anyText, (text) => {
      const bytes = decodeBase64url(text);
      if (bytes !== undefined) assert.equal(encodeBase64url(bytes), text);
    }),
    { numRuns: 2000 },
  );
});

test("refuses the standard alphabet and characters outside ASCII", () => {
  for (const text of ["+/+/", "AA\u0101A", "ＡＡＡＡ", "AA\nAA"])
    assert.equal(decodeBase64url(text), undefined, text);
});

test("refuses to encode an identifier of another length", () => {
  assert.throws(() => encodeIdentifier(new Uint8Array(15)), RangeError);
});
