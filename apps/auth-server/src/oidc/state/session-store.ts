/**
 * Sessions in SQL: what the library's Session model is saved to, and what the account page works on.
 *
 * The library saves a session whole and rotates its id by destroy-then-save. Two tabs at once would undo each
 * other, so here: grants are never taken from what is saved but from their own table; a save that does not know of
 * a sign-in is dropped; an ended session is not brought back; and a replaced id leads on for some
 * seconds, unless it was replaced by a sign-in (an id from before must not lead into the account: fixation).
 */
import type { Clock } from "@portcullis/protocol";
import { type Selectable, sql } from "kysely";
import { hasPassword, lockActive } from "../../people/users.ts";
import { hashOfSecret, newIdentifier, type RandomBytes } from "../../secrets/identifiers.ts";
import {
  HORIZON_NOW,
  IS_GRANT_OF_BULK_ENDING,
  IS_SESSION_OF_BULK_ENDING,
} from "../../sessions/bulk-endings.ts";
import { deviceOf } from "../../sessions/device.ts";
import type { LastSeen } from "../../sessions/last-seen.ts";
import { ENDS_AT, isLive } from "../../sessions/live-sessions.ts";
import type { Policies } from "../../sessions/policies.ts";
import { type Replacement, replacementOf, type SessionLimits } from "../../sessions/session-limit.ts";
import { compiledQuery } from "../../storage/compiled-query.ts";
import type { RowCap } from "../../storage/space/row-cap.ts";
import type { Storage } from "../../storage/storage.ts";
import { type StoredTimes, wholeSeconds } from "../../storage/stored-time.ts";
import type { SessionsTable } from "../../storage/tables/oidc.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { oidcError } from "../errors.ts";
import type { RowsOfStrangers } from "./rows-of-strangers.ts";

/** What the library saves, as far as it is looked into here. */
export interface SessionPayload {
  uid: string;
  jti?: string;
  accountId?: string;
  /** Of the last sign-in: when, in seconds, and by which methods. */
  loginTs?: number;
  amr?: readonly string[];
  /** Of the sign-in that this comes from, and of the one that it took the place of (models.ts). */
  signInId?: string;
  signedInAfter?: string;
  authorizations?: Record<string, { sid?: string; grantId?: string }>;
  [member: string]: unknown;
}

export interface SaveSession {
  readonly id: string;
  readonly payload: SessionPayload;
  readonly ttlSeconds: number;
  /** The id that this one takes the place of. */
  readonly replaces?: string | undefined;
  readonly userAgent?: string | undefined;
  /** Of the client, as trusted proxies tell it. */
  readonly address?: string | undefined;
  /** `uid` of the session of this browser that ends when this one is opened, if it is the same user's. */
  readonly takesPlaceOf?: string | undefined;
  /** `uid`s of sessions that were chosen to end when this one is opened, where the policy asks. */
  readonly ends?: readonly string[] | undefined;
  /**
   * The factors were passed in this very request, so that the id may lead into the account, whatever sign-ins the session had
   * since. Default: only an id of a request that knows of the newest.
   */
  readonly factorsPassed?: boolean;
  /** `client_id` of the app that signed the user in with a form of its own, and has the session for itself. */
  readonly ofApp?: string | undefined;
  /** Of the password that was given for it (`SignedIn`). A sign-in that has none, or that of another password, opens nothing. */
  readonly passwordMark?: string | undefined;
}

export interface SessionStoreOptions {
  readonly ofStrangers: RowsOfStrangers;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly times: StoredTimes;
  readonly randomBytes: RandomBytes;
  readonly policies: Pick<Policies, "read">;
  readonly lastSeen: Pick<LastSeen, "note">;
  readonly limits: Pick<SessionLimits, "makeRoom">;
  /** Ends these and all below them. */
  readonly endAll: (transaction: WriteTransaction, uids: readonly string[]) => Promise<number>;
}

type SessionRow = Selectable<SessionsTable>;
/** With the time at which the policy ends it, in seconds. */
type LiveRow = SessionRow & { readonly ends_at: number };

/** How long a replaced cookie value leads on: for the other tabs' requests that were under way. */
const REPLACED_ID_MS = 10_000;
/** Ids that are current at once: tabs that rotate at the same time leave one each. */
const MAX_IDS = 8;
const LONGEST_USER_AGENT = 256;

export class SessionStore {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #times: StoredTimes;
  readonly #randomBytes: RandomBytes;
  readonly #policies: Pick<Policies, "read">;
  readonly #lastSeen: Pick<LastSeen, "note">;
  readonly #limits: Pick<SessionLimits, "makeRoom">;
  readonly #endAll: SessionStoreOptions["endAll"];
  readonly #ofStrangers: RowCap;

