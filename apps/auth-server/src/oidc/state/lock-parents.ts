/**
 * The order in which rows are locked when several servers write: session, consent, grant, what hangs below. Everybody who changes
 * something below a session begins at the top, so that no two units wait for each other. On SQLite there is one writer,
 * and nothing to lock.
 */
import type { Kysely, SelectQueryBuilder } from "kysely";
import type { Database } from "../../storage/database.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";

export async function lockSessionOf({ db, lockRows }: WriteTransaction, grantId: string): Promise<void> {
  const parent = db.selectFrom("oidc_grants").select("session_uid").where("id", "=", grantId);
  await lockAll({ db, lockRows }, sessionsIn(db).where("uid", "=", parent));
}

/** Of a code or refresh token that is to be spent. */
export async function lockParentsOf({ db, lockRows }: WriteTransaction, idHash: Uint8Array): Promise<void> {
  const artefact = db.selectFrom("oidc_artefacts").where("id_hash", "=", idHash);
  const session = sessionsIn(db).where("uid", "=", artefact.select("session_uid"));
  const grant = db.selectFrom("oidc_grants").select("id").where("id", "=", artefact.select("grant_id"));
  await lockAll({ db, lockRows }, session);
  await lockAll({ db, lockRows }, grant);
}

const sessionsIn = (db: Kysely<Database>) => db.selectFrom("oidc_sessions").select("uid");

/** Locks without fetching: there may be a hundred thousand. The caller orders them, as everybody does. */
export async function lockAll<TB extends keyof Database, O>(
  { db, lockRows }: Pick<WriteTransaction, "db" | "lockRows">,
  query: SelectQueryBuilder<Database, TB, O>,
): Promise<void> {
  const locking = lockRows(query);
  if (locking === query) return;
  await db
    .selectFrom(locking.as("locked"))
    .select(({ fn }) => fn.countAll().as("count"))
    .execute();
}
