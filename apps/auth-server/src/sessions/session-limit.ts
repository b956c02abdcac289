/**
 * How many sessions there may be. Counted where a session becomes a signed-in one, in that transaction, with the user's row locked: of
 * any number of sign-ins at once, at any server, each sees those before it. The sign-in page asks beforehand, to say so in time;
 * what it is told may be out of date when the session is opened, and then this here counts.
 */
import type { Clock, DeviceType, ReplacedBy } from "@portcullis/protocol";
import { type Kysely, type Selectable, sql } from "kysely";
import type { Room } from "../sign-in/choose-session.ts";
import type { Database } from "../storage/database.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { SessionsTable } from "../storage/tables/oidc.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import { deviceNameOf, deviceOf, type NamedDevice } from "./device.ts";
import { sessionsError } from "./errors.ts";
import { isLive } from "./live-sessions.ts";
import type { Policies, SessionLimit } from "./policies.ts";
import { isOfType } from "./session-list.ts";

/** The session that is to be opened. */
export interface Opening {
  readonly accountId: string;
  readonly deviceType: DeviceType;
  /** Those that were chosen to end for it, where the policy asks. */
  readonly ends?: readonly string[] | undefined;
  /** Those that are not counted: the session itself, and the one of this browser that it takes the place of. */
  readonly except: readonly string[];
}

export interface SessionLimitOptions {
  readonly clock: Clock;
  readonly policies: Pick<Policies, "read">;
  /** Ends these and all below them. */
  readonly endAll: (transaction: WriteTransaction, uids: readonly string[]) => Promise<unknown>;
}

const NO_LIMIT: Room = { excess: 0, isAsked: false, sessions: [] };

/** A list of nothing is no SQL. */
const NO_SESSION = "";

export class SessionLimits {
  readonly #options: SessionLimitOptions;

  constructor(options: SessionLimitOptions) {
    this.#options = options;
  }

  /** What the sign-in would meet as things are now. Where the oldest make way, there is always room. */
  async roomFor(db: Kysely<Database>, opening: Opening): Promise<Room> {
    const { sessionLimit: limit } = await this.#options.policies.read(db);
    if (limit === undefined || limit.per === "app" || limit.overflow === "replaceOldest") return NO_LIMIT;
    const rows = await this.#counted(db, limit.per, opening).execute();
    const sessions = rows.map(choosableOf);
    const excess = Math.max(0, sessions.length + 1 - limit.max);
    return { excess, isAsked: limit.overflow === "ask", sessions };
  }

