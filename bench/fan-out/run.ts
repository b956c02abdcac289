/** See README.md. Prints a table, and with `--json FILE` writes the same figures with method and machine. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Part } from "../processes/start-part.ts";
import { saveResult } from "../save-result.ts";

const READERS = [0, 100, 500, 2000];
const BATCHES = 300;
const WINDOWS = 3;

interface Result {
  readonly readers: number;
  readonly cpuMsABatch: number;
  readonly cpuMicrosecondsAReaderAndBatch?: number;
  readonly serverRssMiB: number;
}

const { values } = parseArgs({ options: { json: { type: "string" } } });
const directory = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
const server = await Part.start("server", { dataDirectory: directory });
const results: Result[] = [];
try {
  await server.ask({ append: BATCHES });
  for (const readers of READERS) results.push(await measure(readers));
} finally {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
}
console.table(results);
const method = `CPU of the server over ${BATCHES} batches of one record, least of ${WINDOWS} windows, less what it needs without readers`;
saveResult(values.json, { scenario: "fan-out", method, ...{ results } });

async function measure(count: number): Promise<Result> {
  const readers =
    count === 0 ? undefined : await Part.start("readers", { issuer: server.started.issuer, count });
  const windows: number[] = [];
  for (let at = 0; at < WINDOWS; at++) {
    const { cpuMs, head } = await server.ask<{ cpuMs: number; head: number }>({ append: BATCHES });
    await readers?.ask({ waitFor: head });
    windows.push(cpuMs / BATCHES);
  }
  const { rss } = await server.ask<{ rss: number }>({ memory: true });
  await readers?.stop();
  const cpuMsABatch = Math.min(...windows);
  const alone = results[0]?.cpuMsABatch;
  return {
    readers: count,
    cpuMsABatch,
    ...(alone === undefined
      ? {}
      : { cpuMicrosecondsAReaderAndBatch: ((cpuMsABatch - alone) * 1000) / count }),
    serverRssMiB: Math.round(rss / 2 ** 20),
  };
}
