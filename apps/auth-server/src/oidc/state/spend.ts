/** Artefacts in SQL. One-time ones are spent by one UPDATE, so that of any number at once exactly one spends. */
import type { Insertable } from "kysely";
import { compiledQuery } from "../../storage/compiled-query.ts";
import type { ArtefactsTable } from "../../storage/tables/oidc.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { oidcError } from "../errors.ts";
import { lockParentsOf } from "./lock-parents.ts";

/** Throws `already_spent`. A row that is gone was ended with its grant: that is no use of it either. */
export async function spend(
  transaction: WriteTransaction,
  idHash: Uint8Array,
  spentAt: number,
): Promise<void> {
  await lockParentsOf(transaction, idHash);
  if ((await SPEND.changed(transaction.db, { idHash, spentAt })) !== 1n) throw oidcError("already_spent");
}

const SPEND = compiledQuery(
  (db, { idHash, spentAt }: { readonly idHash: Uint8Array; readonly spentAt: number }) =>
    db
      .updateTable("oidc_artefacts")
      .set({ consumed_at: spentAt })
      .where("id_hash", "=", idHash)
      .where("consumed_at", "is", null),
);

/** Throws `already_seen`: for marks of replay, where being first is the point. */
export async function insertFirst({ db }: WriteTransaction, row: Insertable<ArtefactsTable>): Promise<void> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto("oidc_artefacts")
    .values(row)
    .onConflict((conflict) => conflict.column("id_hash").doNothing())
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows !== 1n) throw oidcError("already_seen");
}
