/**
 * Entry of every npm script. Runs on whatever Node the machine has (>= 20), installs what is missing, then
 * hands over to the pinned Node, which runs the project's TypeScript as it is.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const verbs = ["start", "test", "check", "build", "bench"];
const [verb, ...rest] = process.argv.slice(2);

if (!verbs.includes(verb)) {
  console.error(`usage: node tools/run.mjs ${verbs.join("|")} [options]`);
  process.exit(2);
}

const lock = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");
const stamp = join(root, "node_modules", ".portcullis-lock");
const pinnedNode = join(root, "node_modules", "node", "bin", "node");

function isInstalled() {
  return existsSync(pinnedNode) && existsSync(stamp) && readFileSync(stamp, "utf8") === lock;
}

function install() {
  console.error("Installing dependencies (npm ci) ...");
  // Standard output belongs to the verb: `npm start -- --json` promises exactly one line there.
  const result = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (result.status !== 0) {
    console.error("npm ci failed; see above. Is the npm registry reachable?");
    process.exit(1);
  }
  writeFileSync(stamp, lock);
}

if (!isInstalled()) install();

const child = spawn(
  pinnedNode,
  ["--conditions=@portcullis/source", join(root, "tools", `${verb}.ts`), ...rest],
  {
    cwd: root,
    // The channel tells the launcher when this process is gone, whatever ended it.
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, PATH: `${dirname(pinnedNode)}:${process.env.PATH ?? ""}` },
  },
);

// A terminal sends Ctrl-C to the whole group, so the child has it already; a signal to this process alone
// (a supervisor's SIGTERM) must be passed on, or the servers would outlive it.
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
process.on("SIGINT", () => child.kill("SIGINT"));
// npm passes SIGTERM to the shell between, and that shell dies without a word to us: what is left to see is
// that our parent has changed.
if (process.env.npm_lifecycle_event !== undefined) {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && child.kill("SIGTERM"), 500).unref();
}
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 143)));
