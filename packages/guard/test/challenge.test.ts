import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatChallenge } from "../src/challenge.ts";

test("quotes and backslashes are escaped, line breaks and others become spaces", () => {
  const value = 'a"b\\c\r\nSet-Cookie: x=y\u2028é';
  assert.equal(formatChallenge("Bearer", { realm: value }), 'Bearer realm="a\\"b\\\\c  Set-Cookie: x=y  "');
});

test("parameters that are not there are left out", () => {
  assert.equal(
    formatChallenge("Bearer", { realm: "r", scope: undefined, error: "e" }),
    'Bearer realm="r", error="e"',
  );
});

test("whatever the value, the challenge is one header with one quoted-string", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (value) => {
      assert.match(formatChallenge("Bearer", { realm: value }), /^Bearer realm="(?:[ !#-[\]-~]|\\["\\])*"$/);
    }),
  );
});
