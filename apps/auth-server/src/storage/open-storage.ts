import { openPostgres } from "./postgres/open-postgres.ts";
import { openSqlite } from "./sqlite/open-sqlite.ts";
import type { Storage, StorageOptions } from "./storage.ts";

export function openStorage(options: StorageOptions): Promise<Storage> {
  const { database } = options;
  return database.kind === "sqlite" ? openSqlite(options, database.file) : openPostgres(options, database);
}
