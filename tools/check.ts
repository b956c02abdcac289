/** `npm run check`: everything that can be wrong without running the servers. All checks run; all failures show. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { checkDocs, writeErrorReference } from "./check-docs.ts";
import { checkImports } from "./check-imports.ts";
import { checkServers } from "./check-servers.ts";
import { checkConfigurationReferences, writeConfigurationReferences } from "./configuration-reference.ts";
import { unfitMutants } from "./mutants/fits.ts";
import { mistypes } from "./mutants/types.ts";
import { root } from "./workspace.ts";

/** Each check gives its complaints, one a line; none means that it passed. */
const CHECKS: Record<string, () => string[]> = {
  "types, also of mutants": () => [...mistypes()],
  "lint and format": () => runTool("@biomejs/biome/bin/biome", ["check", "--error-on-warnings", "."]),
  "import direction": () => checkImports(),
  "servers, logs, ends of grants": () => checkServers(),
  mutants: () => [...unfitMutants()],
  documentation: () => checkDocs(),
  "references of settings": () => checkConfigurationReferences(),
};

function runTool(script: string, args: readonly string[]): string[] {
  const result = spawnSync(process.execPath, [join(root, "node_modules", script), ...args], {
    cwd: root,
    encoding: "utf8",
  });
  return result.status === 0 ? [] : [`${result.stdout}${result.stderr}`.trim()];
}

if (process.argv.includes("--write")) {
  writeErrorReference();
  writeConfigurationReferences();
}

let failures = 0;
for (const [name, check] of Object.entries(CHECKS)) {
  const started = performance.now();
  const complaints = check();
  failures += complaints.length;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${complaints.length === 0 ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
  for (const complaint of complaints) console.log(complaint.replace(/^/gm, "     "));
}
process.exit(failures === 0 ? 0 : 1);
