/**
 * Takes what users have allowed at an API out of consents and grants, in the transaction that deletes it. Tokens of before end
 * through the log; a grant that is left goes on for other APIs.
 */
import { type RawBuilder, sql } from "kysely";
import type { Dialect } from "../../storage/database.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";

export type ForgetApi = (transaction: WriteTransaction, identifier: string) => Promise<void>;

/** One statement a table, or a step, however many users there are. */
export const createForgetApi =
  (dialect: Dialect): ForgetApi =>
  async (transaction, identifier) => {
    if (transaction.isTrial) return;
    const { has, without } = JSON_OF[dialect];
    const { db } = transaction;
    await inSteps(transaction, "oidc_consents", (step) =>
      db
        .updateTable("oidc_consents")
        .set({ allowed: without("allowed", identifier) })
        .where(step)
        .where(has("allowed", identifier))
        .execute(),
    );
    await inSteps(transaction, "oidc_grants", (step) =>
      db
        .updateTable("oidc_grants")
        .set({ payload: without("payload", identifier) })
        .where(step)
        .where(has("payload", identifier))
        .execute(),
    );
  };

/** Rows that are looked through at a time: some milliseconds. */
const ROWS_PER_STEP = 1000;

/** Gives the condition for all rows, or for some of them after the other where a statement holds up the process. */
async function inSteps(
  { db, nextStep }: WriteTransaction,
  table: "oidc_consents" | "oidc_grants",
  change: (step: RawBuilder<boolean>) => Promise<unknown>,
): Promise<void> {
  if (nextStep === undefined) {
    await change(sql<boolean>`true`);
    return;
  }
  let after = 0;
  for (;;) {
    const step = sql`select rowid from ${sql.table(table)} where rowid > ${after} order by rowid limit ${ROWS_PER_STEP}`;
    const { rows } = await sql<{ last: number | null }>`select max(rowid) as last from (${step})`.execute(db);
    const last = rows[0]!.last;
    if (last === null) return;
    await change(sql<boolean>`rowid > ${after} and rowid <= ${last}`);
    after = last;
    await nextStep();
  }
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
