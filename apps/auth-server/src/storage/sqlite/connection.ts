import { DatabaseSync } from "node:sqlite";
import {
  type CompiledQuery,
  DefaultQueryExecutor,
  Kysely,
  type QueryResult,
  type SqliteDatabase,
  SqliteDialect,
} from "kysely";
import type { Database } from "../database.ts";
import { storageError } from "../errors.ts";
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
  return new Kysely({
    config: CONFIG,
    driver: DRIVER,
    dialect: DIALECT,
    executor: new DirectExecutor(prepare),
  });
}

const DIALECT = new SqliteDialect({
  database: {
    prepare: () => {
      throw storageError("statement_refused", { detail: "no connection" });
    },
    close: () => undefined,
  },
});
const CONFIG = { dialect: DIALECT };
/** Never opened: it words the statements of transaction control, which are refused (prepared-statements.ts). */
const DRIVER = DIALECT.createDriver();
const ADAPTER = DIALECT.createAdapter();
const COMPILER = DIALECT.createQueryCompiler();

/**
 * Runs statements where they are asked for. A call of SQLite is synchronous, so that there is nothing to wait for: Kysely's own way, by a lock
 * and a connection that is lent, takes longer than most statements do.
 */
class DirectExecutor extends DefaultQueryExecutor {
  readonly #prepare: SqliteDatabase["prepare"];

  constructor(prepare: SqliteDatabase["prepare"]) {
    super(COMPILER, ADAPTER, {
      provideConnection: (consumer) =>
        consumer({ executeQuery: (query) => this.executeQuery(query), streamQuery: refuseStreaming }),
    });
    this.#prepare = prepare;
  }

  override async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const statement = this.#prepare(sql);
    if (statement.reader) return { rows: statement.all(parameters) as Row[] };
    const { changes, lastInsertRowid } = statement.run(parameters);
    return { insertId: BigInt(lastInsertRowid), numAffectedRows: BigInt(changes), rows: [] };
  }
}

// biome-ignore lint/correctness/useYield: it refuses
async function* refuseStreaming(): AsyncGenerator<never> {
  throw storageError("statement_refused", { detail: "streaming" });
}
