/** Where things are in this repository. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const PASSED_OVER = new Set(["node_modules", "dist", ".git", ".portcullis"]);

/** Files by paths relative to a root: this repository's, or those that a test of a check makes. */
export interface Tree {
  readonly root: string;
  has(path: string): boolean;
  readText(path: string): string;
  /** Sorted; none when there is no such folder. */
  filesBelow(folder: string, ending: RegExp): string[];
}

export const treeAt = (root: string): Tree => ({
  root,
  has: (path) => existsSync(join(root, path)),
  readText: (path) => readFileSync(join(root, path), "utf8"),
  filesBelow: (folder, ending) => (existsSync(join(root, folder)) ? filesIn(root, folder, ending) : []),
});

export const repository = treeAt(root);

function filesIn(root: string, folder: string, ending: RegExp): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !path.split("/").some((part) => PASSED_OVER.has(part)))
    .sort();
}
