/**
 * Conditions for what a bulk ending has ended, whose rows may be there for some time yet (oidc/endings/clear-endings.ts). Whoever
 * asks whether something lives asks these too.
 *
 * A row has the head of the log as it was when the row was made, read in that transaction. The ending has a seq at or behind its
 * own, taken when the log's counter is held. So a row that reads the ending's head or a later one was made after its commit, and
 * lives. Any other is dead, also one that was being made at that moment: it fails closed.
 */
import { type Kysely, sql } from "kysely";
import type { Database } from "../storage/database.ts";
import type { BulkEndingsTable } from "../storage/tables/oidc.ts";

/** On rows of `oidc_sessions`. */
export const IS_SESSION_OF_BULK_ENDING = sql<boolean>`exists (select 1 from oidc_bulk_endings
  where oidc_bulk_endings.scope = 'issuer' and oidc_bulk_endings.seq > oidc_sessions.horizon)`;

const REACHES_GRANT = sql`oidc_bulk_endings.seq > oidc_grants.horizon and (oidc_bulk_endings.scope = 'issuer'
  or (oidc_bulk_endings.scope = 'client' and oidc_bulk_endings.key = oidc_grants.client_id))`;

/** On rows of `oidc_grants`. */
export const IS_GRANT_OF_BULK_ENDING = sql<boolean>`exists (select 1 from oidc_bulk_endings
  where ${REACHES_GRANT})`;

/** On rows of `oidc_artefacts`. */
export const IS_BELOW_BULK_ENDING = sql<boolean>`exists (select 1 from oidc_bulk_endings
  inner join oidc_grants on ${REACHES_GRANT} where oidc_grants.id = oidc_artefacts.grant_id)`;

/** What a new row is given. */
export const HORIZON_NOW = sql<number>`(select head from revocation_state)`;

/**
 * At the group's end, with the log's counter held, behind the record: what is made with this head or a later one was made after the commit.
 * `seq`: of the unit's own record; without one, the head.
 */
export async function markEnded(
  db: Kysely<Database>,
  { scope, key, seq }: Pick<BulkEndingsTable, "scope" | "key"> & { readonly seq: number | undefined },
): Promise<void> {
  const place = seq ?? HORIZON_NOW;
  await db
    .insertInto("oidc_bulk_endings")
    .values({ scope, key, seq: place })
    .onConflict((conflict) => conflict.columns(["scope", "key"]).doUpdateSet({ seq: place }))
    .execute();
}
