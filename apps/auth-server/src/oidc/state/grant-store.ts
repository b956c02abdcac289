/**
 * Grants in SQL: one a session and client. A grant expires when its session does, or by itself when the time is over that its user
 * has allowed the app; its row is gone once it was ended.
 */
import type { Clock } from "@portcullis/protocol";
import { sql } from "kysely";
import { lockUser } from "../../people/users.ts";
import { HORIZON_NOW, IS_SESSION_OF_BULK_ENDING } from "../../sessions/bulk-endings.ts";
import { isGrantOngoing, isLive } from "../../sessions/live-sessions.ts";
import { compiledLockingQuery, compiledQuery } from "../../storage/compiled-query.ts";
import type { Storage } from "../../storage/storage.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { oidcError } from "../errors.ts";
import {
  type Allowed,
  allowedIn,
  contentOf,
  currentOf,
  heldIn,
  isNothing,
  joined,
  NOTHING,
  overlap,
  rejectedIn,
  untoldIn,
  without,
} from "./allowed.ts";
import type { AppLimits, Joining } from "./app-limit.ts";
import { clearGrants } from "./clear-grants.ts";
import type { AllowedClient, Consent, Consents } from "./consents.ts";
import { lockSessionOf } from "./lock-parents.ts";
import { type Held, type HeldQuery, heldBy } from "./outlived-grants.ts";

export interface GrantPayload {
  jti: string;
  accountId: string;
  clientId: string;
  sessionUid: string;
  exp: number;
  /** Seconds; undefined: as long as its session. */
  until?: number | undefined;
  /** What was allowed for this time alone: tokens that have it go on, and the next authorization request asks again. */
  once?: Allowed | undefined;
  [member: string]: unknown;
}

export interface GrantOwner {
  readonly sessionUid: string;
  readonly accountId: string;
  readonly clientId: string;
}

/** Who gets a grant, and in which sessions the app was chosen to end for it. */
export type GrantJoining = GrantOwner & Pick<Joining, "ends">;

/** What a grant holds from now on. What the existing one has been given besides stays in it. */
export interface GrantContent {
  readonly allowed: Allowed;
  /** Left out of all that the grant gives, until the next answer. */
  readonly rejected: Allowed;
  readonly once: Allowed;
  readonly until: number | undefined;
}

/** What a user has just answered. */
export interface Answer {
  readonly allowed: Allowed;
  readonly declined: Allowed;
  /** Seconds; undefined: until it is withdrawn; `once`: nothing is remembered. */
  readonly until: number | undefined | "once";
}

type Extend = (existing: GrantPayload | undefined, content: GrantContent) => Promise<GrantPayload>;

export interface GrantStoreOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly consents: Consents;
  readonly limits: Pick<AppLimits, "limitOf" | "lockSessions" | "makeRoom">;
}

export class GrantStore {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #consents: Consents;
  readonly #limits: Pick<AppLimits, "limitOf" | "lockSessions" | "makeRoom">;

  constructor(options: GrantStoreOptions) {
    this.#storage = options.storage;
    this.#clock = options.clock;
    this.#consents = options.consents;
    this.#limits = options.limits;
  }

