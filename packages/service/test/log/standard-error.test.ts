import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { StalledLog } from "@portcullis/testing/stalled-log";

const PROGRAM = fileURLToPath(new URL("./noisy-program.ts", import.meta.url));

test("a child that inherits a log that nobody reads does not make its parent wait for a reader", {
  timeout: 60_000,
}, async (t) => {
  using log = new StalledLog();
  log.fill();
  const program = fork(PROGRAM, { stdio: ["ignore", "ignore", log.writeEnd, "ipc"] });
  t.after(() => program.kill("SIGKILL"));
  assert.deepEqual(await once(program, "message", { signal: t.signal }), ["going on", undefined]);
  assert.deepEqual(await once(program, "exit", { signal: t.signal }), [0, null]);
});
