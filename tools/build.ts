/** Builds the packages that others install to JavaScript and declarations, in the order of their imports. */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "./workspace.ts";

const PACKAGES = ["protocol", "revocation", "access-token", "guard", "client"];

export function buildPackages(): void {
  for (const name of PACKAGES) buildPackage(join(root, "packages", name));
}

function buildPackage(directory: string): void {
  rmSync(join(directory, "dist"), { recursive: true, force: true });
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const result = spawnSync(process.execPath, [tsc, "-p", join(directory, "tsconfig.build.json")], {
    stdio: ["ignore", 2, 2],
  });
  if (result.status !== 0) throw new Error(`${directory} does not build; see above`);
}

if (import.meta.main) {
  buildPackages();
  console.error(`Built ${PACKAGES.join(", ")}.`);
}
