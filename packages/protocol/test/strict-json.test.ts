import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseStrictObject } from "../src/strict-json.ts";

const safeName = fc.string().filter((name) => !["__proto__", "constructor", "prototype"].includes(name));
const { object } = fc.letrec<{ object: Record<string, unknown>; value: unknown }>((tie) => ({
  object: fc.dictionary(safeName, tie("value"), { maxKeys: 4 }),
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 3 }),
    tie("object"),
  ),
}));

test("every object without repeated names reads as JSON.parse reads it", () => {
  fc.assert(
    fc.property(object, fc.constantFrom(undefined, 1, "\t"), (value, space) => {
      const text = JSON.stringify(value, null, space);
      assert.deepEqual(parseStrictObject(text), JSON.parse(text));
    }),
  );
});

test("an object in which any one member is repeated, at any depth, is refused", () => {
  fc.assert(
    fc.property(object, safeName, fc.array(fc.boolean(), { maxLength: 6 }), (value, name, path) => {
      const member = `${JSON.stringify(name)}:${JSON.stringify(value)}`;
      const repeated = `{${member},${member}}`;
      const nested = path.reduce((inner, list) => (list ? `{"a":[0,${inner}]}` : `{"b":${inner}}`), repeated);
      assert.equal(parseStrictObject(nested), undefined);
    }),
  );
});

test("quotes, backslashes and colons inside of strings are not taken for structure", () => {
  const value = { 'a":"b': '\\":{}', "\\": ":", ":": [{ "\\\\": '"' }] };
  assert.deepEqual(parseStrictObject(JSON.stringify(value)), value);
});
