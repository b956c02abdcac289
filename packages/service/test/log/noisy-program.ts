/** Starts a child that inherits its standard error, as esbuild does, and logs only then, and as it ends. */
import { spawnSync } from "node:child_process";
import { constants, readFileSync } from "node:fs";
import { openStandardError } from "@portcullis/service";

/** Whether a write to standard error would wait for room; unknown where the system does not tell. */
function waitsForRoom(): boolean | undefined {
  if (process.platform !== "linux") return undefined;
  const [, flags] = /^flags:\s*(\d+)$/m.exec(readFileSync("/proc/self/fdinfo/2", "utf8"))!;
  return (Number.parseInt(flags!, 8) & constants.O_NONBLOCK) === 0;
}

const lines = openStandardError();
spawnSync(process.execPath, ["--version"], { stdio: ["ignore", "ignore", "inherit"] });
lines.write("a line\n");
process.on("exit", () => lines.write("at the end\n"));
setImmediate(() => process.send!({ waitsForRoom: waitsForRoom() ?? null }, () => process.exit(0)));
