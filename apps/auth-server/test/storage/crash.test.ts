import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { openStorage } from "../../src/storage/open-storage.ts";
import { oneTo, storageOptions, storedSeqs, temporaryFile } from "./temporary-storage.ts";

test("a server that is killed loses nothing that it answered, and its lock is free", async (t) => {
  const file = temporaryFile(t);
  let answered = 0;
  for (const _ of [1, 2, 3]) {
    const server = appendUntilKilled(file);
    answered = await killAfter(server, 200);
    const storage = await openStorage(storageOptions(file));
    const seqs = await storedSeqs(storage);
    assert.ok(seqs.length >= answered, `${answered} were answered, ${seqs.length} are stored`);
    assert.deepEqual(seqs, oneTo(storage.log.head()));
    await storage.close();
  }
  assert.ok(answered >= 600);
});

function appendUntilKilled(file: string): ChildProcess {
  const script = fileURLToPath(new URL("./append-until-killed.ts", import.meta.url));
  return spawn(process.execPath, ["--conditions=@portcullis/source", script, file], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** Gives the newest seq that it answered. */
async function killAfter(server: ChildProcess, answers: number): Promise<number> {
  const exited = once(server, "exit");
  let text = "";
  for await (const chunk of server.stdout!) {
    text += chunk;
    if (text.split("\n").length > answers) server.kill("SIGKILL");
  }
  await exited;
  // The last line may be cut.
  return Math.max(...text.split("\n").slice(0, -1).map(Number));
}
