/**
 * Grants in SQL: one a session and client. A grant has no life of its own: it expires when its session does, and
 * its row is gone once it has ended.
 */
import type { Clock } from "@portcullis/protocol";
import { sql } from "kysely";
import {
  HORIZON_NOW,
  IS_GRANT_OF_BULK_ENDING,
  IS_SESSION_OF_BULK_ENDING,
} from "../../sessions/bulk-endings.ts";
import { isLive } from "../../sessions/live-sessions.ts";
import type { Storage } from "../../storage/storage.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { oidcError } from "../errors.ts";
import { clearGrants } from "./clear-grants.ts";
import { type Allowed, type AllowedClient, allowedIn, type Consents } from "./consents.ts";
import { lockSessionOf } from "./lock-parents.ts";
import { type Held, type HeldQuery, heldBy } from "./outlived-grants.ts";

export interface GrantPayload {
  jti: string;
  accountId: string;
  clientId: string;
  sessionUid: string;
  exp: number;
  [member: string]: unknown;
}

export interface GrantOwner {
  readonly sessionUid: string;
  readonly accountId: string;
  readonly clientId: string;
}

type Extend = (existing: GrantPayload | undefined, allowed: Allowed) => Promise<GrantPayload>;

export class GrantStore {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #consents: Consents;

  constructor(options: { storage: Storage; clock: Clock; consents: Consents }) {
    this.#storage = options.storage;
    this.#clock = options.clock;
    this.#consents = options.consents;
  }

  async find(id: string): Promise<GrantPayload | undefined> {
    const row = await this.#live(this.#storage.read).where("oidc_grants.id", "=", id).executeTakeFirst();
    return row && payloadOf(row);
  }

  /**
   * In a transaction, since what is put below a grant must see whether it still lives, and locked, since the grant must
   * not end before what is put there is there to end with it.
   */
  async isLive(transaction: WriteTransaction, id: string): Promise<boolean> {
    await lockSessionOf(transaction, id);
    const grant = this.#live(transaction.db).where("oidc_grants.id", "=", id);
    return (await transaction.lockRows(grant).executeTakeFirst()) !== undefined;
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

  /** Whether any app has something below the session. */
  async isAnyBelow(sessionUid: string): Promise<boolean> {
    const row = await this.#live(this.#storage.read)
      .where("oidc_grants.session_uid", "=", sessionUid)
      .limit(1)
      .executeTakeFirst();
    return row !== undefined;
  }

  #live(db: Storage["read"]) {
    return db
      .selectFrom("oidc_grants")
      .innerJoin("oidc_sessions", "oidc_sessions.uid", "oidc_grants.session_uid")
      .select(["oidc_grants.id", "oidc_grants.payload", "oidc_sessions.expires_at"])
      .where(isLive(wholeSeconds(this.#clock)))
      .where(sql<boolean>`not ${IS_GRANT_OF_BULK_ENDING}`);
  }

  /** What the user has just allowed: remembered for the sessions that follow, and added to the grant with what was before. */
  consent(
    owner: GrantOwner,
    { allowed, extend }: { readonly allowed: Allowed; readonly extend: Extend },
  ): Promise<string> {
    return this.#change(owner, async (transaction, existing) => {
      // Not all that the grant holds: some of it may have been given unasked, to an app that was the operator's own.
      const all = await this.#consents.add(transaction, owner, allowed);
      return extend(existing, all);
    });
  }

  /** What the user has allowed in an earlier session. Undefined when that was withdrawn meanwhile. */
  takeUp(owner: GrantOwner, extend: Extend): Promise<string | undefined> {
    return this.#change(owner, async (_transaction, existing, allowed) =>
      allowed === undefined ? undefined : extend(existing, allowed),
    );
  }

  /** For an app that asks no consent: nothing is remembered. */
  open(owner: GrantOwner, allowed: Allowed, extend: Extend): Promise<string> {
    return this.#change(owner, (_transaction, existing) => extend(existing, allowed));
  }

  /**
   * Changes the grant of this session and client, or makes it: `change` is given what is there and gives what
   * to keep. One transaction, so that of two tabs none loses its consent.
   */
  #change<Payload extends GrantPayload | undefined>(
    owner: GrantOwner,
    change: (
      transaction: WriteTransaction,
      existing: GrantPayload | undefined,
      allowed: Allowed | undefined,
    ) => Promise<Payload>,
  ): Promise<Payload extends undefined ? undefined : string> {
    return this.#storage.write(
      async (transaction) => {
        await this.#assertOwner(transaction, owner);
        const allowed = await this.#consents.lock(transaction, owner);
        const grant = this.#live(transaction.db)
          .where("oidc_grants.session_uid", "=", owner.sessionUid)
          .where("oidc_grants.client_id", "=", owner.clientId);
        const existing = await transaction.lockRows(grant).executeTakeFirst();
        if (existing === undefined) await this.#clearEnded(transaction, owner);
        const payload = await change(transaction, existing && payloadOf(existing), allowed);
        if (payload !== undefined) await this.#keep(transaction, owner, payload);
        return payload?.jti as Payload extends undefined ? undefined : string;
      },
      { onBehalfOf: "client" },
    );
  }

  /** There is one row a session and client, and that of one that a bulk ending has ended may still be there. */
  async #clearEnded(transaction: WriteTransaction, { sessionUid, clientId }: GrantOwner): Promise<void> {
    const ended = transaction.db
      .selectFrom("oidc_grants")
      .select("id")
      .where("session_uid", "=", sessionUid)
      .where("client_id", "=", clientId);
    const ids = (await transaction.lockRows(ended).execute()).map(({ id }) => id);
    if (ids.length > 0) await clearGrants(transaction, ids, this.#clock);
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
    const { jti, exp: _exp, ...kept } = payload;
    const change = { payload: JSON.stringify(kept) };
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
      since: row.created_at,
      until: undefined,
    }));
  }
}

function payloadOf(row: { id: string; payload: string; expires_at: number }): GrantPayload {
  return { ...(JSON.parse(row.payload) as GrantPayload), jti: row.id, exp: row.expires_at };
}
