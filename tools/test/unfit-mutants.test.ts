import assert from "node:assert/strict";
import { test } from "node:test";
import { unfitMutants } from "../mutants/fits.ts";
import { treeOf } from "./tree-of.ts";

const MUTANT = {
  name: "m",
  says: "",
  file: "a.ts",
  edits: [["one", "thing.one"]],
  tests: ["a.test.ts"],
} as const;
const complaintsAbout = (files: Record<string, string>, t: { after(hook: () => void): void }) =>
  unfitMutants(treeOf(files, t), [MUTANT]);

test("a mutant whose text stands once, and whose tests are there, fits", (t) => {
  assert.deepEqual(complaintsAbout({ "a.ts": "one; thing.two", "a.test.ts": "" }, t), []);
});

for (const [what, text] of [
  ["gone", "three"],
  ["there twice", "one one"],
] as const) {
  test(`a mutant whose text is ${what} is complained about`, (t) => {
    assert.match(
      complaintsAbout({ "a.ts": text, "a.test.ts": "" }, t)[0]!,
      /^mutant m: a\.ts has \d times "one"/,
    );
  });
}

test("a mutant whose file or test is gone is complained about", (t) => {
  assert.deepEqual(complaintsAbout({ "b.ts": "" }, t), [
    "mutant m: there is no a.ts",
    "mutant m: there is no a.test.ts",
  ]);
});

test("a mutant that uses a name which its file does not have is complained about", (t) => {
  const complaints = complaintsAbout({ "a.ts": "one; clock.thing()", "a.test.ts": "" }, t);
  assert.deepEqual(complaints, ["mutant m: a.ts has nothing that is called thing"]);
});
