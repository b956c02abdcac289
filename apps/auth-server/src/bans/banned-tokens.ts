/**
 * A ban from everything ends refresh tokens, and their rows go. What they were the key of is remembered beside those of sessions that
 * were replaced, for as long as the ended session is: an app that comes with one is told of the ban, and may tell its user.
 */
import { type Kysely, sql } from "kysely";
import type { Database } from "../storage/database.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";

/** Somebody may have ten thousand sessions, and a ban must not take seconds. Apps of older ones hear that the token is no good. */
const MOST_REMEMBERED = 500;

/** Before they are deleted. The newest, that is, those that last longest. */
export async function rememberTokens({ db }: WriteTransaction, userId: string): Promise<void> {
  const tokens = db
    .selectFrom("oidc_artefacts")
    .select(["id_hash", sql<string>`session_uid`.as("session_uid")])
    .where("account_id", "=", userId)
    .where("model", "=", "RefreshToken")
    .where("consumed_at", "is", null)
    .where("session_uid", "is not", null)
    .orderBy("expires_at", "desc")
    .limit(MOST_REMEMBERED);
  await db
    .insertInto("replaced_handles")
    .columns(["id_hash", "session_uid"])
    .expression(tokens)
    .onConflict((conflict) => conflict.column("id_hash").doNothing())
    .execute();
}

/** Whose token it was, by its hash; undefined if it is not remembered. */
export async function ownerOfToken(db: Kysely<Database>, idHash: Uint8Array): Promise<string | undefined> {
  const row = await db
    .selectFrom("replaced_handles")
    .innerJoin("oidc_sessions", "oidc_sessions.uid", "replaced_handles.session_uid")
    .select("oidc_sessions.account_id")
    .where("replaced_handles.id_hash", "=", idHash)
    .executeTakeFirst();
  return row?.account_id ?? undefined;
}