  /** Called with the user's row locked. Throws `session_limit_reached`. `uid`: of the session that is opened. */
  async makeRoom(transaction: WriteTransaction, opening: Opening, uid: string): Promise<void> {
    const { sessionLimit: limit } = await this.#options.policies.read(transaction.db);
    // What one app may be in is counted where it comes in (oidc/state/app-limit.ts).
    if (limit === undefined || limit.per === "app") return;
    const there = await transaction.lockRows(this.#counted(transaction.db, limit.per, opening)).execute();
    const excess = Math.max(0, there.length + 1 - limit.max);
    const uids = there.map((row) => row.uid);
    const replaced = replacedBy(limit.overflow, { uids, excess, chosen: opening.ends ?? [] });
    if (replaced.length < excess) throw sessionsError("session_limit_reached");
    if (replaced.length > 0) await this.#replace(transaction, { replaced, uid, actor: opening.accountId });
  }

  /** The oldest first. */
  #counted(db: Kysely<Database>, per: "user" | "deviceType", { accountId, deviceType, except }: Opening) {
    return db
      .selectFrom("oidc_sessions")
      .select(["uid", "user_agent", "device_name", "address", "last_seen_at"])
      .where("account_id", "=", accountId)
      .where("uid", "not in", [NO_SESSION, ...except])
      .where(isLive(wholeSeconds(this.#options.clock)))
      .$if(per === "deviceType", (query) => query.where(isOfType(deviceType)))
      .orderBy("created_at")
      .orderBy("uid");
  }

  async #replace(
    transaction: WriteTransaction,
    {
      replaced: uids,
      uid,
      actor,
    }: { readonly replaced: readonly string[]; readonly uid: string; readonly actor: string },
  ): Promise<void> {
    await keepHandles(transaction, uids);
    await this.#options.endAll(transaction, uids);
    const replaced = transaction.db.updateTable("oidc_sessions").set({ replaced_by: uid });
    await replaced.where("uid", "in", uids).execute();
    const note = `the session ${uid} took its place`;
    transaction.append(
      uids.map((key) => ({ scope: "session", mode: "kill", reason: "replaced", key, actor, note }) as const),
    );
  }
}

const choosableOf = (
  row: NamedDevice & Pick<Selectable<SessionsTable>, "uid" | "address" | "last_seen_at">,
) => ({
  uid: row.uid,
  name: deviceNameOf(row),
  address: row.address,
  lastSeenAt: row.last_seen_at,
});

interface Crowd {
  /** The oldest first. */
  readonly uids: readonly string[];
  readonly excess: number;
  readonly chosen: readonly string[];
}

/** Those that end. Fewer than must: then the session is not opened. What was chosen ends, whether or not there is room by now. */
export function replacedBy(
  overflow: SessionLimit["overflow"],
  { uids, excess, chosen }: Crowd,
): readonly string[] {
  switch (overflow) {
    case "replaceOldest":
      return uids.slice(0, excess);
    case "ask":
      return uids.filter((uid) => chosen.includes(uid));
    case "refuse":
      return [];
  }
}

/** Before they are deleted with the session: whoever comes with one is told what became of it. */
async function keepHandles({ db }: WriteTransaction, uids: readonly string[]): Promise<void> {
  const cookies = db.selectFrom("oidc_session_ids").select(["id_hash", "session_uid"]);
  const tokens = db
    .selectFrom("oidc_artefacts")
    .select(["id_hash", sql<string>`session_uid`.as("session_uid")])
    .where("model", "=", "RefreshToken");
  await db
    .insertInto("replaced_handles")
    .columns(["id_hash", "session_uid"])
    .expression(cookies.where("session_uid", "in", uids).unionAll(tokens.where("session_uid", "in", uids)))
    .execute();
}

export interface Replacement {
  readonly userAgent: string | null;
  readonly deviceName: string | null;
  readonly address: string | null;
  /** Seconds. */
  readonly at: number;
}

const REPLACEMENT = [
  "new.user_agent as userAgent",
  "new.device_name as deviceName",
  "new.address",
  "new.created_at as at",
] as const;

/** What took the place of the session that this value led to; undefined if nothing did. */
export async function replacementOf(
  db: Kysely<Database>,
  idHash: Uint8Array,
): Promise<Replacement | undefined> {
  return db
    .selectFrom("replaced_handles")
    .innerJoin("oidc_sessions as old", "old.uid", "replaced_handles.session_uid")
    .innerJoin("oidc_sessions as new", (join) =>
      join.on(sql<boolean>`new.uid = coalesce(replaced_handles.replaced_by, old.replaced_by)`),
    )
    .select(REPLACEMENT)
    .where("replaced_handles.id_hash", "=", idHash)
    .executeTakeFirst();
}

/** What took the place of the session, or of the app in it; undefined if nothing did. */
export async function replacementOfGrant(
  db: Kysely<Database>,
  { sid, gid }: { readonly sid: string; readonly gid: string },
): Promise<Replacement | undefined> {
  return db
    .selectFrom("oidc_sessions as old")
    .leftJoin("oidc_ended_grants", (join) => join.on("oidc_ended_grants.id", "=", gid))
    .innerJoin("oidc_sessions as new", (join) =>
      join.on(sql<boolean>`new.uid = coalesce(oidc_ended_grants.replaced_by, old.replaced_by)`),
    )
    .select(REPLACEMENT)
    .where("old.uid", "=", sid)
    .executeTakeFirst();
}

/** What an app hears of it. Where the user is now is none of the business of somebody else's app. */
export const toldReplacement = (
  { userAgent, at, address }: Replacement,
  isFirstParty: boolean,
): ReplacedBy => ({
  device: deviceOf(userAgent).name,
  at: new Date(at * 1000).toISOString(),
  ...(isFirstParty && address !== null ? { address } : {}),
});
