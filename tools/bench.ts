/**
 * `npm run bench [-- SCENARIO...]`: runs the scenarios one after the other, each in a process of its own, and keeps
 * the figures with method and machine in `bench/results/SCENARIO.json`. `--beside FOLDER` measures this checkout beside
 * another one instead (bench/beside/README.md).
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensurePrograms } from "./debian-packages.ts";
import { root } from "./workspace.ts";

const SCENARIOS = [
  "index",
  "guard",
  "gateway",
  "token-endpoint",
  "propagation",
  "burst",
  "appends",
  "fan-out",
  "bootstrap",
  "people",
];
const { values, positionals: asked } = parseArgs({
  options: { beside: { type: "string" } },
  allowPositionals: true,
});
const unknown = asked.filter((name) => !SCENARIOS.includes(name));

if (unknown.length > 0) {
  console.error(`There is no scenario ${unknown.join(", ")}. There are: ${SCENARIOS.join(", ")}.`);
  process.exit(2);
}

const chosen = asked.length > 0 ? asked : SCENARIOS;
if (chosen.includes("gateway")) ensurePrograms(["haproxy", "nginx", "wrk"]);
if (chosen.includes("propagation")) ensurePrograms(["redis-server"]);
if (chosen.includes("appends") || chosen.includes("people")) ensurePrograms(["postgresql"]);
mkdirSync(join(root, "bench", "results"), { recursive: true });

const failed =
  values.beside === undefined ? chosen.filter((name) => !runScenario(name)) : besides(values.beside);
if (failed.length > 0) console.error(`Did not finish: ${failed.join(", ")}.`);
process.exit(failed.length === 0 ? 0 : 1);

function besides(folder: string): readonly string[] {
  return runScript("beside", ["--beside", folder, ...asked]) ? [] : ["beside"];
}

function runScenario(name: string): boolean {
  console.error(`\n${name} (${chosen.indexOf(name) + 1} of ${chosen.length})`);
  return runScript(name, []);
}

function runScript(name: string, options: readonly string[]): boolean {
  const script = join(root, "bench", name, "run.ts");
  if (!existsSync(script)) throw new Error(`bench/${name}/run.ts is missing`);
  const flags = ["--conditions=@portcullis/source", "--expose-gc"];
  const result = join(root, "bench", "results", `${name}.json`);
  const command = [...flags, script, "--json", result, ...options];
  return spawnSync(process.execPath, command, { cwd: root, stdio: "inherit" }).status === 0;
}
