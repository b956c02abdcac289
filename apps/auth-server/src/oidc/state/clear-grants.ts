/** Takes away grants that are over, with all below them, and remembers that they were. The caller has locked them. */
import type { Clock } from "@portcullis/protocol";
import { type Expression, type SelectQueryBuilder, sql } from "kysely";
import { countDeleted } from "../../storage/count-deleted.ts";
import type { Database } from "../../storage/database.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";

/** Ids, behind `in`. */
export type GrantIds =
  | readonly string[]
  | Expression<string>
  | SelectQueryBuilder<Database, "oidc_grants", { id: string }>;

/** Gives how many there were. */
export async function clearGrants(
  transaction: WriteTransaction,
  chosen: GrantIds,
  clock: Clock,
): Promise<number> {
  const { db } = transaction;
  await remember(transaction, chosen, wholeSeconds(clock));
  await db.deleteFrom("oidc_artefacts").where("grant_id", "in", chosen).execute();
  await db.deleteFrom("oidc_refresh_successors").where("grant_id", "in", chosen).execute();
  return countDeleted(db.deleteFrom("oidc_grants").where("id", "in", chosen));
}

async function remember({ db }: WriteTransaction, chosen: GrantIds, now: number): Promise<void> {
  const ended = db
    .selectFrom("oidc_grants")
    .select(["id", "session_uid", "account_id", "client_id", sql<number>`${now}`.as("ended_at")])
    .where("id", "in", chosen);
  await db
    .insertInto("oidc_ended_grants")
    .columns(["id", "session_uid", "account_id", "client_id", "ended_at"])
    .expression(ended)
    .onConflict((conflict) => conflict.column("id").doNothing())
    .execute();
}
