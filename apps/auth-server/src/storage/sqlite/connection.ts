import { DatabaseSync } from "node:sqlite";
import { Kysely, type SqliteDatabase, SqliteDialect } from "kysely";
import type { Database } from "../database.ts";
import { preparedStatements } from "./prepared-statements.ts";

/** How long a statement waits, blocking this process, for another one (a backup, a shell) to release a lock. */
const BUSY_TIMEOUT_MS = 500;

/** Bytes to which the journal is cut back after a transaction made it longer. It is written over, not deleted. */
const LONGEST_JOURNAL = 8 * 1024 * 1024;

export interface SqliteConnection {
  readonly database: DatabaseSync;
  readonly prepare: SqliteDatabase["prepare"];
}

/**
 * WAL, so that readers do not wait for the writer. `synchronous=FULL`, so that a commit is on disk before
 * anybody hears of it: with NORMAL a power cut would undo revocations that were answered with 2xx.
 */
export function openWriter(file: string): SqliteConnection {
  const database = open(file);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  database.exec(`PRAGMA journal_size_limit = ${LONGEST_JOURNAL}`);
  return { database, prepare: preparedStatements(database) };
}

/** Sees committed rows only. Cannot write. */
export function openReader(file: string): SqliteConnection {
  const database = open(file);
  database.exec("PRAGMA query_only = ON");
  return { database, prepare: preparedStatements(database) };
}

function open(file: string): DatabaseSync {
  return new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
}

/** Kysely on a connection that it does not own; it costs about a microsecond, so each unit gets its own. */
export function queriesOn(prepare: SqliteDatabase["prepare"]): Kysely<Database> {
  return new Kysely({ dialect: new SqliteDialect({ database: { prepare, close: () => undefined } }) });
}
