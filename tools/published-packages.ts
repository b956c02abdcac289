/** The packages that others install: every workspace below packages/ and apps/ that is not private. */
import { dirname } from "node:path";
import { repository, type Tree } from "./workspace.ts";

export interface PublishedPackage {
  /** As in `npm install NAME`. */
  readonly name: string;
  readonly version: string;
  /** From the root of the repository. */
  readonly folder: string;
  /** Those of ours that it imports, by name. */
  readonly imports: readonly string[];
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** In the order of their imports: each stands behind those that it needs. */
export function publishedPackages(tree: Tree = repository): readonly PublishedPackage[] {
  const found = ["packages", "apps"]
    .flatMap((folder) => tree.filesBelow(folder, /^package\.json$/))
    .flatMap((file) => publishedIn(dirname(file), JSON.parse(tree.readText(file)) as Manifest));
  return withTheirImports(found, found);
}

/** Those asked for and what they import, in order. Throws for a name that nobody publishes. */
export function publishedNamed(names: readonly string[], tree?: Tree): readonly PublishedPackage[] {
  const all = publishedPackages(tree);
  const chosen = names.map((name) => {
    const found = all.find((one) => one.name === name || one.name === `@portcullis/${name}`);
    if (found !== undefined) return found;
    throw new Error(
      `There is no published package ${name}. There are ${all.map((one) => one.name).join(", ")}.`,
    );
  });
  return withTheirImports(chosen, all);
}

function publishedIn(folder: string, manifest: Manifest): PublishedPackage[] {
  const { name, version, dependencies = {} } = manifest;
  if (manifest.private === true) return [];
  const imports = Object.keys(dependencies).filter((one) => one.startsWith("@portcullis/"));
  return [{ name, version, folder, imports }];
}

function withTheirImports(
  chosen: readonly PublishedPackage[],
  all: readonly PublishedPackage[],
): readonly PublishedPackage[] {
  const ordered = new Set<PublishedPackage>();
  const add = (one: PublishedPackage): void => {
    if (ordered.has(one)) return;
    for (const name of one.imports) add(importOf(one, name, all));
    ordered.add(one);
  };
  for (const one of chosen) add(one);
  return [...ordered];
}

function importOf(by: PublishedPackage, name: string, all: readonly PublishedPackage[]): PublishedPackage {
  const found = all.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new Error(`${by.name} is published and imports ${name}, which is private: nobody could install it`);
}
