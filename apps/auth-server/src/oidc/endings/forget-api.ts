/**
 * Takes what users have allowed at an API out of consents and grants once it is deleted. Tokens of before end through the log; a
 * grant that is left goes on for other APIs. No row says in an index which of them name the API, so all are looked through: where
 * there are many, a little at a time (clear-endings.ts). Until that is done nobody is given the identifier (apis/apis.ts), so that
 * what is still written there is for nothing.
 */
import { type RawBuilder, sql } from "kysely";
import { markEnded } from "../../sessions/bulk-endings.ts";
import type { Dialect } from "../../storage/database.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";

export type ForgetApi = (transaction: WriteTransaction, identifier: string) => Promise<void>;

export interface ForgetApiOptions {
  readonly dialect: Dialect;
  /** Begins with what is left to do. */
  readonly clearSoon: () => void;
}

/** Of each table: beyond, it is done afterwards. */
const MAX_ROWS_AT_ONCE = 200;
const ROWS_PER_STEP = 500;

/** In the transaction that deletes it. */
export const createForgetApi =
  ({ dialect, clearSoon }: ForgetApiOptions): ForgetApi =>
  async (transaction, identifier) => {
    if (transaction.isTrial) return;
    if (await areFew(transaction)) {
      for (const { forget } of forgettingSteps(dialect)) await forget(transaction, { identifier });
      return;
    }
    transaction.atGroupEnd((db, seq) => markEnded(db, { scope: "audience", key: identifier, seq }));
    transaction.afterCommit(clearSoon);
  };

async function areFew({ db }: WriteTransaction): Promise<boolean> {
  const limit = MAX_ROWS_AT_ONCE + 1;
  const consents = await db.selectFrom("oidc_consents").select("account_id").limit(limit).execute();
  const grants = await db.selectFrom("oidc_grants").select("id").limit(limit).execute();
  return consents.length < limit && grants.length < limit;
}

/** Rows behind one, up to another, by the id of the table. Undefined: all. */
interface Forgetting {
  readonly identifier: string;
  readonly range?: { readonly after: string; readonly upTo: string };
}

export interface ForgettingStep {
  /** Ids of the rows that come next. */
  next(transaction: WriteTransaction, after: string): Promise<readonly string[]>;
  forget(transaction: WriteTransaction, forgetting: Forgetting): Promise<void>;
}

export function forgettingSteps(dialect: Dialect): readonly ForgettingStep[] {
  const { has, without } = JSON_OF[dialect];
  return [
    {
      async next({ db }, after) {
        const query = db.selectFrom("oidc_consents").select("account_id").where("account_id", ">", after);
        const rows = await query.orderBy("account_id").limit(ROWS_PER_STEP).execute();
        return rows.map(({ account_id }) => account_id);
      },
      async forget({ db }, { identifier, range }) {
        await db
          .updateTable("oidc_consents")
          .set({ allowed: without("allowed", identifier) })
          .where(has("allowed", identifier))
          .$if(range !== undefined, (query) =>
            query.where("account_id", ">", range!.after).where("account_id", "<=", range!.upTo),
          )
          .execute();
      },
    },
    {
      async next({ db }, after) {
        const query = db.selectFrom("oidc_grants").select("id").where("id", ">", after);
        return (await query.orderBy("id").limit(ROWS_PER_STEP).execute()).map(({ id }) => id);
      },
      async forget({ db }, { identifier, range }) {
        await db
          .updateTable("oidc_grants")
          .set({ payload: without("payload", identifier) })
          .where(has("payload", identifier))
          .$if(range !== undefined, (query) =>
            query.where("id", ">", range!.after).where("id", "<=", range!.upTo),
          )
          .execute();
      },
    },
  ];
}

interface JsonOf {
  readonly has: (column: string, identifier: string) => RawBuilder<boolean>;
  readonly without: (column: string, identifier: string) => RawBuilder<string>;
}

/** A path of SQLite names a member in quotes; a URL has none, since it would have them as %22. */
const pathOf = (identifier: string): string => `$.resources."${identifier}"`;

const JSON_OF: Readonly<Record<Dialect, JsonOf>> = {
  sqlite: {
    has: (column, identifier) => sql`json_type(${sql.ref(column)}, ${pathOf(identifier)}) is not null`,
    without: (column, identifier) => sql`json_remove(${sql.ref(column)}, ${pathOf(identifier)})`,
  },
  postgres: {
    has: (column, identifier) =>
      sql`jsonb_exists(coalesce(${sql.ref(column)}::jsonb -> 'resources', '{}'::jsonb), ${identifier})`,
    without: (column, identifier) =>
      sql`(${sql.ref(column)}::jsonb #- array['resources', ${identifier}])::text`,
  },
};
