/**
 * Notes for each grant that ends that its app is to be told (OpenID Connect Back-Channel Logout 1.0). Called where rows of grants go
 * (oidc/state/clear-grants.ts), by whatever act: no ending can forget it. In the transaction of the ending: a server that is
 * killed right after the commit has lost nothing, and one that is killed before it has told nobody.
 */
import type { Clock } from "@portcullis/protocol";
import { type Expression, type SelectQueryBuilder, sql } from "kysely";
import type { Database } from "../storage/database.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";

/** Ids, behind `in`. */
export type GrantIds =
  | readonly string[]
  | Expression<string>
  | SelectQueryBuilder<Database, "oidc_grants", { id: string }>;

export interface NotingOptions {
  readonly clock: Clock;
  /** Place of the ending in the log, where it has been committed before. Default: of what the same unit appends. */
  readonly seq?: number | undefined;
}

/** To be called while the rows of the grants are there. Apps that have no address for it are left out. */
export async function noteEndedGrants(
  transaction: WriteTransaction,
  chosen: GrantIds,
  { clock, seq }: NotingOptions,
): Promise<void> {
  const place = seq ?? nextPlaceholder();
  const now = clock.wallMs();
  const ended = transaction.db
    .selectFrom("oidc_grants")
    .select([
      "id",
      sql<"logout_token">`'logout_token'`.as("kind"),
      "client_id",
      "account_id",
      "session_uid",
      sql<number>`${place}`.as("seq"),
      sql<"pending">`'pending'`.as("state"),
      sql<number>`0`.as("attempts"),
      sql<number>`${now}`.as("next_at"),
      sql<number>`${now}`.as("created_at"),
    ])
    .where("id", "in", chosen)
    .where(IS_TO_BE_TOLD);
  const { numInsertedOrUpdatedRows: noted } = await transaction.db
    .insertInto("outbox")
    .columns([
      "id",
      "kind",
      "recipient",
      "subject",
      "session_uid",
      "seq",
      "state",
      "attempts",
      "next_at",
      "created_at",
    ])
    .expression(ended)
    .onConflict((conflict) => conflict.column("id").doNothing())
    .executeTakeFirstOrThrow();
  if (seq !== undefined || (noted ?? 0n) === 0n) return;
  transaction.atGroupEnd(async (db, placed) => {
    await db
      .updateTable("outbox")
      .set({ seq: placed ?? null })
      .where("seq", "=", place)
      .execute();
  });
}

/**
 * Also of an app that was deleted, in this unit or since: its part of the sessions has ended all the same. In brackets: it stands
 * beside which grants were chosen, and an `or` without them notes the grants of all deleted apps, and reads all that there are.
 */
const IS_TO_BE_TOLD = sql<boolean>`(exists (select 1 from oidc_clients
    where oidc_clients.client_id = oidc_grants.client_id and oidc_clients.backchannel_logout is not null)
  or exists (select 1 from deleted_clients
    where deleted_clients.client_id = oidc_grants.client_id and deleted_clients.backchannel_logout is not null))`;

let lastPlaceholder = 0;

/**
 * A place that is in no log, and another for each call: units of one group write in one transaction, and each has places of its own at
 * its end. It is never committed.
 */
function nextPlaceholder(): number {
  lastPlaceholder -= 1;
  return lastPlaceholder;
}
