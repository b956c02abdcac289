import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import { BATTERIES } from "./batteries.ts";

const parts = Object.entries(BATTERIES);
const batteries: readonly string[] = parts.flatMap(([, names]) => names);

test("every part of the batteries has a test file that runs it, and no other", () => {
  const files = readdirSync(new URL(".", import.meta.url)).filter((name) => name.endsWith(".test.ts"));
  assert.deepEqual(
    files.filter((name) => name !== "parts.test.ts").toSorted(),
    parts.map(([part]) => `${part}.test.ts`).toSorted(),
  );
  for (const [part] of parts) {
    const text = readFileSync(new URL(`./${part}.test.ts`, import.meta.url), "utf8");
    assert.ok(text.includes(`testOnPostgres("${part}")`), `${part}.test.ts runs something else`);
  }
});

test("a battery is in one part, and there is such a test", () => {
  assert.deepEqual([...new Set(batteries)], batteries);
  for (const name of batteries)
    assert.ok(existsSync(new URL(`../${name}.test.ts`, import.meta.url)), `there is no ${name}.test.ts`);
});
