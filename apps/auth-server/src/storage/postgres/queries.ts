import {
  type CompiledQuery,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from "kysely";
import type { Database } from "../database.ts";
import { storageError } from "../errors.ts";

export interface RawResult {
  readonly command: string;
  readonly rowCount: number | null;
  readonly rows: readonly unknown[];
}

/** Runs one statement and gives its result. */
export type Run = (text: string, parameters: readonly unknown[]) => Promise<RawResult>;

const TRANSACTION_CONTROL =
  /^\s*(?:begin|start|commit|end|rollback|abort|savepoint|release|prepare|set|reset|discard|listen|notify)\b/i;

/**
 * Kysely on something that runs statements. Transaction control is refused, as on SQLite: the group commit alone decides
 * where a transaction begins and ends.
 */
export function queriesThrough(run: Run): Kysely<Database> {
  const connection = {
    async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
      if (TRANSACTION_CONTROL.test(sql)) throw refused(sql.trim().split(/\s+/, 1)[0]!);
      const result = await run(sql, parameters);
      const changes = CHANGES.has(result.command);
      return {
        rows: result.rows as R[],
        ...(changes ? { numAffectedRows: BigInt(result.rowCount ?? 0) } : {}),
      };
    },
    // biome-ignore lint/correctness/useYield: it refuses
    async *streamQuery(): AsyncGenerator<never> {
      throw refused("streaming");
    },
  };
  const control = async (): Promise<never> => {
    throw refused("transaction");
  };
  return new Kysely<Database>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createQueryCompiler: () => new PostgresQueryCompiler(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createDriver: () => ({
        init: async () => undefined,
        acquireConnection: async () => connection,
        beginTransaction: control,
        commitTransaction: control,
        rollbackTransaction: control,
        releaseConnection: async () => undefined,
        destroy: async () => undefined,
      }),
    },
  });
}

const CHANGES: ReadonlySet<string> = new Set(["INSERT", "UPDATE", "DELETE", "MERGE"]);

const refused = (detail: string): Error => storageError("statement_refused", { detail });
