/** Installs what `interop/` names, when that has changed since: no workspace, so that `npm start` installs nothing of it. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { INTEROP, PYTHON } from "./world.ts";

export function installClients(): void {
  // None of them needs a script to be installed.
  const parameters = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  install({ names: "package-lock.json", into: "node_modules", commands: [["npm", ...parameters]] });
}

export function installPythonClients(): void {
  const pip = [join(PYTHON, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check"];
  install({
    names: "requirements.txt",
    into: ".python",
    commands: [
      ["python3", "-m", "venv", PYTHON],
      [...pip, "-r", "requirements.txt"],
    ],
  });
}

interface Installed {
  readonly names: string;
  readonly into: string;
  readonly commands: readonly (readonly string[])[];
}

function install({ names, into, commands }: Installed): void {
  const stamp = join(INTEROP, into, ".portcullis-lock");
  const lock = createHash("sha256")
    .update(readFileSync(join(INTEROP, names)))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  process.stderr.write(`Installing what interop/${names} names ...\n`);
  for (const [file, ...parameters] of commands) {
    const { status } = spawnSync(file!, parameters, { cwd: INTEROP, stdio: ["ignore", 2, 2] });
    if (status !== 0) throw new Error(`${file} failed in interop/. Is it there, and its registry reachable?`);
  }
  writeFileSync(stamp, lock);
}
