/**
 * Entry of every npm script. Runs on whatever Node the machine has (>= 20), installs what is missing, then
 * hands over to the pinned Node, which runs the project's TypeScript as it is.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const verbs = [
  "start",
  "test",
  "check",
  "build",
  "pack",
  "bench",
  "simulate",
  "interleavings",
  "faults",
  "interop",
  "mutants",
];
const [verb, ...rest] = process.argv.slice(2);

if (!verbs.includes(verb)) {
  console.error(`usage: node tools/run.mjs ${verbs.join("|")} [options]`);
  process.exit(2);
}

// Before anything is installed: who asks how to use it wants to read, and not to wait.
if (rest.includes("--help") || rest.includes("-h")) {
  process.stdout.write(readFileSync(join(root, "tools", "usage", `${verb}.txt`), "utf8"));
  process.exit(0);
}

const lock = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");
const stamp = join(root, "node_modules", ".portcullis-lock");
const pinnedNode = join(root, "node_modules", "node", "bin", "node");

function isInstalled() {
  return existsSync(pinnedNode) && existsSync(stamp) && readFileSync(stamp, "utf8") === lock;
}

/** What runs for us now: npm, then the verb. */
let child;
/** The signal that told us to end. */
let told;

function end(signal) {
  told = signal;
  child?.kill(signal);
}

// A terminal sends Ctrl-C to the whole group, so the child has it already; a signal to this process alone
// (a supervisor's SIGTERM) must be passed on, or the servers would outlive it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => end(signal));
// npm passes SIGTERM to the shell between, and that shell dies without a word to us: what is left to see is
// that our parent has changed.
if (process.env.npm_lifecycle_event !== undefined) {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && end("SIGTERM"), 500).unref();
}

/** Runs a program to its end, unless we were told to end; gives an exit status, or -1 when there is no such program. */
function run(file, args, options) {
  return new Promise((resolve) => {
    if (told !== undefined) return resolve(exitStatusOf(told));
    child = spawn(file, args, { cwd: root, ...options });
    child.on("error", (error) => resolve(error.code === "ENOENT" ? -1 : 1));
    child.on("exit", (code, signal) => resolve(code ?? exitStatusOf(signal)));
  });
}

const exitStatusOf = (signal) => (signal === "SIGINT" ? 130 : 143);

async function install() {
  console.error("Installing dependencies (npm ci) ...");
  // Standard output belongs to the verb: `npm start -- --json` promises exactly one line there.
  const status = await run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (told !== undefined) process.exit(exitStatusOf(told));
  if (status !== 0) {
    const failed = "npm ci failed; see above. Is the npm registry reachable?";
    console.error(status === -1 ? "There is no npm on the PATH; it comes with Node." : failed);
    process.exit(1);
  }
  writeFileSync(stamp, lock);
}

if (!isInstalled()) await install();

const status = await run(
  pinnedNode,
  ["--conditions=@portcullis/source", join(root, "tools", `${verb}.ts`), ...rest],
  {
    // The channel tells the launcher when this process is gone, whatever ended it.
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, PATH: `${dirname(pinnedNode)}:${process.env.PATH ?? ""}` },
  },
);
if (status === -1) console.error(`${pinnedNode} cannot be run on this machine.`);
process.exit(status === -1 ? 1 : status);
