/**
 * Queries of the hot path. Kysely builds and compiles a query anew each time it is asked, which costs several times what SQLite takes to run it:
 * these are compiled at their first use, once for each kind of database, and filled with the values of each call after that.
 */
import type { Compilable, CompiledQuery, Kysely, QueryResult } from "kysely";
import type { Database } from "./database.ts";
import type { WriteTransaction } from "./write-transaction.ts";

export interface CompiledOnce<Source, Values, Row> {
  all(source: Source, values: Values): Promise<Row[]>;
  first(source: Source, values: Values): Promise<Row | undefined>;
  /** Number of rows that were inserted, changed or deleted. */
  changed(source: Source, values: Values): Promise<bigint>;
}

type Locking = Pick<WriteTransaction, "db" | "lockRows">;

/** The text must not depend on the values: `build` places them, and cannot read them. */
export const compiledQuery = <Values extends object, Row>(
  build: (db: Kysely<Database>, values: Values) => Compilable<Row>,
): CompiledOnce<Kysely<Database>, Values, Row> => compiledOnce((db) => db, build);

/** The same of a query that locks what it reads. Undefined: there is nothing to ask on this kind of database. */
export const compiledLockingQuery = <Values extends object, Row>(
  build: (transaction: Locking, values: Values) => Compilable<Row> | undefined,
): CompiledOnce<Locking, Values, Row> => compiledOnce(({ db }) => db, build);

function compiledOnce<Source, Values extends object, Row>(
  databaseOf: (source: Source) => Kysely<Database>,
  build: (source: Source, values: Values) => Compilable<Row> | undefined,
): CompiledOnce<Source, Values, Row> {
  // By the kind of database, which its adapter's class stands for: each unit of writing has a Kysely of its own.
  const compiled = new Map<unknown, CompiledQuery<Row> | undefined>();
  const queryOf = (source: Source): CompiledQuery<Row> | undefined => {
    const kind = databaseOf(source).getExecutor().adapter.constructor;
    if (!compiled.has(kind)) compiled.set(kind, build(source, places<Values>())?.compile());
    return compiled.get(kind);
  };
  const run = async (source: Source, values: Values): Promise<QueryResult<Row>> => {
    const query = queryOf(source);
    if (query === undefined) return NOTHING_ASKED;
    const parameters = query.parameters.map((parameter) => valueAt(parameter, values));
    return databaseOf(source).executeQuery({ ...query, parameters });
  };
  return {
    all: async (source, values) => (await run(source, values)).rows,
    first: async (source, values) => (await run(source, values)).rows[0],
    changed: async (source, values) => (await run(source, values)).numAffectedRows ?? 0n,
  };
}

const NOTHING_ASKED: QueryResult<never> = { rows: [] };

/** Stands for a value while a query is built. */
class Place {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** What is computed of a place would stay in the text for ever. To ask whether it is there, nothing can refuse: it always is. */
  [Symbol.toPrimitive](): never {
    return this.toJSON();
  }

  toJSON(): never {
    throw new TypeError(`the value "${this.name}" of a compiled query was read: it can only be placed`);
  }
}

const places = <Values extends object>(): Values =>
  new Proxy({} as Values, { get: (_target, name) => new Place(String(name)) });

const valueAt = (parameter: unknown, values: object): unknown =>
  parameter instanceof Place ? values[parameter.name as keyof typeof values] : parameter;
