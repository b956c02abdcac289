import { SqlRevocationLog } from "../../revocations/sql-revocation-log.ts";
import { GroupCommit } from "../group-commit.ts";
import { migrations } from "../migrations/index.ts";
import type { Storage, StorageOptions } from "../storage-port.ts";
import { openReader, openWriter, queriesOn } from "./connection.ts";
import { lockDataFile, prepareDataFile } from "./data-file.ts";
import { sqliteGroupConnection } from "./group-connection.ts";
import { migrateToLatest } from "./migrate.ts";

export async function openSqlite(options: StorageOptions, file: string): Promise<Storage> {
  prepareDataFile(file);
  const lock = lockDataFile(file);
  try {
    return await openLocked(options, { file, release: lock.release });
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function openLocked(
  options: StorageOptions,
  { file, release }: { readonly file: string; readonly release: () => void },
): Promise<Storage> {
  const writer = openWriter(file);
  await migrateToLatest(writer.database, migrations);
  const reader = openReader(file);
  const read = queriesOn(reader.prepare);
  const write = queriesOn(writer.prepare);
  const log = await SqlRevocationLog.open({ ...options, dialect: "sqlite", read, write });
  const counters = { units: 0, commits: 0, failedCommits: 0 };
  const commits = new GroupCommit({ connections: [sqliteGroupConnection(writer)], log, counters });
  return {
    dialect: "sqlite",
    read,
    write: (work) => commits.write(work),
    log,
    counters,
    async close() {
      await commits.close();
      reader.database.close();
      release();
    },
  };
}
