import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { MUTANTS } from "../mutants/list.ts";
import { root } from "../workspace.ts";

test("every mutant still fits the source, and names tests that are there", () => {
  const misplaced = MUTANTS.flatMap(({ name, file, edits, tests }) => {
    const source = readFileSync(join(root, file), "utf8");
    const texts = edits.filter(([found]) => source.split(found).length !== 2).map(([found]) => found);
    const missing = tests.filter((path) => !existsSync(join(root, path)));
    return [...texts, ...missing].map((what) => `${name}: ${what}`);
  });
  assert.deepEqual(misplaced, []);
});
