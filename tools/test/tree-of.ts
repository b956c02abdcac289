import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Tree, treeAt } from "../workspace.ts";

/** A tree of the files given, gone when the test is over. */
export function treeOf(
  files: Readonly<Record<string, string>>,
  test: { after(hook: () => void): void },
): Tree {
  const root = mkdtempSync(join(tmpdir(), "portcullis-tree-"));
  test.after(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return treeAt(root);
}
