/** Starts a child that inherits its standard error, as esbuild does, and logs only then, and as it ends. */
import { spawnSync } from "node:child_process";
import { openStandardError } from "@portcullis/service";

const lines = openStandardError();
spawnSync(process.execPath, ["--version"], { stdio: ["ignore", "ignore", "inherit"] });
lines.write("a line\n");
process.on("exit", () => lines.write("at the end\n"));
setImmediate(() => process.send!("going on", () => process.exit(0)));
