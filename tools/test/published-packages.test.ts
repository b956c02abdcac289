import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { publishedNamed, publishedPackages } from "../published-packages.ts";
import { root } from "../workspace.ts";
import { treeOf } from "./tree-of.ts";

const manifest = (name: string, imports: readonly string[] = [], more: object = {}): string =>
  JSON.stringify({
    name: `@portcullis/${name}`,
    version: "0.1.0",
    dependencies: Object.fromEntries(imports.map((one) => [`@portcullis/${one}`, "0.1.0"])),
    ...more,
  });

const FILES = {
  "packages/a-guard/package.json": manifest("a-guard", ["tokens", "words"]),
  "packages/tokens/package.json": manifest("tokens", ["words"]),
  "packages/words/package.json": manifest("words"),
  "packages/other/package.json": manifest("other"),
  "packages/secret/package.json": manifest("secret", [], { private: true }),
};
const names = (packages: readonly { readonly name: string }[]) => packages.map(({ name }) => name.slice(12));

test("packages come behind those that they import, and private ones not at all", (t) => {
  assert.deepEqual(names(publishedPackages(treeOf(FILES, t))), ["words", "tokens", "a-guard", "other"]);
});

test("a package asked for brings what it imports and nothing else", (t) => {
  assert.deepEqual(names(publishedNamed(["tokens"], treeOf(FILES, t))), ["words", "tokens"]);
});

test("a name that nobody publishes is refused with the names there are", (t) => {
  assert.throws(() => publishedNamed(["secret"], treeOf(FILES, t)), /no published package secret.*words/);
});

test("a published package that imports a private one is refused", (t) => {
  const files = { ...FILES, "packages/words/package.json": manifest("words", ["secret"]) };
  assert.throws(
    () => publishedPackages(treeOf(files, t)),
    /words is published and imports @portcullis\/secret/,
  );
});

test("every published package of this repository has a build and a README", () => {
  for (const { folder } of publishedPackages()) {
    assert.ok(existsSync(`${root}/${folder}/tsconfig.build.json`), folder);
    assert.ok(existsSync(`${root}/${folder}/README.md`), folder);
  }
});
