#!/usr/bin/env node
/**
 * The command as npm links it. An installed package has its build and runs it on any Node that `engines` names; a checkout
 * has the source, which only the pinned Node can run, whatever Node the machine has.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const pinnedNode = fileURLToPath(new URL("../../../node_modules/node/bin/node", import.meta.url));

if (!existsSync(source)) await import("../dist/main.js");
else if (existsSync(pinnedNode)) runSource();
else {
  process.stderr.write(
    "Run npm ci in the checkout first: the Node that runs this command is not installed.\n",
  );
  process.exitCode = 1;
}

function runSource() {
  const child = spawn(pinnedNode, ["--conditions=@portcullis/source", source, ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  // A terminal sends Ctrl-C to both; a signal to this process alone must be passed on.
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? (signal === "SIGINT" ? 130 : 143);
  });
}
