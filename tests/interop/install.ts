/** Installs `interop/` when its lock file has changed since: no workspace, so that `npm start` installs nothing of it. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { INTEROP } from "./world.ts";

const STAMP = join(INTEROP, "node_modules", ".portcullis-lock");

export function installClients(): void {
  const lock = createHash("sha256")
    .update(readFileSync(join(INTEROP, "package-lock.json")))
    .digest("hex");
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === lock) return;
  process.stderr.write("Installing the clients of interop/ (npm ci) ...\n");
  // None of them needs a script to be installed.
  const parameters = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const { status } = spawnSync("npm", parameters, { cwd: INTEROP, stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new Error("npm ci failed in interop/. Is the npm registry reachable?");
  writeFileSync(STAMP, lock);
}
