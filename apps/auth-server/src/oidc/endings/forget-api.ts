/**
 * Takes what users have allowed at an API out of consents and grants, in the transaction that deletes it. Tokens of before end
 * through the log; a grant that is left goes on for other APIs.
 */
import { type RawBuilder, sql } from "kysely";
import type { Dialect } from "../../storage/database.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";

export type ForgetApi = (transaction: WriteTransaction, identifier: string) => Promise<void>;

/** One statement a table, however many users there are. */
export const createForgetApi =
  (dialect: Dialect): ForgetApi =>
  async ({ db }, identifier) => {
    const { has, without } = JSON_OF[dialect];
    await db
      .updateTable("oidc_consents")
      .set({ allowed: without("allowed", identifier) })
      .where(has("allowed", identifier))
      .execute();
    await db
      .updateTable("oidc_grants")
      .set({ payload: without("payload", identifier) })
      .where(has("payload", identifier))
      .execute();
  };

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
