/**
 * The types of this repository, and of every mutant. One whose edits do not fit together any more throws wherever its file is
 * used: all its tests fail, whatever they look at, and it seems to be killed.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { repository, root, type Tree } from "../workspace.ts";
import { MUTANTS } from "./list.ts";
import { type Mutant, mutated } from "./mutant.ts";

const COMPILER = join(root, "node_modules", "typescript", "bin", "tsc");

/** What the compiler says of all, one a line. It is one program: the mutants cost hardly more than the files without them. */
export function mistypes(tree: Tree = repository, mutants: readonly Mutant[] = MUTANTS): readonly string[] {
  const folder = mkdtempSync(join(tree.root, ".mutants-"));
  try {
    writeMutants(tree, { folder, mutants: mutants.filter(({ file }) => tree.has(file)) });
    const { status, stdout, stderr } = spawnSync(process.execPath, [COMPILER, "-p", folder], {
      cwd: tree.root,
      encoding: "utf8",
    });
    const said = `${stdout}${stderr}`.replaceAll(`${relative(tree.root, folder)}/`, "mutant ");
    return status === 0 ? [] : said.trim().split("\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Each in a folder of its own, from which imports lead to the files of the tree as if it stood among them. */
function writeMutants(
  tree: Tree,
  { folder, mutants }: { readonly folder: string; readonly mutants: readonly Mutant[] },
): void {
  for (const mutant of mutants) {
    const path = join(folder, mutant.name, mutant.file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, mutated(tree.readText(mutant.file), mutant));
  }
  const { include, exclude } = JSON.parse(tree.readText("tsconfig.json")) as Record<string, string[]>;
  const above = (paths: readonly string[] = []) => paths.map((path) => `../${path}`);
  const configuration = {
    extends: "../tsconfig.json",
    // Read once, from a folder of its own: nothing of it is worth keeping.
    compilerOptions: {
      incremental: false,
      tsBuildInfoFile: null,
      rootDirs: ["..", ...mutants.map(({ name }) => `./${name}`)],
    },
    include: above(include),
    exclude: above(exclude),
    files: mutants.map(({ name, file }) => `./${name}/${file}`),
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(configuration));
}
