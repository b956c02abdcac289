import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { Kysely, SqliteDialect, type SqliteStatement } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import { storageError } from "../errors.ts";

/**
 * Brings the database to the newest schema, all or nothing: SQLite's schema changes are transactional, though
 * Kysely does not use that, so one transaction of ours is around all of them.
 */
export async function migrateToLatest(
  database: DatabaseSync,
  migrations: Readonly<Record<string, Migration>>,
): Promise<void> {
  database.exec("BEGIN IMMEDIATE");
  try {
    await runMigrations(database, migrations);
    database.exec("COMMIT");
  } catch (cause) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw storageError("migration_failed", {
      text: `The database could not be brought to this version's schema: ${(cause as Error).message}. Nothing was changed.`,
      cause,
    });
  }
}

async function runMigrations(
  database: DatabaseSync,
  migrations: Readonly<Record<string, Migration>>,
): Promise<void> {
  const db = new Kysely<unknown>({
    dialect: new SqliteDialect({
      database: { prepare: (text) => freshStatement(database, text), close: () => undefined },
    }),
  });
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

function freshStatement(database: DatabaseSync, text: string): SqliteStatement {
  const statement = database.prepare(text);
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...(parameters as SQLInputValue[])),
    run: (parameters) => statement.run(...(parameters as SQLInputValue[])),
    iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])),
  };
}
