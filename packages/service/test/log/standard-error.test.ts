import assert from "node:assert/strict";
import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { TIME_LIMIT } from "@portcullis/testing";
import { StalledLog } from "@portcullis/testing/stalled-log";

const LAST_WORDS = fileURLToPath(new URL("./last-words.ts", import.meta.url));
const PROGRAM = fileURLToPath(new URL("./noisy-program.ts", import.meta.url));

test(
  "a child that inherits a log that nobody reads does not make its parent wait for a reader",
  TIME_LIMIT,
  async (t) => {
    using log = new StalledLog();
    log.fill();
    const program = fork(PROGRAM, { stdio: ["ignore", "ignore", log.writeEnd, "ipc"] });
    t.after(() => program.kill("SIGKILL"));
    assert.deepEqual(await once(program, "message", { signal: t.signal }), ["going on", undefined]);
    assert.deepEqual(await once(program, "exit", { signal: t.signal }), [0, null]);
  },
);

test("a terminal gets all that is said before the process ends, also when it is slower", async (t) => {
  const command = `${process.execPath} --conditions=@portcullis/source ${LAST_WORDS}`;
  // Of util-linux: runs a command in a terminal of its own.
  const running = promisify(execFile)("script", ["-qc", command, "/dev/null"], {
    maxBuffer: 16 * 1024 * 1024,
  });
  const { stdout } = await running.catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return { stdout: undefined };
  });
  if (stdout === undefined) return t.skip("there is no script(1) here");
  assert.match(stdout, /the last of them\r\n/);
});