  /** Without what its user has declined since, in whatever session, and what a scope has come to tell since it was allowed. */
  async find(id: string): Promise<GrantPayload | undefined> {
    const row = await FIND.first(this.#storage.read, { id, now: wholeSeconds(this.#clock) });
    if (row === undefined) return undefined;
    const payload = payloadOf(row);
    const declined = row.declined === null ? NOTHING : (JSON.parse(row.declined) as Allowed);
    return rejecting(payload, declined);
  }

  /** Whether it has run out by itself, and when: for whoever asks why a token of it is refused. */
  async ranOut(id: string): Promise<number | undefined> {
    const row = await this.#storage.read
      .selectFrom("oidc_grants")
      .select("expires_at")
      .where("id", "=", id)
      .where("expires_at", "<=", wholeSeconds(this.#clock))
      .executeTakeFirst();
    return row?.expires_at ?? undefined;
  }

  /**
   * In a transaction, since what is put below a grant must see whether it still lives, and locked, since the grant must
   * not end before what is put there is there to end with it.
   */
  async isLive(transaction: WriteTransaction, id: string): Promise<boolean> {
    await lockSessionOf(transaction, id);
    return (await LOCK_LIVE.first(transaction, { id, now: wholeSeconds(this.#clock) })) !== undefined;
  }

  /** Of these, those that go on, and whose sessions do. No use of a session: it may become idle meanwhile. */
  async ongoing(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const rows = await this.#live(this.#storage.read).where("oidc_grants.id", "in", ids).execute();
    return new Set(rows.map(({ id }) => id));
  }

  async idFor(sessionUid: string, clientId: string): Promise<string | undefined> {
    const row = await this.#live(this.#storage.read)
      .where("oidc_grants.session_uid", "=", sessionUid)
      .where("oidc_grants.client_id", "=", clientId)
      .executeTakeFirst();
    return row?.id;
  }

  /** Whether what the app holds by the grant goes on by these times. */
  heldBy(query: HeldQuery): Promise<Held | undefined> {
    return heldBy(this.#storage.read, query);
  }

  /** The apps that have something below the session. */
  async clientsIn(sessionUid: string): Promise<readonly string[]> {
    const rows = await this.#live(this.#storage.read)
      .select("oidc_grants.client_id")
      .where("oidc_grants.session_uid", "=", sessionUid)
      .execute();
    return rows.map((row) => row.client_id);
  }

  /** Whether any app has something below the session. */
  async isAnyBelow(sessionUid: string): Promise<boolean> {
    const row = await this.#live(this.#storage.read)
      .where("oidc_grants.session_uid", "=", sessionUid)
      .limit(1)
      .executeTakeFirst();
    return row !== undefined;
  }

  #live(db: Storage["read"]) {
    return liveGrants(db, wholeSeconds(this.#clock));
  }

  /** What the user has just answered: remembered for the sessions that follow, and added to the grant with what was before. */
  consent(
    owner: GrantJoining,
    { answer, extend }: { readonly answer: Answer; readonly extend: Extend },
  ): Promise<string> {
    return this.#change(owner, async (transaction, existing, known) => {
      const { until } = answer;
      if (until === "once") return extend(existing, this.#onceIn(transaction, { existing, known, answer }));
      // Not all that the grant holds: some of it may have been given unasked, to an app that was the operator's own.
      const consent = await this.#consents.add(transaction, owner, { ...answer, until });
      await this.#endAllAt(transaction, owner, until);
      if (takesAway(answer, { existing, known }))
        transaction.append([
          { ...STALE, scope: "subject-client", key: keyOf(owner), actor: owner.accountId },
        ]);
      return extend(existing, {
        allowed: consent.allowed,
        rejected: NOTHING,
        once: without(onceBeside(existing, consent.allowed), consent.declined),
        until,
      });
    });
  }

  /** Of an answer for this time: only this grant changes. */
  #onceIn(transaction: WriteTransaction, { existing, known, answer }: Answered): GrantContent {
    const { allowed, declined } = answer;
    if (existing !== undefined && overlap(allowedIn(existing), declined))
      transaction.append([{ ...STALE, scope: "grant", key: existing.jti, actor: existing.accountId }]);
    const remembered = known?.allowed ?? NOTHING;
    return {
      allowed: joined(remembered, allowed),
      rejected: joined(without(existing === undefined ? NOTHING : rejectedIn(existing), allowed), declined),
      once: without(joined(without(existing?.once ?? NOTHING, declined), allowed), ofToday(remembered)),
      until: known?.until,
    };
  }

  /** In one statement, however many sessions the user has: none outlives the time that was chosen last. */
  async #endAllAt({ db }: WriteTransaction, owner: GrantOwner, until: number | undefined): Promise<void> {
    await db
      .updateTable("oidc_grants")
      .set({ expires_at: until ?? null })
      .where("account_id", "=", owner.accountId)
      .where("client_id", "=", owner.clientId)
      .where((eb) => eb.or([eb("expires_at", "is", null), eb("expires_at", ">", wholeSeconds(this.#clock))]))
      .execute();
  }

  /** What the user has allowed in an earlier session. Undefined when that was withdrawn meanwhile, or is over. */
  takeUp(owner: GrantJoining, extend: Extend): Promise<string | undefined> {
    return this.#change(owner, async (_transaction, existing, known) =>
      known === undefined ? undefined : extend(existing, takenUp(existing, known)),
    );
  }

  /** For an app that asks no consent: nothing is remembered. */
  open(owner: GrantJoining, allowed: Allowed, extend: Extend): Promise<string> {
    return this.#change(owner, async (transaction, existing) => {
      await this.#consents.forgetDeclined(transaction, owner);
      return extend(existing, { allowed, rejected: NOTHING, once: NOTHING, until: undefined });
    });
  }

  /**
   * Changes the grant of this session and client, or makes it: `change` is given what is there and gives what
   * to keep. One transaction, so that of two tabs none loses its consent. Throws `session_limit_reached`.
   */
  #change<Payload extends GrantPayload | undefined>(
    owner: GrantJoining,
    change: (
      transaction: WriteTransaction,
      existing: GrantPayload | undefined,
      known: Consent | undefined,
    ) => Promise<Payload>,
  ): Promise<Payload extends undefined ? undefined : string> {
    return this.#storage.write(
      async (transaction) => {
        const isLimited = (await this.#limits.limitOf(transaction.db, owner.clientId)) !== undefined;
        // Before the session: in the order in which everybody locks.
        if (isLimited) {
          await lockUser(transaction, owner.accountId);
          await this.#limits.lockSessions(transaction, owner);
        }
        await this.#assertOwner(transaction, owner);
        const known = await this.#consents.lock(transaction, owner);
        const grant = this.#live(transaction.db)
          .where("oidc_grants.session_uid", "=", owner.sessionUid)
          .where("oidc_grants.client_id", "=", owner.clientId);
        const existing = await transaction.lockRows(grant).executeTakeFirst();
        if (existing === undefined) await this.#clearEnded(transaction, owner);
        const payload = await change(transaction, existing && payloadOf(existing), known);
        const isNew = existing === undefined && payload !== undefined;
        if (isNew && isLimited) await this.#limits.makeRoom(transaction, owner);
        if (payload !== undefined) await this.#keep(transaction, owner, payload);
        return payload?.jti as Payload extends undefined ? undefined : string;
      },
      { onBehalfOf: "client" },
    );
  }

  /**
   * There is one row a session and client. That of one that a bulk ending has ended may still be there, and so is that of one that has
   * run out by itself: it is no beginning for the next, and what hangs below it never lives again.
   */
  async #clearEnded(transaction: WriteTransaction, { sessionUid, clientId }: GrantOwner): Promise<void> {
    const ended = transaction.db
      .selectFrom("oidc_grants")
      .select("id")
      .where("session_uid", "=", sessionUid)
      .where("client_id", "=", clientId);
    const ids = (await transaction.lockRows(ended).execute()).map(({ id }) => id);
    if (ids.length > 0) await clearGrants(transaction, ids, { clock: this.#clock });
  }

  /**
   * The session ended, or is another user's, since the page was shown: no grant may hang below it. Locked: it must not
   * end before the grant is there, and of two tabs that consent at two servers one comes first.
   */
  async #assertOwner(
    { db, lockRows }: WriteTransaction,
    { sessionUid, accountId }: GrantOwner,
  ): Promise<void> {
    const session = db
      .selectFrom("oidc_sessions")
      .select("uid")
      .where("uid", "=", sessionUid)
      .where("account_id", "=", accountId)
      .where("ended_at", "is", null)
      .where(sql<boolean>`not ${IS_SESSION_OF_BULK_ENDING}`);
    if ((await lockRows(session).executeTakeFirst()) === undefined) throw oidcError("session_over");
  }

  async #keep({ db }: WriteTransaction, owner: GrantOwner, payload: GrantPayload): Promise<void> {
    const { jti, exp: _exp, until, ...kept } = payload;
    const change = { payload: JSON.stringify(kept), expires_at: until ?? null };
    await db
      .insertInto("oidc_grants")
      .values({
        id: jti,
        session_uid: owner.sessionUid,
        account_id: owner.accountId,
        client_id: owner.clientId,
        created_at: wholeSeconds(this.#clock),
        horizon: HORIZON_NOW,
        ...change,
      })
      .onConflict((conflict) => conflict.column("id").doUpdateSet(change))
      .execute();
  }

  /** What clients may do for an account at this moment, session by session. */
  async of(accountId: string): Promise<AllowedClient[]> {
    const rows = await this.#live(this.#storage.read)
      .select(["oidc_grants.client_id", "oidc_grants.created_at"])
      .where("oidc_grants.account_id", "=", accountId)
      .execute();
    return rows.map((row) => ({
      clientId: row.client_id,
      allowed: allowedIn(payloadOf(row)),
      declined: rejectedIn(payloadOf(row)),
      since: row.created_at,
      until: row.until ?? undefined,
      isRemembered: false,
    }));
  }
}

/** `now`: seconds. */
const liveGrants = (db: Storage["read"], now: number) =>
  db
    .selectFrom("oidc_grants")
    .innerJoin("oidc_sessions", "oidc_sessions.uid", "oidc_grants.session_uid")
    .select([
      "oidc_grants.id",
      "oidc_grants.payload",
      "oidc_grants.expires_at as until",
      "oidc_sessions.expires_at",
    ])
    .where(isLive(now))
    .where(isGrantOngoing(now));

interface OfGrant {
  readonly id: string;
  /** Seconds. */
  readonly now: number;
}

const FIND = compiledQuery((db, { id, now }: OfGrant) =>
  liveGrants(db, now)
    .leftJoin("oidc_consents", (join) =>
      join
        .onRef("oidc_consents.account_id", "=", "oidc_grants.account_id")
        .onRef("oidc_consents.client_id", "=", "oidc_grants.client_id"),
    )
    .select("oidc_consents.declined")
    .where("oidc_grants.id", "=", id),
);

const LOCK_LIVE = compiledLockingQuery(({ db, lockRows }, { id, now }: OfGrant) =>
  lockRows(liveGrants(db, now).where("oidc_grants.id", "=", id)),
);

interface Answered {
  readonly existing: GrantPayload | undefined;
  readonly known: Consent | undefined;
  readonly answer: Answer;
}

/** What is current comes with the next refresh. */
const STALE = { mode: "stale", reason: "claims_changed", note: "the user allows less" } as const;

const keyOf = ({ accountId: subject, clientId: client }: GrantOwner) => ({ subject, client });

/** Whether tokens of before hold what was declined now, or for longer than is allowed now. */
function takesAway(
  { declined, until }: Answer,
  { existing, known }: Pick<Answered, "existing" | "known">,
): boolean {
  if (existing !== undefined && overlap(allowedIn(existing), declined)) return true;
  if (known !== undefined && overlap(known.allowed, declined)) return true;
  if (typeof until !== "number" || (existing === undefined && known === undefined)) return false;
  return until < (known?.until ?? Number.POSITIVE_INFINITY);
}

const takenUp = (existing: GrantPayload | undefined, { allowed, until }: Consent): GrantContent => ({
  allowed,
  rejected: without(existing === undefined ? NOTHING : rejectedIn(existing), allowed),
  once: onceBeside(existing, allowed),
  until,
});

/** What is remembered is asked for no more. A scope that has come to tell more since is. */
const ofToday = (remembered: Allowed): Allowed => currentOf(remembered, []);

const onceBeside = (existing: GrantPayload | undefined, remembered: Allowed): Allowed =>
  without(existing?.once ?? NOTHING, ofToday(remembered));

/** What was allowed for this time comes after what was declined for longer. */
function rejecting(payload: GrantPayload, declined: Allowed): GrantPayload {
  const untold = { ...NOTHING, claims: untoldIn(heldIn(payload)) };
  const added = joined(without(declined, payload.once ?? NOTHING), untold);
  if (isNothing(added)) return payload;
  return { ...payload, rejected: contentOf(joined(rejectedIn(payload), added)) };
}

function payloadOf(row: {
  id: string;
  payload: string;
  expires_at: number;
  until: number | null;
}): GrantPayload {
  const payload = JSON.parse(row.payload) as GrantPayload;
  return { ...payload, jti: row.id, exp: row.expires_at, until: row.until ?? undefined };
}
