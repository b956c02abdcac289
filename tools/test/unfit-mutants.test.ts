import assert from "node:assert/strict";
import { test } from "node:test";
import { unfitMutants } from "../mutants/fits.ts";
import { mistypes } from "../mutants/types.ts";
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

const CONFIGURATION = JSON.stringify({
  compilerOptions: {
    noEmit: true,
    strict: true,
    target: "ES2023",
    module: "NodeNext",
    allowImportingTsExtensions: true,
    types: [],
  },
  include: ["src"],
  exclude: ["**/dist"],
});
const typesOf = (instead: string, t: { after(hook: () => void): void }) =>
  mistypes(
    treeOf(
      {
        "package.json": '{"type": "module"}',
        "tsconfig.json": CONFIGURATION,
        "src/a.ts": `import { size } from "./b.ts";\nexport const doubled = size(2) * 2;\n`,
        "src/b.ts": `export const size = (of: number): number => of;\n`,
      },
      t,
    ),
    [{ ...MUTANT, file: "src/a.ts", edits: [["size(2) * 2", instead]] }],
  );

test("a mutant that still compiles, with what its file imports, is not complained about", (t) => {
  assert.deepEqual(typesOf("size(2) * 3", t), []);
});

for (const [what, instead] of [
  ["uses a name which its file does not have", "clock.size(2)"],
  ["calls a function in its former shape", 'size("2", 2)'],
] as const) {
  test(`a mutant that ${what} is complained about`, (t) => {
    const [complaint, ...more] = typesOf(instead, t);
    assert.match(complaint!, /^mutant m\/src\/a\.ts\(2,\d+\): error TS\d+/);
    assert.deepEqual(more, []);
  });
}
