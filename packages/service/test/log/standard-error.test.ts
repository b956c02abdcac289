import assert from "node:assert/strict";
import { type ChildProcess, execFile, fork } from "node:child_process";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { TIME_LIMIT } from "@portcullis/testing";
import { StalledLog } from "@portcullis/testing/stalled-log";

const LAST_WORDS = fileURLToPath(new URL("./last-words.ts", import.meta.url));
const PROGRAM = fileURLToPath(new URL("./noisy-program.ts", import.meta.url));

const waitsForRoom = process.platform === "linux" ? false : null;

// The system tells the setting at once. The next test shows what it is for, and would fail only when its time is over.
test("a line after a child has inherited the log's pipe sets it to never wait for room", async (t) => {
  using log = new StalledLog();
  const program = forkNoisyProgram(t, log);
  assert.deepEqual(await once(program, "message", { signal: t.signal }), [{ waitsForRoom }, undefined]);
});

test(
  "a child that inherits a log that nobody reads does not make its parent wait for a reader",
  TIME_LIMIT,
  async (t) => {
    using log = new StalledLog();
    log.fill();
    const program = forkNoisyProgram(t, log);
    assert.deepEqual(await once(program, "message", { signal: t.signal }), [{ waitsForRoom }, undefined]);
    assert.deepEqual(await once(program, "exit", { signal: t.signal }), [0, null]);
  },
);

function forkNoisyProgram(t: TestContext, log: StalledLog): ChildProcess {
  const program = fork(PROGRAM, { stdio: ["ignore", "ignore", log.writeEnd, "ipc"] });
  t.after(() => program.kill("SIGKILL"));
  return program;
}

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
