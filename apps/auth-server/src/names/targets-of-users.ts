/** What the log may name that concerns users of one name. */
import type { PairKey, Scope } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database } from "../storage/database.ts";

/** Sessions, and grants, of one user that are looked for: the newest. */
const MAX_SESSIONS_OF_USER = 5000;
/**
 * Users of one name of whom all is looked for. A name can be had and given up any number of times, as by a test that makes its user anew:
 * of those further back, only what was revoked of the user as a whole, which deleting one does.
 */
const MAX_USERS = 20;

export interface Target {
  readonly scope: Scope;
  readonly key: string | PairKey;
}

/**
 * The users, their pairs with each app and each API, and their sessions and grants. Those of apps and APIs that were deleted too: what was
 * revoked outlives them. Single tokens are not among them: no row says whose they were. `subs`: who has the name, then who had it last.
 * `ownApi`: the one that is in no row.
 */
export async function* targetsOfUsers(
  db: Kysely<Database>,
  subs: readonly string[],
  ownApi: string | undefined,
): AsyncGenerator<Target> {
  for (const key of subs) yield { scope: "subject", key };
  if (subs.length === 0) return;
  const clients = await clientIds(db);
  const audiences = [...(ownApi === undefined ? [] : [ownApi]), ...(await identifiers(db))];
  for (const subject of subs.slice(0, MAX_USERS)) {
    for (const client of clients) yield { scope: "subject-client", key: { subject, client } };
    for (const audience of audiences) yield { scope: "subject-audience", key: { subject, audience } };
    for (const key of await sessionsOf(db, subject)) yield { scope: "session", key };
    for (const key of await grantsOf(db, subject)) yield { scope: "grant", key };
  }
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
