import type { SelectQueryBuilder } from "kysely";
import type { WriteTransaction } from "./write-transaction.ts";

/**
 * Keeps the rows that a query reads from being changed until the end of the transaction, by whoever locks them first, and lets
 * others share them. SQLite has one writer, so that there it is the query itself.
 */
export const shareRows = <DB, TB extends keyof DB, O>(
  { lockRows }: Pick<WriteTransaction, "lockRows">,
  query: SelectQueryBuilder<DB, TB, O>,
): SelectQueryBuilder<DB, TB, O> => (lockRows(query) === query ? query : query.forShare());
