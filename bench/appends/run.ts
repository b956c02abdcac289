/** See README.md. Prints a table, and with `--json FILE` writes the same figures with method and machine. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "@portcullis/protocol";
import { startPostgres } from "@portcullis/testing/servers";
import { openStorage } from "../../apps/auth-server/src/storage/open-storage.ts";
import type { Storage } from "../../apps/auth-server/src/storage/storage.ts";
import type { RevocationDraft } from "../../apps/auth-server/src/storage/write-transaction.ts";
import { saveResult } from "../save-result.ts";

/** Units under way at a time, and records that each of them appends. */
const LOADS = [
  { concurrency: 1, recordsAUnit: 1 },
  { concurrency: 16, recordsAUnit: 1 },
  { concurrency: 256, recordsAUnit: 1 },
  { concurrency: 4, recordsAUnit: 1000 },
];
const WINDOW_MS = 2000;

interface Result {
  readonly driver: string;
  readonly concurrency: number;
  readonly recordsAUnit: number;
  readonly recordsASecond: number;
  readonly unitsACommit: number;
}

const { values } = parseArgs({ options: { json: { type: "string" } } });
const directory = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
const postgres = await startPostgres();
const options = {
  tokenLifetimeSeconds: 3600,
  clockSkewSeconds: 5,
  clock: systemClock,
  randomBytes,
};
const drivers: Record<string, Storage> = {
  sqlite: await openStorage({
    ...options,
    database: { kind: "sqlite", file: join(directory, "log.sqlite") },
  }),
  postgres: await openStorage({
    ...options,
    database: { kind: "postgres", url: await postgres.createDatabase(), poolSize: 16 },
  }),
};
const results: Result[] = [];
try {
  for (const storage of Object.values(drivers)) await appendsFor(storage, LOADS[1]!, WINDOW_MS / 2);
  for (const load of LOADS) {
    for (const [driver, storage] of Object.entries(drivers))
      results.push(await measure(driver, storage, load));
  }
} finally {
  for (const storage of Object.values(drivers)) await storage.close();
  await postgres.stop();
  rmSync(directory, { recursive: true, force: true });
}
console.table(results);
const method = `wall time of ${WINDOW_MS} ms with so many units under way, each of which appends so many records; commits on disk`;
saveResult(values.json, { scenario: "appends", method, ...{ results } });

type Load = (typeof LOADS)[number];

async function measure(driver: string, storage: Storage, load: Load): Promise<Result> {
  const before = { ...storage.counters };
  const start = performance.now();
  const records = await appendsFor(storage, load, WINDOW_MS);
  const seconds = (performance.now() - start) / 1000;
  const commits = storage.counters.commits - before.commits;
  return {
    driver,
    ...load,
    recordsASecond: Math.round(records / seconds),
    unitsACommit: Math.round(((storage.counters.units - before.units) / commits) * 10) / 10,
  };
}

async function appendsFor(storage: Storage, load: Load, ms: number): Promise<number> {
  const end = performance.now() + ms;
  let appended = 0;
  const writer = async (): Promise<void> => {
    while (performance.now() < end) {
      const drafts = Array.from({ length: load.recordsAUnit }, draftOfASession);
      await storage.write((transaction) => transaction.append(drafts));
      appended += drafts.length;
    }
  };
  await Promise.all(Array.from({ length: load.concurrency }, writer));
  return appended;
}

function draftOfASession(): RevocationDraft {
  return { scope: "session", mode: "kill", reason: "kicked", key: randomBytes(16).toString("base64url") };
}