  constructor(options: SessionStoreOptions) {
    this.#storage = options.storage;
    this.#clock = options.clock;
    this.#times = options.times;
    this.#randomBytes = options.randomBytes;
    this.#policies = options.policies;
    this.#lastSeen = options.lastSeen;
    this.#limits = options.limits;
    this.#endAll = options.endAll;
    this.#ofStrangers = options.ofStrangers.Session;
  }

  /** By the cookie's value. Gives the payload under the id to go on with: a fresh one for a replaced id. */
  async find(id: string): Promise<SessionPayload | undefined> {
    const found = await this.#storage.read
      .selectFrom("oidc_session_ids")
      .select(["session_uid", "replaced_until"])
      .where("id_hash", "=", hashOfId(id))
      .executeTakeFirst();
    if (found === undefined) return undefined;
    if (found.replaced_until !== null && !this.#stillLeadsOn(found.replaced_until)) return undefined;
    const row = await this.#use(found.session_uid);
    if (row === undefined) return undefined;
    return this.#payloadOf(row, found.replaced_until === null ? id : newIdentifier(this.#randomBytes));
  }

  /** Not for longer after a clock was set back: a replaced id has ten seconds and the skew, by whichever clock. */
  #stillLeadsOn(until: number): boolean {
    return this.#times.isWithin(until - REPLACED_ID_MS, REPLACED_ID_MS);
  }

  /** What took the place of the session that this cookie's value led to. */
  replacementOf(id: string): Promise<Replacement | undefined> {
    return replacementOf(this.#storage.read, hashOfId(id));
  }

  /** By the public `uid`: for checks, never to give somebody the session. */
  async findByUid(uid: string): Promise<SessionPayload | undefined> {
    const row = await this.findLive(uid);
    return row && this.#payloadOf(row, undefined);
  }

  /** When it ends at the latest, in seconds; undefined if it is over. To be asked where it is used: a session that is used is not idle. */
  async endOf(uid: string): Promise<number | undefined> {
    const row = await this.#use(uid);
    return row && Math.min(row.expires_at, row.ends_at);
  }

  async #use(uid: string): Promise<LiveRow | undefined> {
    const row = await this.findLive(uid);
    if (row?.account_id != null) this.#lastSeen.note(row);
    return row;
  }

