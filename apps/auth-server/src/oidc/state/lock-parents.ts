/**
 * The order in which rows are locked when several servers write: user, sessions by their ids, consent, grants by their ids, what hangs
 * below. Everybody who changes something below a session begins at the top, so that no two units wait for each other. Whoever ends
 * a grant may end the session above it, where an app has that for itself (clear-grants.ts), and locks it first. Units of one group share a
 * transaction and what it has locked, so that two servers can meet all the same: one of them is undone whole and tried again, 50
 * times at most, and then told `contended` (storage/unit/group-commit.ts). On SQLite there is one writer, and nothing to lock.
 */
import type { Kysely, SelectQueryBuilder } from "kysely";
import type { GrantIds } from "../../outbox/index.ts";
import { compiledLockingQuery } from "../../storage/compiled-query.ts";
import type { Database } from "../../storage/database.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";

export async function lockSessionOf(transaction: WriteTransaction, grantId: string): Promise<void> {
  await SESSION_OF_GRANT.all(transaction, { grantId });
}

/** Of a code or refresh token that is to be spent. */
export async function lockParentsOf(transaction: WriteTransaction, idHash: Uint8Array): Promise<void> {
  await SESSION_OF_ARTEFACT.all(transaction, { idHash });
  await GRANT_OF_ARTEFACT.all(transaction, { idHash });
}

/** Of grants that are to end: the sessions that apps have for themselves, which end with them. Before the grants. */
export function lockAppSessionsAbove(transaction: WriteTransaction, grants: GrantIds): Promise<void> {
  const above = transaction.db.selectFrom("oidc_grants").select("session_uid").where("id", "in", grants);
  const ofApps = sessionsIn(transaction.db).where("of_app", "is not", null).where("uid", "in", above);
  return lockAll(transaction, ofApps.orderBy("uid"));
}

const sessionsIn = (db: Kysely<Database>) => db.selectFrom("oidc_sessions").select("uid");
const artefactIn = (db: Kysely<Database>, { idHash }: { readonly idHash: Uint8Array }) =>
  db.selectFrom("oidc_artefacts").where("id_hash", "=", idHash);

const SESSION_OF_GRANT = lockingAll((db, { grantId }: { readonly grantId: string }) =>
  sessionsIn(db).where(
    "uid",
    "=",
    db.selectFrom("oidc_grants").select("session_uid").where("id", "=", grantId),
  ),
);

const SESSION_OF_ARTEFACT = lockingAll((db, of: { readonly idHash: Uint8Array }) =>
  sessionsIn(db).where("uid", "=", artefactIn(db, of).select("session_uid")),
);

const GRANT_OF_ARTEFACT = lockingAll((db, of: { readonly idHash: Uint8Array }) =>
  db.selectFrom("oidc_grants").select("id").where("id", "=", artefactIn(db, of).select("grant_id")),
);

/** As `lockAll`, for what every refresh asks. */
function lockingAll<Values extends object, TB extends keyof Database, O>(
  queryOf: (db: Kysely<Database>, values: Values) => SelectQueryBuilder<Database, TB, O>,
) {
  return compiledLockingQuery(({ db, lockRows }, values: Values) =>
    countingLocked({ db, lockRows }, queryOf(db, values)),
  );
}

/** Locks without fetching: there may be a hundred thousand. The caller orders them, as everybody does. */
export async function lockAll<TB extends keyof Database, O>(
  transaction: Pick<WriteTransaction, "db" | "lockRows">,
  query: SelectQueryBuilder<Database, TB, O>,
): Promise<void> {
  await countingLocked(transaction, query)?.execute();
}

/** Undefined where there is nothing to lock. */
function countingLocked<TB extends keyof Database, O>(
  { db, lockRows }: Pick<WriteTransaction, "db" | "lockRows">,
  query: SelectQueryBuilder<Database, TB, O>,
) {
  const locking = lockRows(query);
  if (locking === query) return undefined;
  return db.selectFrom(locking.as("locked")).select(({ fn }) => fn.countAll().as("count"));
}
