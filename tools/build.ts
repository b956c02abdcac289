/**
 * `npm run build [-- NAME...]`: builds the packages that others install to JavaScript and declarations, or those named
 * and what they import.
 */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type PublishedPackage, publishedNamed, publishedPackages } from "./published-packages.ts";
import { root } from "./workspace.ts";

export function buildPackages(packages: readonly PublishedPackage[] = publishedPackages()): void {
  for (const { folder } of packages) buildPackage(join(root, folder));
}

function buildPackage(directory: string): void {
  rmSync(join(directory, "dist"), { recursive: true, force: true });
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const result = spawnSync(process.execPath, [tsc, "-p", join(directory, "tsconfig.build.json")], {
    stdio: ["ignore", 2, 2],
  });
  if (result.status !== 0) throw new Error(`${directory} does not build; see above`);
}

function main(names: readonly string[]): void {
  const packages = names.length === 0 ? publishedPackages() : publishedNamed(names);
  buildPackages(packages);
  console.error(`Built ${packages.map(({ name }) => name).join(", ")}.`);
}

if (import.meta.main) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}
