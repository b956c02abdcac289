/** What the log may name that concerns one user. */
import type { PairKey, Scope } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database } from "../storage/database.ts";

/** Sessions, and grants, of one user that are looked for: the newest. */
const MAX_SESSIONS_OF_USER = 5000;

export interface Target {
  readonly scope: Scope;
  readonly key: string | PairKey;
}

/**
 * The user, the pairs with each app and each API, and the sessions and grants. Those of apps and APIs that were deleted too: what was
 * revoked outlives them. Single tokens are not among them: no row says whose they were. `ownApi`: the one that is in no row.
 */
export async function targetsOfUser(
  db: Kysely<Database>,
  sub: string,
  ownApi: string | undefined,
): Promise<Target[]> {
  const clients = await clientIds(db);
  const audiences = [...(ownApi === undefined ? [] : [ownApi]), ...(await identifiers(db))];
  const sessions = await sessionsOf(db, sub);
  const grants = await grantsOf(db, sub);
  return [
    { scope: "subject", key: sub },
    ...clients.map((client): Target => ({ scope: "subject-client", key: { subject: sub, client } })),
    ...audiences.map((audience): Target => ({ scope: "subject-audience", key: { subject: sub, audience } })),
    ...sessions.map((key): Target => ({ scope: "session", key })),
    ...grants.map((key): Target => ({ scope: "grant", key })),
  ];
}

async function clientIds(db: Kysely<Database>): Promise<string[]> {
  const deleted = db.selectFrom("deleted_clients").select("client_id");
  const rows = await db.selectFrom("oidc_clients").select("client_id").unionAll(deleted).execute();
  return rows.map(({ client_id }) => client_id);
}

async function identifiers(db: Kysely<Database>): Promise<string[]> {
  const deleted = db.selectFrom("deleted_apis").select("identifier");
  const rows = await db.selectFrom("apis").select("identifier").unionAll(deleted).execute();
  return rows.map(({ identifier }) => identifier);
}

const newestSessions = (db: Kysely<Database>, sub: string) =>
  db
    .selectFrom("oidc_sessions")
    .select("uid")
    .where("account_id", "=", sub)
    .orderBy("created_at", "desc")
    .limit(MAX_SESSIONS_OF_USER);

async function sessionsOf(db: Kysely<Database>, sub: string): Promise<string[]> {
  const rows = await newestSessions(db, sub).execute();
  return rows.map(({ uid }) => uid);
}

/** Those that have ended too: they stay as long as their session. */
async function grantsOf(db: Kysely<Database>, sub: string): Promise<string[]> {
  const live = await db
    .selectFrom("oidc_grants")
    .select("id")
    .where("account_id", "=", sub)
    .orderBy("created_at", "desc")
    .limit(MAX_SESSIONS_OF_USER)
    .execute();
  const ended = await db
    .selectFrom("oidc_ended_grants")
    .select("id")
    .where("session_uid", "in", newestSessions(db, sub))
    .orderBy("ended_at", "desc")
    .limit(MAX_SESSIONS_OF_USER)
    .execute();
  return [...live, ...ended].map(({ id }) => id);
}
