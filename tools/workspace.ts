/** Where things are in this repository. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const PASSED_OVER = new Set(["node_modules", "dist", ".git", ".portcullis"]);

/** Paths below a folder, relative to the root, sorted. */
export function filesBelow(folder: string, ending: RegExp): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !path.split("/").some((part) => PASSED_OVER.has(part)))
    .sort();
}

export const readText = (path: string): string => readFileSync(join(root, path), "utf8");
