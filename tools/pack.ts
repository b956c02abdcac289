/**
 * `npm run pack [-- --out FOLDER]`: builds every package that others install, and writes each as a tarball that
 * `npm install` takes. Prints the command that installs them all.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildPackages } from "./build.ts";
import { type PublishedPackage, publishedPackages } from "./published-packages.ts";
import { root } from "./workspace.ts";

const DEFAULT_FOLDER = "packed";

function pack(folder: string): void {
  const packages = publishedPackages();
  buildPackages(packages);
  mkdirSync(folder, { recursive: true });
  const workspaces = packages.flatMap((one) => ["-w", one.folder]);
  // They were built a moment ago: `prepack` would build each again, and what it imports.
  const options = ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder, ...workspaces];
  const { status } = spawnSync("npm", options, { cwd: root, stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new Error("npm pack failed; see above");
  // Not to standard output, which a script runs as it is.
  console.error(`Packed ${packages.length} packages. Run this line in the folder of your own project:`);
  console.log(`npm install ${packages.map((one) => join(folder, tarballOf(one))).join(" ")}`);
}

/** As `npm pack` names it. */
const tarballOf = ({ name, version }: PublishedPackage): string =>
  `${name.replace("@", "").replace("/", "-")}-${version}.tgz`;

try {
  const { values } = parseArgs({ options: { out: { type: "string" } } });
  pack(resolve(process.env.INIT_CWD ?? root, values.out ?? DEFAULT_FOLDER));
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
