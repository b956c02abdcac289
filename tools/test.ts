/**
 * `npm test [-- FILTER...]`: installs what the tests need, builds the packages, runs the suite. A filter is
 * a part of a test file's path; without one, everything runs.
 */
import { finished } from "node:stream/promises";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { buildPackages } from "./build.ts";
import { ensurePrograms } from "./debian-packages.ts";
import { memoryFolder } from "./memory-folder.ts";
import { repository, root } from "./workspace.ts";

const TEST_FILE = /\.test\.ts$/;
const filters = process.argv.slice(2);

/** The longest, which begin first: one that began last would hold one lane when the others are done. `npm test` prints them. */
const LONGEST = [
  "on-postgres/signing-in-and-out",
  "tests/endings",
  "on-postgres/tokens",
  "on-postgres/apps-and-keys",
  "tests/launcher",
  "tests/interleavings",
  "on-postgres/people",
  "tests/web-app",
  "tests/pages",
  "simulation/test/simulation",
  "tests/guides",
  "sign-in/kept-out",
  "redis/redis-feed",
  "tests/broken-connections",
  "tests/browsers",
  "faults/test/smoke",
];
/** They stop processes for seconds and look at leases: they have the machine for themselves. */
const ALONE = ["faults/test/smoke", "tests/outage", "tests/paused-gateway", "tests/revocations"];

/** Longer than any file takes on a busy machine: one that hangs is named, and does not hold the run for ever. */
const FILE_TIME_LIMIT_MS = 900_000;

const isOf = (names: readonly string[]) => (path: string) => names.some((name) => path.includes(`${name}.`));
const placeOf = (path: string): number => {
  const place = LONGEST.findIndex((name) => path.includes(`${name}.`));
  return place < 0 ? LONGEST.length : place;
};

const wanted = ["packages", "apps", "examples", "tools", "simulation", "tests", "faults"]
  .flatMap((folder) => repository.filesBelow(folder, TEST_FILE))
  .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
  .toSorted((left, right) => placeOf(left) - placeOf(right));

const groups = [
  { files: wanted.filter((path) => !isOf(ALONE)(path)), concurrency: 2 },
  { files: wanted.filter(isOf(ALONE)), concurrency: 1 },
].filter(({ files }) => files.length > 0);

if (groups.length === 0) {
  console.error(`No test file matches ${filters.join(" ")}.`);
  process.exit(1);
}

ensurePrograms(["chromium", "haproxy", "nginx", "openssl", "postgresql", "redis-server"]);
buildPackages();
Object.assign(process.env, memoryFolder());

const tookMs = new Map<string, number>();
let passed = true;
for (const { files, concurrency } of groups) passed = (await runTests(files, concurrency)) && passed;
console.log(`The longest files, in seconds:\n${longest().join("\n")}`);
process.exit(passed ? 0 : 1);

async function runTests(files: readonly string[], concurrency: number): Promise<boolean> {
  let isSuccess = false;
  const events = run({
    files: [...files],
    cwd: root,
    concurrency,
    execArgv: ["--conditions=@portcullis/source"],
    timeout: FILE_TIME_LIMIT_MS,
  });
  events.on("test:summary", ({ file, success, duration_ms }) => {
    if (file === undefined) isSuccess = success;
    else tookMs.set(file, duration_ms);
  });
  const report = events.compose(spec);
  report.pipe(process.stdout, { end: false });
  await finished(report);
  return isSuccess;
}

function longest(): string[] {
  const files = [...tookMs].toSorted(([, left], [, right]) => right - left).slice(0, 15);
  return files.map(
    ([file, ms]) => `${(ms / 1000).toFixed(1).padStart(7)}  ${file.replace(root, "").replace(/^\//, "")}`,
  );
}
