/**
 * Takes away grants that are over, with all below them, and remembers that they were; their apps are told of it. The caller has
 * locked them. The one way in which a grant ends, whatever ends it.
 */
import { sql } from "kysely";
import { type GrantIds, type NotingOptions, noteEndedGrants } from "../../outbox/index.ts";
import { countDeleted } from "../../storage/count-deleted.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";

export interface ClearingOptions extends NotingOptions {
  /** Whether the caller ends their sessions, too. */
  readonly sessionsEnd?: boolean;
}

/** Gives how many there were. */
export async function clearGrants(
  transaction: WriteTransaction,
  chosen: GrantIds,
  options: ClearingOptions,
): Promise<number> {
  const { db } = transaction;
  await remember(transaction, chosen, wholeSeconds(options.clock));
  await noteEndedGrants(transaction, chosen, options);
  if (options.sessionsEnd !== true) await endSessionsOfApps(transaction, chosen, wholeSeconds(options.clock));
  await db.deleteFrom("oidc_artefacts").where("grant_id", "in", chosen).execute();
  await db.deleteFrom("oidc_refresh_successors").where("grant_id", "in", chosen).execute();
  return countDeleted(db.deleteFrom("oidc_grants").where("id", "in", chosen));
}

/** A session that an app has for itself: nobody comes into it any more without its grant. It needs no record, since nothing else hangs below it. */
async function endSessionsOfApps({ db }: WriteTransaction, chosen: GrantIds, now: number): Promise<void> {
  await db
    .updateTable("oidc_sessions")
    .set({ ended_at: now, payload: "{}" })
    .where("of_app", "is not", null)
    .where("ended_at", "is", null)
    .where("uid", "in", db.selectFrom("oidc_grants").select("session_uid").where("id", "in", chosen))
    .execute();
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
