/** `npm run interop -- [NAME...]`: clients that we did not write, as they are (tests/interop). */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensurePrograms } from "./debian-packages.ts";
import { root } from "./workspace.ts";

ensurePrograms(["apache2", "chromium", "haproxy", "mod-auth-openidc", "omniauth", "webrick"]);
const flags = ["--conditions=@portcullis/source", join(root, "tests", "interop", "main.ts")];
const { status, signal } = spawnSync(process.execPath, [...flags, ...process.argv.slice(2)], {
  stdio: "inherit",
});
process.exit(status ?? (signal === "SIGINT" ? 130 : 143));
