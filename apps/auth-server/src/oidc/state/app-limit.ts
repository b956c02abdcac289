/**
 * In how many sessions of a user an app may be at once. Counted where a grant is made, in that transaction, with the user's row
 * locked: of any number at once, at any server, each sees those before it. Whoever makes room loses the app's part of a session,
 * and that alone: other apps of it live on.
 */
import type { AppSessionLimit, Clock } from "@portcullis/protocol";
import { type Kysely, sql } from "kysely";
import { deviceNameOf } from "../../sessions/device.ts";
import { sessionsError } from "../../sessions/errors.ts";
import { isGrantOngoing, isLive } from "../../sessions/live-sessions.ts";
import type { Policies } from "../../sessions/policies.ts";
import { replacedBy } from "../../sessions/session-limit.ts";
import type { Room } from "../../sign-in/choose-session.ts";
import type { Database } from "../../storage/database.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { clearGrants } from "./clear-grants.ts";
import { lockAll } from "./lock-parents.ts";

/** The session that an app is to come into. */
export interface Joining {
  readonly accountId: string;
  readonly clientId: string;
  readonly sessionUid: string;
  /** Of the sessions in which the app was chosen to end for it, where it is asked. */
  readonly ends?: readonly string[] | undefined;
}

export interface AppLimitsOptions {
  readonly clock: Clock;
  readonly policies: Pick<Policies, "read">;
  /** As the app's own settings say. */
  readonly limitOfApp: (db: Kysely<Database>, clientId: string) => Promise<AppSessionLimit | undefined>;
}

const NO_LIMIT: Room = { excess: 0, isAsked: false, sessions: [] };

export class AppLimits {
  readonly #options: AppLimitsOptions;

  constructor(options: AppLimitsOptions) {
    this.#options = options;
  }

  /** The app's own, or else the policy's for every app. */
  async limitOf(db: Kysely<Database>, clientId: string): Promise<AppSessionLimit | undefined> {
    const own = await this.#options.limitOfApp(db, clientId);
    if (own !== undefined) return own;
    const { sessionLimit } = await this.#options.policies.read(db);
    return sessionLimit?.per === "app" ? sessionLimit : undefined;
  }

  /** What the app would meet as things are now. Where the oldest make way, there is always room. */
  async roomFor(db: Kysely<Database>, joining: Joining): Promise<Room> {
    const limit = await this.limitOf(db, joining.clientId);
    if (limit === undefined || limit.overflow === "replaceOldest") return NO_LIMIT;
    const rows = await this.#counted(db, joining).execute();
    const sessions = rows.map((row) => ({
      uid: row.uid,
      name: deviceNameOf(row),
      address: row.address,
      lastSeenAt: row.last_seen_at,
    }));
    const excess = Math.max(0, sessions.length + 1 - limit.max);
    return { excess, isAsked: limit.overflow === "ask", sessions };
  }

  /**
   * Called with the user's row locked, before any grant: the session that the app comes into, and those that it has for itself, which
   * end with its grant in them when they make room. All at once, in the order in which everybody locks.
   */
  async lockSessions(transaction: WriteTransaction, joining: Joining): Promise<void> {
    const { accountId, clientId, sessionUid } = joining;
    const sessions = transaction.db
      .selectFrom("oidc_sessions")
      .select("uid")
      .where("account_id", "=", accountId)
      .where((eb) => eb.or([eb("uid", "=", sessionUid), eb("of_app", "=", clientId)]))
      .where("ended_at", "is", null);
    await lockAll(transaction, sessions.orderBy("uid"));
  }

  /** Called with the user's row locked, for a grant that is not there yet. Throws `session_limit_reached`. */
  async makeRoom(transaction: WriteTransaction, joining: Joining): Promise<void> {
    const limit = await this.limitOf(transaction.db, joining.clientId);
    if (limit === undefined) return;
    const counted = this.#counted(transaction.db, joining);
    const there = await transaction.lockRows(counted, "oidc_grants").execute();
    const excess = Math.max(0, there.length + 1 - limit.max);
    const uids = there.map(({ uid }) => uid);
    const replaced = replacedBy(limit.overflow, { uids, excess, chosen: joining.ends ?? [] });
    if (replaced.length < excess) throw sessionsError("session_limit_reached");
    const grants = there.filter(({ uid }) => replaced.includes(uid)).map(({ grant_id }) => grant_id);
    if (grants.length > 0) await this.#replace(transaction, grants, joining);
  }

  /** The app's oldest first. */
  #counted(db: Kysely<Database>, { accountId, clientId, sessionUid }: Joining) {
    return db
      .selectFrom("oidc_grants")
      .innerJoin("oidc_sessions", "oidc_sessions.uid", "oidc_grants.session_uid")
      .select([
        "oidc_grants.id as grant_id",
        "oidc_sessions.uid",
        "oidc_sessions.user_agent",
        "oidc_sessions.device_name",
        "oidc_sessions.address",
        "oidc_sessions.last_seen_at",
      ])
      .where("oidc_grants.account_id", "=", accountId)
      .where("oidc_grants.client_id", "=", clientId)
      .where("oidc_grants.session_uid", "!=", sessionUid)
      .where(isLive(wholeSeconds(this.#options.clock)))
      .where(isGrantOngoing(wholeSeconds(this.#options.clock)))
      .orderBy("oidc_grants.created_at")
      .orderBy("oidc_grants.id");
  }

  async #replace(
    transaction: WriteTransaction,
    grants: readonly string[],
    { accountId: actor, sessionUid }: Joining,
  ): Promise<void> {
    await keepHandles(transaction, grants, sessionUid);
    await clearGrants(transaction, grants, { clock: this.#options.clock });
    const ended = transaction.db.updateTable("oidc_ended_grants").set({ replaced_by: sessionUid });
    await ended.where("id", "in", grants).execute();
    const by = { actor, note: `the app came into the session ${sessionUid}` } as const;
    transaction.append(
      grants.map((key) => ({ scope: "grant", mode: "kill", reason: "replaced", key, ...by }) as const),
    );
  }
}

/** Before they are deleted with the grant: whoever comes with one is told what became of it. */
async function keepHandles(
  { db }: WriteTransaction,
  grants: readonly string[],
  sessionUid: string,
): Promise<void> {
  const tokens = db
    .selectFrom("oidc_artefacts")
    .select([
      "id_hash",
      sql<string>`session_uid`.as("session_uid"),
      sql<string>`cast(${sessionUid} as text)`.as("replaced_by"),
    ])
    .where("model", "=", "RefreshToken")
    .where("grant_id", "in", grants);
  await db
    .insertInto("replaced_handles")
    .columns(["id_hash", "session_uid", "replaced_by"])
    .expression(tokens)
    .execute();
}