  async findLive(uid: string): Promise<LiveRow | undefined> {
    return FIND_LIVE.first(this.#storage.read, { uid, now: wholeSeconds(this.#clock) });
  }

  async #payloadOf(row: SessionRow, id: string | undefined): Promise<SessionPayload> {
    const payload = JSON.parse(row.payload) as SessionPayload;
    const grants = await GRANTS_BELOW.all(this.#storage.read, { uid: row.uid });
    const authorizations: NonNullable<SessionPayload["authorizations"]> = {};
    for (const { client_id, id: grantId } of grants) {
      authorizations[client_id] = { ...payload.authorizations?.[client_id], grantId };
    }
    return { ...payload, authorizations, ...(id === undefined ? {} : { jti: id }) };
  }

  /** Gives whether the id leads into the session now. The one place where sessions are opened: no way in can forget what is asked here. */
  async save(session: SaveSession): Promise<boolean> {
    // Of somebody signed in: a sign-out changes it first. There are no more of them than people who sign in.
    const isOfStranger = session.payload.accountId === undefined;
    if (isOfStranger) await this.#ofStrangers.makeWay();
    const options = isOfStranger ? ({ onBehalfOf: "stranger" } as const) : {};
    return this.#storage.write((transaction) => this.#save(transaction, session), options);
  }

  async #save(transaction: WriteTransaction, session: SaveSession): Promise<boolean> {
    const { accountId } = session.payload;
    const isActive =
      accountId === undefined || (await lockActive(transaction, accountId, wholeSeconds(this.#clock)));
    const row = transaction.db
      .selectFrom("oidc_sessions")
      .selectAll()
      .select(sql<unknown>`${IS_SESSION_OF_BULK_ENDING}`.as("is_of_bulk_ending"))
      .where("uid", "=", session.payload.uid);
    const stored = await transaction.lockRows(row).executeTakeFirst();
    // Ended while this request ran: its late save must not sign the user in again. A number on SQLite.
    if (stored !== undefined && (stored.ended_at !== null || Boolean(stored.is_of_bulk_ending))) return false;
    const before = stored && (JSON.parse(stored.payload) as SessionPayload);
    const view = viewOf(before, session.payload);
    // The password was right, and the user was disabled or banned since: the session would come to life when that is over.
    if (!isActive) return false;
    // Or it was reset, which ended what was there: this one would outlive it.
    const isProof = view === "sign_in" || session.passwordMark !== undefined;
    if (isProof && !(await hasPassword(transaction, accountId!, session.passwordMark ?? ""))) return false;
    if (view === "before_sign_in") return this.#saveLateId(transaction, session);
    const isSignIn = view === "sign_in";
    if (isSignIn) await this.#makeRoom(transaction, session, stored);
    const authorizations = { ...before?.authorizations, ...session.payload.authorizations };
    const payload = { ...session.payload, authorizations };
    await this.#saveRow(transaction, { ...session, payload }, { isSignIn, stored });
    await this.#saveId(transaction, session, isSignIn);
    return true;
  }

  /** Unless it was open before, and its user has only signed in again. Throws `session_limit_reached`. */
  async #makeRoom(
    transaction: WriteTransaction,
    session: SaveSession,
    stored: SessionRow | undefined,
  ): Promise<void> {
    const { uid, accountId } = session.payload;
    if (stored?.account_id != null && (await this.#isLive(transaction, uid))) return;
    await this.#endEarlier(transaction, session);
    const deviceType = deviceOf(session.userAgent ?? null).type;
    const opening = { accountId: accountId!, deviceType, ends: session.ends, except: [uid] };
    await this.#limits.makeRoom(transaction, opening, uid);
  }

  /** In the same transaction: a session that was not counted and lived on would be one too many. */
  async #endEarlier(
    transaction: WriteTransaction,
    { payload: { uid, accountId }, takesPlaceOf: key }: SaveSession,
  ): Promise<void> {
    if (key === undefined || key === uid) return;
    const own = transaction.db.selectFrom("oidc_sessions").select("uid").where("uid", "=", key);
    if ((await own.where("account_id", "=", accountId!).executeTakeFirst()) === undefined) return;
    if ((await this.#endAll(transaction, [key])) === 0) return;
    transaction.append([{ scope: "session", mode: "kill", reason: "logged_out", key, actor: accountId! }]);
  }

  async #isLive({ db }: WriteTransaction, uid: string): Promise<boolean> {
    const row = db.selectFrom("oidc_sessions").select("uid").where("uid", "=", uid);
    return (await row.where(isLive(wholeSeconds(this.#clock))).executeTakeFirst()) !== undefined;
  }

  /** An id put in now would lead into an account that this request never proved to know: fixation. Unless it just has. */
  async #saveLateId(transaction: WriteTransaction, session: SaveSession): Promise<boolean> {
    if (session.factorsPassed !== true) return false;
    if (!(await this.#isLive(transaction, session.payload.uid))) return false;
    await this.#saveId(transaction, session, false);
    return true;
  }

  async #saveRow(
    { db }: WriteTransaction,
    session: SaveSession,
    { isSignIn, stored }: { readonly isSignIn: boolean; readonly stored: SessionRow | undefined },
  ): Promise<void> {
    const now = wholeSeconds(this.#clock);
    const { jti: _id, ...payload } = session.payload;
    const { absoluteSeconds } = await this.#policies.read(db);
    // A session of before sign-ins had times has its own.
    const authTime = isSignIn ? signedInAt(payload, now) : (stored?.auth_time ?? stored?.created_at ?? now);
    const isOfNobody = payload.accountId === undefined;
    const change = {
      account_id: payload.accountId ?? null,
      payload: JSON.stringify(payload),
      last_seen_at: now,
      expires_at: isOfNobody ? now + session.ttlSeconds : authTime + absoluteSeconds,
      ...(isSignIn ? { ...signInColumns(session), auth_time: authTime } : {}),
      ...(isSignIn && stored?.account_id == null ? { created_at: now } : {}),
    };
    if (stored !== undefined) {
      await db.updateTable("oidc_sessions").set(change).where("uid", "=", payload.uid).execute();
      return;
    }
    // No upsert: one that another server has inserted meanwhile was not looked at. The unit runs again then.
    const row = { uid: payload.uid, created_at: now, ...change };
    await db
      .insertInto("oidc_sessions")
      .values({ ...NEW_SESSION, ...row, horizon: HORIZON_NOW })
      .execute();
  }

  async #saveId(transaction: WriteTransaction, session: SaveSession, isSignIn: boolean): Promise<void> {
    const { uid } = session.payload;
    if (isSignIn) await deleteIds(transaction, uid);
    else if (session.replaces !== undefined) await this.#replaceId(transaction, session.replaces);
    await transaction.db
      .insertInto("oidc_session_ids")
      .values({
        id_hash: hashOfId(session.id),
        session_uid: uid,
        created_at: this.#clock.wallMs(),
        replaced_until: null,
      })
      .onConflict((conflict) => conflict.column("id_hash").doNothing())
      .execute();
    await this.#boundIds(transaction, session);
  }

  async #replaceId({ db }: WriteTransaction, id: string): Promise<void> {
    await db
      .updateTable("oidc_session_ids")
      .set({ replaced_until: this.#clock.wallMs() + REPLACED_ID_MS })
      .where("id_hash", "=", hashOfId(id))
      .where("replaced_until", "is", null)
      .execute();
  }

  /** The one that was just saved stays, whatever the others' times. */
  async #boundIds({ db }: WriteTransaction, { id, payload }: SaveSession): Promise<void> {
    const newest = db
      .selectFrom("oidc_session_ids")
      .select("id_hash")
      .where("session_uid", "=", payload.uid)
      .where("id_hash", "!=", hashOfId(id))
      .orderBy("created_at", "desc")
      .orderBy("id_hash")
      .limit(MAX_IDS - 1);
    await db
      .deleteFrom("oidc_session_ids")
      .where("session_uid", "=", payload.uid)
      .where("id_hash", "!=", hashOfId(id))
      .where("id_hash", "not in", newest)
      .execute();
  }

  /** The devices of an account, the one seen last first. */
  devicesOf(accountId: string): Promise<SessionRow[]> {
    return this.#storage.read
      .selectFrom("oidc_sessions")
      .selectAll()
      .where("account_id", "=", accountId)
      .where(isLive(wholeSeconds(this.#clock)))
      .orderBy("last_seen_at", "desc")
      .execute();
  }
}

const FIND_LIVE = compiledQuery((db, { uid, now }: { readonly uid: string; readonly now: number }) =>
  db
    .selectFrom("oidc_sessions")
    .selectAll()
    .select(ENDS_AT.as("ends_at"))
    .where("uid", "=", uid)
    .where(isLive(now)),
);

const GRANTS_BELOW = compiledQuery((db, { uid }: { readonly uid: string }) =>
  db
    .selectFrom("oidc_grants")
    .select(["client_id", "id"])
    .where("session_uid", "=", uid)
    .where(sql<boolean>`not ${IS_GRANT_OF_BULK_ENDING}`),
);

const NEW_SESSION = {
  user_agent: null,
  address: null,
  device_name: null,
  device_type: null,
  amr: null,
  auth_time: null,
  ended_at: null,
  replaced_by: null,
  of_app: null,
} as const;

/**
 * When the factor was passed, in seconds: other pages came between it and this save. Never later than now: the server that
 * checked it may have a clock that is ahead, and a session must not live longer by it.
 */
const signedInAt = ({ loginTs }: Pick<SessionPayload, "loginTs">, now: number): number =>
  Math.min(loginTs ?? now, now);

/** What a sign-in says of the device that it is made on. */
const signInColumns = ({ payload, userAgent, address, ofApp }: SaveSession) => ({
  of_app: ofApp ?? null,
  user_agent: userAgent?.slice(0, LONGEST_USER_AGENT) ?? null,
  device_type: deviceOf(userAgent ?? null).type,
  address: address ?? null,
  amr: payload.amr?.join(" ") ?? null,
});

/** Values that could be read out of the database and used; a cookie's hash cannot. */
const hashOfId = (id: string): Uint8Array => hashOfSecret("Session", id);

export async function deleteIds({ db }: WriteTransaction, uid: string): Promise<void> {
  await db.deleteFrom("oidc_session_ids").where("session_uid", "=", uid).execute();
}

type View = "sign_in" | "same_sign_in" | "before_sign_in";

/** What a first sign-in says it came after. Stored ones from before sign-ins had names say nothing at all. */
export const NO_SIGN_IN = "none";

/**
 * How what is saved stands to what is stored. Throws `session_taken`. By which sign-in knew of which, and never by their
 * times: a sign-in at a server that is seconds behind is not an older one.
 */
function viewOf(before: SessionPayload | undefined, saved: SessionPayload): View {
  if (before?.accountId === undefined) return saved.accountId === undefined ? "same_sign_in" : "sign_in";
  if (saved.accountId === undefined) return "before_sign_in";
  // Two tabs signed in as two users at once. One session, and its `sid`, must never stand for both.
  if (saved.accountId !== before.accountId) throw oidcError("session_taken");
  if (saved.signInId === before.signInId) return "same_sign_in";
  if (saved.signedInAfter === (before.signInId ?? NO_SIGN_IN)) return "sign_in";
  // Two tabs that signed in at once, as one user, neither knowing of the other: the ids of both lead on.
  return saved.signedInAfter === before.signedInAfter ? "same_sign_in" : "before_sign_in";
}
