/** `npm run interleavings -- [options]`: requests against acts that end something, in orders that seeds say (tests/interleavings). */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensurePrograms } from "./debian-packages.ts";
import { root } from "./workspace.ts";

if (process.argv.includes("--two-servers")) ensurePrograms(["postgresql"]);
const flags = ["--conditions=@portcullis/source", join(root, "tests", "interleavings", "main.ts")];
const { status, signal } = spawnSync(process.execPath, [...flags, ...process.argv.slice(2)], {
  stdio: "inherit",
});
process.exit(status ?? (signal === "SIGINT" ? 130 : 143));
