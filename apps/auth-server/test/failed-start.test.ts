import assert from "node:assert/strict";
import { createHook } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { RecordedLog } from "@portcullis/testing";
import { until } from "@portcullis/testing/end-to-end";
import { resolveConfiguration } from "../src/config/load.ts";
import { createAuthServer } from "../src/server.ts";

/** What keeps something going on after a start that failed; of timers also those that would not keep the process alive. */
const KINDS: ReadonlySet<string> = new Set(["Timeout", "TCPWRAP", "TCPSERVERWRAP", "PIPEWRAP"]);

/** Counts what is opened from now until `stop`, and what of it is still open. */
function watchResources(t: TestContext) {
  const open = new Map<number, string>();
  let opened = 0;
  let isOver = false;
  const hook = createHook({
    init(id, kind) {
      if (isOver || !KINDS.has(kind)) return;
      opened++;
      open.set(id, kind);
    },
    destroy: (id) => void open.delete(id),
  }).enable();
  t.after(() => hook.disable());
  return {
    open,
    stop() {
      isOver = true;
      return opened;
    },
  };
}

async function settingsIn(t: TestContext) {
  const dataDirectory = await mkdtemp(join(tmpdir(), "portcullis-failed-start-"));
  t.after(() => rm(dataDirectory, { recursive: true }));
  return resolveConfiguration({
    issuer: "http://127.0.0.1:9400",
    listen: { host: "127.0.0.1", port: 9400 },
    dataDirectory,
    diskSpace: { reserveMiB: 1 },
    // Nobody is there: it is tried again and again, for as long as the server lives.
    redis: { connection: { kind: "single", host: "127.0.0.1", port: 1 } },
    users: [{ username: "alice", password: "correct horse battery staple", name: "Alice Example" }],
    clients: [],
    resources: [],
  });
}

/** Starts a server whose source of random numbers fails at one call; gives how many things it had opened by then. */
async function failAt(t: TestContext, call: number): Promise<number | undefined> {
  const configuration = await settingsIn(t);
  const operatorLog = new RecordedLog();
  const failure = new Error("no entropy");
  let calls = 0;
  const watched = watchResources(t);
  const starting = createAuthServer({
    configuration,
    operatorLog,
    randomBytes(size) {
      if (++calls === call) throw failure;
      return randomBytes(size);
    },
  });
  const outcome = await starting.catch((error: unknown) => error);
  const opened = watched.stop();
  if (outcome !== failure && !(outcome instanceof Error)) {
    await (await starting).close();
    return undefined;
  }
  assert.ok(isCausedBy(outcome, failure), String(outcome));
  await until(() => watched.open.size === 0, {
    what: `the end of ${[...watched.open.values()].join()} after call ${call}`,
  });
  assert.deepEqual(operatorLog.named("close_failed"), []);
  return opened;
}

function isCausedBy(error: unknown, cause: Error): boolean {
  if (error === cause) return true;
  return error instanceof Error && error.cause !== undefined && isCausedBy(error.cause, cause);
}

test("a start that fails closes all that it has begun, whichever part it fails at", async (t) => {
  const opened: number[] = [];
  for (let call = 1; ; call++) {
    const count = await failAt(t, call);
    if (count === undefined) break;
    opened.push(count);
  }
  assert.ok(opened.length >= 5, `it failed at ${opened.length} places`);
  // Disk space, Redis, refused requests, and of the revocations four.
  assert.ok(opened.at(-1)! >= 7, `the last of them came after ${opened.at(-1)} timers and connections`);
});
