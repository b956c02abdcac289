/** `npm run simulate -- [--seed N] [--runs N]`: the deterministic simulation (simulation/README.md). */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "./workspace.ts";

const flags = ["--conditions=@portcullis/source", join(root, "simulation", "main.ts")];
const { status, signal } = spawnSync(process.execPath, [...flags, ...process.argv.slice(2)], {
  stdio: "inherit",
});
process.exit(status ?? (signal === "SIGINT" ? 130 : 143));
