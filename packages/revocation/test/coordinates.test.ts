import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import {
  encodeIdentifier,
  isPairScope,
  PAIR_SCOPES,
  pairKeyOf,
  SCOPES,
  type Scope,
} from "@portcullis/protocol";
import { createKeySpace, type RevocationKey } from "@portcullis/revocation";
import fc from "fast-check";

const hashKey = new Uint8Array(32).fill(5);
const keySpace = createKeySpace(hashKey);
const identifier = encodeIdentifier(Uint8Array.from({ length: 16 }, (_, index) => index * 16));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("identifiers of tokens, sessions and grants are taken as they are", () => {
  for (const scope of ["token", "session", "grant"] as const) {
    assert.equal(hex(keySpace.keyOf(scope, identifier)), "00102030405060708090a0b0c0d0e0f0");
  }
});

test("every other text is a keyed hash of scope and text, cut to 16 bytes", () => {
  const expected = createHmac("sha256", hashKey).update('["subject","ann"]').digest("hex").slice(0, 32);
  assert.equal(hex(keySpace.keyOf("subject", "ann")), expected);
  assert.notEqual(hex(keySpace.keyOf("subject", identifier)), "00102030405060708090a0b0c0d0e0f0");
  assert.notEqual(hex(createKeySpace(new Uint8Array(32)).keyOf("subject", "ann")), expected);
});

test("another spelling of an identifier is another key", () => {
  const last = identifier.slice(-1);
  for (const other of [
    `${identifier}=`,
    ` ${identifier}`,
    `${identifier.slice(0, -1)}${last === "A" ? "B" : "x"}`,
  ]) {
    assert.notEqual(hex(keySpace.keyOf("session", other)), hex(keySpace.keyOf("session", identifier)));
  }
});

test("no two names share a key, even where their parts join to the same text", () => {
  const text = fc.oneof(
    fc.constantFrom("", "a", "b", "ab", '","', "\ud800", "\ud801", "\ufffd"),
    fc.string(),
  );
  const named: fc.Arbitrary<readonly [Scope, RevocationKey]> = fc.oneof(
    fc.tuple(fc.constantFrom(...SCOPES.filter((scope) => scope !== "issuer" && !isPairScope(scope))), text),
    fc
      .tuple(fc.constantFrom(...SCOPES.filter(isPairScope)), text, text)
      .map(([scope, subject, other]) => [scope, pairKeyOf(scope, subject, other)] as const),
  );
  fc.assert(
    fc.property(named, named, ([scope, key], [otherScope, otherKey]) => {
      const same = JSON.stringify([scope, key]) === JSON.stringify([otherScope, otherKey]);
      assert.equal(hex(keySpace.keyOf(scope, key)) === hex(keySpace.keyOf(otherScope, otherKey)), same);
    }),
    { numRuns: 2000 },
  );
});

test("a pair names its subject and the other half, each in its own place", () => {
  for (const scope of SCOPES.filter(isPairScope)) {
    const [one, swapped, moved] = (
      [
        ["a", "bc"],
        ["bc", "a"],
        ["ab", "c"],
      ] as const
    ).map(([subject, other]) => hex(keySpace.keyOf(scope, pairKeyOf(scope, subject, other))));
    assert.equal(new Set([one, swapped, moved]).size, 3, scope);
    const half = hex(keySpace.keyOf(PAIR_SCOPES[scope], "bc"));
    assert.notEqual(one, half);
  }
});

test("a key that does not fit its scope is refused", () => {
  const wrong: readonly (readonly [Scope, RevocationKey])[] = [
    ["issuer", "https://issuer"],
    ["subject", undefined],
    ["subject", { subject: "ann", client: "app" }],
    ["subject-client", "ann"],
    ["subject-client", { subject: "ann", audience: "app" }],
    ["subject-audience", { subject: "ann", client: "app" }],
    ["subject-organization", { subject: "ann", audience: "app" }],
    ["subject-audience", undefined],
    ["session", undefined],
  ];
  for (const [scope, key] of wrong)
    assert.throws(() => keySpace.keyOf(scope, key), { code: "malformed_key" });
});

test("what a caller does with a key changes no other", () => {
  keySpace.keyOf("client", "app").fill(0);
  assert.notEqual(hex(keySpace.keyOf("client", "app")), "0".repeat(32));
});

test("a key stays the same however many texts came in between", () => {
  const before = hex(keySpace.keyOf("client", "app"));
  for (let client = 0; client < 3000; client++) keySpace.keyOf("client", `client ${client}`);
  assert.equal(hex(keySpace.keyOf("client", "app")), before);
});
