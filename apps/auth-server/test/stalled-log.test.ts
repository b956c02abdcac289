import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { TIME_LIMIT } from "@portcullis/testing";
import { freePort } from "@portcullis/testing/ports";
import { StalledLog } from "@portcullis/testing/stalled-log";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const REQUESTS = 7_000;
const IN_FLIGHT = 20;

test(
  "with a log that nobody reads, it answers on, and says how many lines it dropped when it is read",
  TIME_LIMIT,
  async (t) => {
    using log = new StalledLog();
    const { child, url } = await start(t, log.writeEnd);
    // Each leaves a line of 110 bytes: more than the pipe and the buffer hold.
    await askOften(`${url}/nowhere`);
    assert.equal((await fetch(`${url}/health/live`)).status, 200);

    const lines = await log.readUntil((line) => line.includes('"event":"log_lines_dropped"'));
    assert.ok(JSON.parse(lines.at(-1)!).lines > 100);
    assert.ok(lines.length > 1_000, "what there was room for is there");

    child.kill("SIGTERM");
    assert.deepEqual(await once(child, "exit"), [0, null]);
  },
);

async function start(t: { after(work: () => Promise<void>): void }, standardError: number) {
  const directory = await mkdtemp(join(tmpdir(), "portcullis-stalled-log-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const file = join(directory, "config.json");
  const listen = { host: "127.0.0.1", port };
  await writeFile(file, JSON.stringify({ issuer: url, listen, dataDirectory: join(directory, "data") }));
  const child = fork(MAIN, ["--config", file], {
    stdio: ["ignore", "ignore", standardError, "ipc"],
    execArgv: ["--conditions=@portcullis/source"],
  });
  t.after(async () => {
    child.kill("SIGKILL");
    await rm(directory, { recursive: true });
  });
  await once(child, "message");
  return { child, url };
}

async function askOften(url: string): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });
  await Promise.all(Array.from({ length: REQUESTS }, () => ask(url, agent)));
  agent.destroy();
}

const ask = (url: string, agent: Agent): Promise<void> =>
  new Promise((resolve, reject) => {
    const asked = request(url, { agent }, (response) => response.resume().on("end", resolve));
    asked
      .on("error", reject)
      .setTimeout(30_000, () => asked.destroy(new Error("no answer in 30 s")))
      .end();
  });
