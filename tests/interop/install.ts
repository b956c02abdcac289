/** Installs what `interop/` names, when that has changed since: no workspace, so that `npm start` installs nothing of it. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Registry, Trial } from "./trials.ts";
import { INTEROP, PYTHON } from "./world.ts";

/** What Node alone runs needs the first only, and so does the app around each other client. */
const INSTALLATIONS = {
  npm: installClients,
  python: installPythonClients,
  go: installGoClients,
  maven: installJavaClients,
  // tools/interop.ts has done it.
  debian: () => undefined,
} as const;

/** Installs what trials need. Returns why nothing is to be had from a registry; npm's must give. */
export function installFor(trials: readonly Trial[]): ReadonlyMap<Registry, string> {
  const missing = new Map<Registry, string>();
  installClients();
  for (const registry of new Set(trials.map(({ from }) => from.registry))) {
    try {
      INSTALLATIONS[registry]();
    } catch (error) {
      missing.set(registry, (error as Error).message);
    }
  }
  return missing;
}

export function installClients(): void {
  // None of them needs a script to be installed.
  const parameters = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  install({ names: ["package-lock.json"], into: "node_modules", commands: [["npm", ...parameters]] });
}

function installPythonClients(): void {
  const pip = [join(PYTHON, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check"];
  install({
    names: ["requirements.txt"],
    into: ".python",
    commands: [
      ["python3", "-m", "venv", PYTHON],
      [...pip, "-r", "requirements.txt"],
    ],
  });
}

/** Takes some minutes the first time: oauth2-proxy has many dependencies. */
function installGoClients(): void {
  const programs = ["github.com/oauth2-proxy/oauth2-proxy/v7", "./relying-party"];
  install({
    names: ["go/go.mod", "go/go.sum", "go/relying-party/main.go"],
    into: "go/.bin",
    commands: [["go", "-C", "go", "build", "-o", ".bin/", ...programs]],
  });
}

function installJavaClients(): void {
  install({
    names: [
      "java/pom.xml",
      "java/src/main/java/client/Client.java",
      "java/src/main/java/service/Service.java",
    ],
    into: "java/target",
    commands: [["mvn", "--file", "java", "--quiet", "--batch-mode", "package"]],
  });
}

interface Installed {
  /** Files whose change asks for another installation. */
  readonly names: readonly string[];
  readonly into: string;
  readonly commands: readonly (readonly string[])[];
}

function install({ names, into, commands }: Installed): void {
  const stamp = join(INTEROP, into, ".portcullis-lock");
  const lock = lockOf(names);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  process.stderr.write(`Installing what interop/${names[0]} names ...\n`);
  for (const [file, ...parameters] of commands) {
    const { status } = spawnSync(file!, parameters, { cwd: INTEROP, stdio: ["ignore", 2, 2] });
    if (status !== 0) throw new Error(`${file} failed in interop/. Is it there, and its registry reachable?`);
  }
  writeFileSync(stamp, lock);
}

function lockOf(names: readonly string[]): string {
  const hash = createHash("sha256");
  for (const name of names) hash.update(readFileSync(join(INTEROP, name)));
  return hash.digest("hex");
}
