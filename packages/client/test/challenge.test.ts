import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseChallenges } from "../src/index.ts";

const plain = (field: string) =>
  parseChallenges(field)?.map(({ parameters, ...rest }) => ({ ...rest, ...Object.fromEntries(parameters) }));

test("a revoked token's challenge is read with all its parameters", () => {
  const field =
    'Bearer realm="orders", error="invalid_token", error_description="The session has ended.", reason="logged_out", mode="kill"';
  assert.deepEqual(plain(field), [
    {
      scheme: "bearer",
      realm: "orders",
      error: "invalid_token",
      error_description: "The session has ended.",
      reason: "logged_out",
      mode: "kill",
    },
  ]);
});

test("several challenges in one field are told apart from several parameters", () => {
  assert.deepEqual(plain('Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""'), [
    { scheme: "basic", realm: "simple" },
    { scheme: "newauth", realm: "apps", type: "1", title: 'Login to "apps"' },
  ]);
});

test("a scheme may stand alone, first, last and between others", () => {
  assert.deepEqual(plain("Negotiate, Bearer, Basic realm=x, NTLM"), [
    { scheme: "negotiate" },
    { scheme: "bearer" },
    { scheme: "basic", realm: "x" },
    { scheme: "ntlm" },
  ]);
});

test("a token68 belongs to its scheme and is no parameter", () => {
  assert.deepEqual(plain("Negotiate a+b/c==, Bearer error=invalid_token"), [
    { scheme: "negotiate", token68: "a+b/c==" },
    { scheme: "bearer", error: "invalid_token" },
  ]);
});

test("white space round the equals sign, empty list elements and letter case do not matter", () => {
  assert.deepEqual(plain(' , bEARER  Mode = "kill" ,, \tREASON\t=kicked,'), [
    { scheme: "bearer", mode: "kill", reason: "kicked" },
  ]);
});

test("a quoted string may hold commas, equals signs and another challenge's text", () => {
  assert.deepEqual(plain('Basic realm="a, Bearer mode=\\"kill\\"", Bearer mode=stale'), [
    { scheme: "basic", realm: 'a, Bearer mode="kill"' },
    { scheme: "bearer", mode: "stale" },
  ]);
});

test("an empty field has no challenges", () => {
  assert.deepEqual(plain(""), []);
  assert.deepEqual(plain(" , ,"), []);
});

const MALFORMED = [
  'Bearer mode="kill',
  'Bearer mode="kill" reason="kicked"',
  "Bearer mode=kill; reason=kicked",
  'Bearer mode="kill", mode="stale"',
  'Bearer mode="kill", MODE="stale"',
  "Bearer =kill",
  'Bearer mode="a\u0007b"',
  '"Bearer" mode=kill',
  "Bearer: mode=kill",
  'Bearer mode="kill"x',
];
for (const field of MALFORMED) {
  test(`a malformed field is not half-read: ${JSON.stringify(field)}`, () => {
    assert.equal(parseChallenges(field), undefined);
  });
}

const token = fc.stringMatching(/^[!#$%&'*+.^_`|~a-z0-9-]{1,12}$/);
const quotable = fc.stringMatching(/^[\t -~]{0,20}$/);
const challenge = fc.record(
  {
    scheme: token,
    parameters: fc.uniqueArray(fc.tuple(token, quotable), { maxLength: 4, selector: ([name]) => name }),
  },
  { noNullPrototype: true },
);

test("whatever is written by the grammar is read back as it was", () => {
  fc.assert(
    fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
      const field = challenges
        .map(({ scheme, parameters }) =>
          [
            scheme,
            parameters.map(([name, value]) => `${name}="${value.replace(/["\\]/g, "\\$&")}"`).join(", "),
          ]
            .filter((part) => part !== "")
            .join(" "),
        )
        .join(", ");
      const read = parseChallenges(field)?.map(({ scheme, parameters }) => ({
        scheme,
        parameters: [...parameters],
      }));
      assert.deepEqual(read, challenges);
    }),
  );
});

test("no input makes the parser hang or throw", () => {
  const pieces = fc.constantFrom("Bearer", " ", ",", "=", '"', "\\", "a", "==", "\t", "mode", "é");
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      parseChallenges(parts.join(""));
    }),
  );
});
