/** See README.md. Prints a table, and with `--json FILE` writes the same figures with method and machine. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Part } from "../processes/start-part.ts";
import { saveResult } from "../save-result.ts";
import { fillLog } from "./fill.ts";

const BUDGET = { records: 10_000_000, readyMs: 5000 };

interface Result {
  readonly records: number;
  readonly serverStartMs: number;
  readonly firstVerifierReadyMs: number;
  readonly nextVerifierReadyMs: number;
  readonly verifierBytes: number;
  readonly indexBytes: number;
}

const { values } = parseArgs({
  options: { json: { type: "string" }, records: { type: "string", multiple: true } },
});
const sizes = (values.records ?? ["1000000", "10000000"]).map(Number);
const results: Result[] = [];
for (const records of sizes) results.push(await measure(records));
console.table(results.map((result) => ({ ...result, serverStartMs: Math.round(result.serverStartMs) })));
const largest = results.find(({ records }) => records === BUDGET.records);
if (largest !== undefined) {
  const met = largest.nextVerifierReadyMs <= BUDGET.readyMs;
  console.log(`${met ? "met   " : "MISSED"} a replica is ready with 10M records in ${BUDGET.readyMs} ms`);
}
const method =
  "wall time from connect() to whenReady(); the first verifier waits for the snapshot to be made, the next gets the same one";
saveResult(values.json, { scenario: "bootstrap", method, ...{ budget: BUDGET, results } });

async function measure(records: number): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
  try {
    const empty = await Part.start("server", { dataDirectory: directory });
    await empty.stop();
    fillLog(join(directory, readdirSync(directory).find((name) => name.endsWith(".sqlite"))!), records);
    return await startOn(directory, records);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function startOn(dataDirectory: string, records: number): Promise<Result> {
  const server = await Part.start("server", { dataDirectory });
  const { issuer, startMs } = server.started as { issuer: string; startMs: number };
  const first = await Part.start("verifiers", { issuer, count: 1 });
  const next = await Part.start("verifiers", { issuer, count: 1 });
  const memory = await next.ask<{ bytesAReplica: number; index: { membership: number; bytes: number } }>({
    memory: true,
  });
  await Promise.all([first.stop(), next.stop()]);
  await server.stop();
  if (memory.index.membership !== records)
    throw new Error(`${memory.index.membership} of ${records} records`);
  return {
    records,
    serverStartMs: startMs,
    firstVerifierReadyMs: Math.round(first.started.readyMs as number),
    nextVerifierReadyMs: Math.round(next.started.readyMs as number),
    verifierBytes: memory.bytesAReplica,
    indexBytes: memory.index.bytes,
  };
}
