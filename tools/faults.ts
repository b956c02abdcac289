/** `npm run faults [-- --only NAME --rounds N --list --help]`: real faults on real servers (faults/README.md). */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ensurePrograms } from "./debian-packages.ts";
import { root } from "./workspace.ts";

const asked = process.argv.slice(2);
const onlyTells = asked.some((word) => ["--list", "--help", "-h"].includes(word));
if (!onlyTells) ensurePrograms(["haproxy", "iptables", "libfaketime", "postgresql", "redis-server"]);

const flags = ["--conditions=@portcullis/source", join(root, "faults", "main.ts")];
// The channel tells it when this process is gone, whatever ended it.
const child = spawn(process.execPath, [...flags, ...asked], {
  cwd: root,
  stdio: ["inherit", "inherit", "inherit", "ipc"],
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
child.once("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 143)));
