/** Servers on one PostgreSQL, as their storage alone. */
import { after, type TestContext } from "node:test";
import { startPostgres } from "@portcullis/testing/servers";
import { sql } from "kysely";
import pg from "pg";
import type { Storage } from "../../../src/storage/storage.ts";
import { closingStorages, draft, storageOptions } from "../temporary-storage.ts";

export const { randomBytes } = storageOptions("unused");

/** Starts a PostgreSQL for the tests of one file. */
export async function postgresOfFile() {
  const postgres = await startPostgres();
  after(() => postgres.stop());
  return {
    createDatabase: () => postgres.createDatabase(),
    async twoServers(t: TestContext): Promise<[Storage, Storage]> {
      const open = opening(t, await postgres.createDatabase());
      return Promise.all([open(), open()]);
    },
    async otherClient(t: TestContext, storage: Storage): Promise<pg.Client> {
      const { rows } = await sql<{ name: string }>`select current_database() as name`.execute(storage.read);
      const client = new pg.Client({ connectionString: postgres.url(rows[0]!.name) });
      client.on("error", () => undefined);
      await client.connect();
      t.after(() => client.end());
      return client;
    },
  };
}

export const opening = (t: TestContext, url: string) =>
  closingStorages(t, { ...storageOptions("unused"), database: { kind: "postgres", url, poolSize: 8 } });

export const append = (storage: Storage, key: string) =>
  storage.write((transaction) => transaction.append([draft(key)]));

export function seqsHeardBy(storage: Storage): number[] {
  const seqs: number[] = [];
  storage.log.subscribe((records) => seqs.push(...records.map(({ seq }) => seq)));
  return seqs;
}

/** Resolves once somebody waits for a lock. */
export async function lockIsWaitedFor({ read }: Storage): Promise<void> {
  for (;;) {
    const { rows } = await sql`select 1 from pg_locks where not granted`.execute(read);
    if (rows.length > 0) return;
  }
}
