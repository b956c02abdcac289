/** The schema, under a lock, since several servers may start on an empty database at once. */
import {
  type CreateTableNode,
  type DataTypeNode,
  Kysely,
  type KyselyPlugin,
  OperationNodeTransformer,
  PostgresDialect,
} from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import type pg from "pg";
import type { Database } from "../database.ts";
import { storageError } from "../errors.ts";
import { connectClient } from "./client.ts";
import { databaseUnusable } from "./database-unusable.ts";

/** Of pg_advisory_lock: any number that no other program on the database uses. */
const STARTING = 7_264_190_356_001;
const START_LIMIT_MS = 10 * 60_000;

/** Runs `prepare` while no other server on the database runs it, on the newest schema. */
export async function whileStarting<T>(
  options: { readonly url: string; readonly migrations: Readonly<Record<string, Migration>> },
  prepare: (write: Kysely<Database>) => Promise<T>,
): Promise<T> {
  const client = await connectClient({
    url: options.url,
    readsOnly: false,
    answerLimitMs: START_LIMIT_MS,
  }).catch((error: unknown) => Promise.reject(databaseUnusable(error, options.url)));
  try {
    await client.query(`set statement_timeout = ${START_LIMIT_MS}; set lock_timeout = ${START_LIMIT_MS}`);
    await client.query("select pg_advisory_lock($1)", [STARTING]);
    await migrateToLatest(client, options.migrations);
    return await prepare(kyselyOn(client));
  } finally {
    // The end of the connection frees the lock, however it ends.
    await client.end().catch(() => undefined);
  }
}

/** All or nothing: one transaction is around all of them. */
export async function migrateToLatest(
  client: pg.Client,
  migrations: Readonly<Record<string, Migration>>,
): Promise<void> {
  const db = kyselyOn<unknown>(client, [{ transformQuery, transformResult }]);
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error: cause } = await migrator.migrateToLatest();
  if (cause === undefined) return;
  throw storageError("migration_failed", {
    text: `The database could not be brought to this version's schema: ${(cause as Error).message}. Nothing was changed.`,
    cause,
  });
}

function kyselyOn<Tables = Database>(client: pg.Client, plugins: KyselyPlugin[] = []): Kysely<Tables> {
  const query = (text: string, parameters: unknown[]) => client.query(text, parameters);
  const connection = { query, release: () => undefined };
  const pool = { connect: async () => connection, end: async () => undefined };
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool: pool as never }), plugins });
}

/** Migrations are written in SQLite's types: every number there has 64 bits, and so it has here. */
class PostgresTypes extends OperationNodeTransformer {
  protected override transformDataType(node: DataTypeNode): DataTypeNode {
    const type = TYPES[node.dataType as string];
    return type === undefined ? node : { ...node, dataType: type };
  }

  protected override transformCreateTable(node: CreateTableNode): CreateTableNode {
    // `strict`: PostgreSQL is.
    const { endModifiers: _strict, ...table } = super.transformCreateTable(node);
    return table;
  }
}

const TYPES: Readonly<Record<string, "bigint" | "bytea">> = { integer: "bigint", blob: "bytea" };
const types = new PostgresTypes();
const transformQuery: KyselyPlugin["transformQuery"] = ({ node }) => types.transformNode(node);
const transformResult: KyselyPlugin["transformResult"] = async ({ result }) => result;
