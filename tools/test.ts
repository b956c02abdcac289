/**
 * `npm test [-- FILTER...]`: installs what the tests need, builds the packages, runs the suite. A filter is
 * a part of a test file's path; without one, everything runs.
 */
import { spawnSync } from "node:child_process";
import { buildPackages } from "./build.ts";
import { ensurePrograms } from "./debian-packages.ts";
import { repository, root } from "./workspace.ts";

const TEST_FILE = /\.test\.ts$/;
const filters = process.argv.slice(2);

const wanted = (folders: readonly string[]): string[] =>
  folders
    .flatMap((folder) => repository.filesBelow(folder, TEST_FILE))
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)));

// The end-to-end battery starts whole stacks and measures leases in seconds: it has the machine for itself.
const groups = [
  { files: wanted(["packages", "apps", "examples", "tools", "simulation"]), concurrency: 2 },
  { files: wanted(["tests", "faults"]), concurrency: 1 },
].filter((group) => group.files.length > 0);

if (groups.length === 0) {
  console.error(`No test file matches ${filters.join(" ")}.`);
  process.exit(1);
}

ensurePrograms(["chromium", "haproxy", "nginx", "openssl", "postgresql", "redis-server"]);
buildPackages();

const failed = groups.filter(({ files, concurrency }) => !runTests(files, concurrency));
process.exit(failed.length === 0 ? 0 : 1);

function runTests(files: readonly string[], concurrency: number): boolean {
  const flags = ["--conditions=@portcullis/source", "--test", `--test-concurrency=${concurrency}`];
  return spawnSync(process.execPath, [...flags, ...files], { cwd: root, stdio: "inherit" }).status === 0;
}
