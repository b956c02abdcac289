/** See README.md. Prints a table, and with `--json FILE` writes the same figures with method and machine. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startPostgres } from "@portcullis/testing/servers";
import { openStorage, type Storage } from "../../apps/auth-server/src/storage/storage.ts";
import { saveResult } from "../save-result.ts";

const CONCURRENCY = [1, 16, 256];
const WINDOW_MS = 2000;

interface Result {
  readonly driver: string;
  readonly concurrency: number;
  readonly appendsASecond: number;
  readonly unitsACommit: number;
}

const { values } = parseArgs({ options: { json: { type: "string" } } });
const directory = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
const postgres = await startPostgres();
const options = {
  tokenLifetimeSeconds: 3600,
  clockSkewSeconds: 5,
  nowSeconds: () => Date.now() / 1000,
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
  for (const storage of Object.values(drivers)) await appendsFor(storage, 16, WINDOW_MS / 2);
  for (const concurrency of CONCURRENCY) {
    for (const [driver, storage] of Object.entries(drivers))
      results.push(await measure(driver, storage, concurrency));
  }
} finally {
  for (const storage of Object.values(drivers)) await storage.close();
  await postgres.stop();
  rmSync(directory, { recursive: true, force: true });
}
console.table(results);
const method = `wall time of ${WINDOW_MS} ms with so many units under way, each of which appends one record; commits on disk`;
saveResult(values.json, { scenario: "appends", method, ...{ results } });

async function measure(driver: string, storage: Storage, concurrency: number): Promise<Result> {
  const before = { ...storage.counters };
  const start = performance.now();
  const appended = await appendsFor(storage, concurrency, WINDOW_MS);
  const seconds = (performance.now() - start) / 1000;
  const commits = storage.counters.commits - before.commits;
  return {
    driver,
    concurrency,
    appendsASecond: Math.round(appended / seconds),
    unitsACommit: Math.round(((storage.counters.units - before.units) / commits) * 10) / 10,
  };
}

async function appendsFor(storage: Storage, concurrency: number, ms: number): Promise<number> {
  const end = performance.now() + ms;
  let appended = 0;
  const writer = async (): Promise<void> => {
    while (performance.now() < end) {
      const key = randomBytes(16).toString("base64url");
      await storage.write(async (transaction) => {
        await transaction.append([{ scope: "session", mode: "kill", reason: "kicked", key }]);
      });
      appended++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, writer));
  return appended;
}
