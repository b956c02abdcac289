import { type RawBuilder, sql } from "kysely";
import type { WriteTransaction } from "./write-transaction.ts";

export interface RowRanges {
  readonly of:
    | { readonly table: "oidc_sessions"; readonly id: "uid" }
    | { readonly table: "oidc_grants"; readonly id: "id" };
  readonly rowsPerRange: number;
  /** Narrows by an index. What no index says is asked in each range, or a single one may look through the whole table. */
  readonly only?: RawBuilder<boolean>;
}

/**
 * Gives conditions on the rows of a table, one for some of its rows after the other, with a step of the unit between. One statement over
 * 300,000 rows holds up the process on SQLite, and runs into its time limit on PostgreSQL. On SQLite in the order in which they are
 * stored; on PostgreSQL by their ids, since a row that is changed is stored elsewhere.
 *
 * A row that another server adds meanwhile on PostgreSQL may be in none of them.
 */
export async function* rowRanges(
  { db, holdsProcess, nextStep }: Pick<WriteTransaction, "db" | "holdsProcess" | "nextStep">,
  { of: { table, id }, rowsPerRange, only = sql<boolean>`(1 = 1)` }: RowRanges,
): AsyncGenerator<RawBuilder<boolean>> {
  const place = sql.ref(`${table}.${holdsProcess ? "rowid" : id}`);
  for (let after: Place = holdsProcess ? 0 : ""; ; ) {
    const some = sql`select ${place} as place from ${sql.table(table)} where ${only} and ${place} > ${after}
      order by ${place} limit ${rowsPerRange}`;
    const found = sql<{ last: Place | null }>`select max(place) as last from (${some}) as next_rows`;
    const last: Place | null = (await found.execute(db)).rows[0]!.last;
    if (last === null) return;
    yield sql<boolean>`${place} > ${after} and ${place} <= ${last}`;
    after = last;
    await nextStep();
  }
}

type Place = string | number;
