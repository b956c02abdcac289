/**
 * What users have allowed apps, and declined to, remembered over sessions: one row a user and client. A grant lives below a session
 * and takes what is here; withdrawal ends both, in one transaction (endings/lineage.ts).
 */
import type { Clock } from "@portcullis/protocol";
import type { ExpressionBuilder } from "kysely";
import type { Database } from "../../storage/database.ts";
import type { Storage } from "../../storage/storage.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { type Allowed, joined, NOTHING, without } from "./allowed.ts";

export interface Consent {
  readonly allowed: Allowed;
  /** Of what the app marks as optional: it is not asked for again, and not given. */
  readonly declined: Allowed;
  /** Seconds; undefined: until it is withdrawn. */
  readonly until: number | undefined;
}

export interface AllowedClient extends Consent {
  readonly clientId: string;
  /** Seconds. */
  readonly since: number;
  /** False of what was allowed for this time, and of what apps of the operator's own have unasked: the next session knows nothing of it. */
  readonly isRemembered: boolean;
}

export interface ConsentPair {
  readonly accountId: string;
  readonly clientId: string;
}

export class Consents {
  readonly #storage: Storage;
  readonly #clock: Clock;

  constructor(options: { storage: Storage; clock: Clock }) {
    this.#storage = options.storage;
    this.#clock = options.clock;
  }

  async find(pair: ConsentPair): Promise<Consent | undefined> {
    const row = await this.#row(this.#storage.read, pair).executeTakeFirst();
    return row && consentOf(row);
  }

  /** Locked: it must not be withdrawn before the grant is there that takes from it, or that grant would live on. */
  async lock(transaction: WriteTransaction, pair: ConsentPair): Promise<Consent | undefined> {
    const row = await transaction.lockRows(this.#row(transaction.db, pair)).executeTakeFirst();
    return row && consentOf(row);
  }

  #row(db: Storage["read"], pair: ConsentPair) {
    return db
      .selectFrom("oidc_consents")
      .select(["allowed", "declined", "created_at", "expires_at"])
      .where(isOf(pair))
      .where((eb) => eb.or([eb("expires_at", "is", null), eb("expires_at", ">", wholeSeconds(this.#clock))]));
  }

  /**
   * Adds an answer to what is there, which was locked before in the same transaction. Its time counts for all of it. Gives all that
   * holds now.
   */
  async add(transaction: WriteTransaction, pair: ConsentPair, answer: Consent): Promise<Consent> {
    const before = await this.#row(transaction.db, pair).executeTakeFirst();
    const consent = before === undefined ? answer : answered(consentOf(before), answer);
    if (before === undefined) await this.#begin(transaction, pair, consent);
    else await this.#change(transaction, pair, consent);
    return consent;
  }

  async #change({ db }: WriteTransaction, pair: ConsentPair, consent: Consent): Promise<void> {
    const change = { ...columnsOf(consent), changed_at: wholeSeconds(this.#clock) };
    await db.updateTable("oidc_consents").set(change).where(isOf(pair)).execute();
  }

  /** In place of one that has run out, which is no beginning for the next. */
  async #begin({ db }: WriteTransaction, pair: ConsentPair, consent: Consent): Promise<void> {
    await db.deleteFrom("oidc_consents").where(isOf(pair)).execute();
    const now = wholeSeconds(this.#clock);
    const row = {
      account_id: pair.accountId,
      client_id: pair.clientId,
      ...columnsOf(consent),
      created_at: now,
      changed_at: now,
    };
    // No upsert: what another server has inserted meanwhile was not looked at. The unit runs again then.
    await db.insertInto("oidc_consents").values(row).execute();
  }

  /** Of an app that has become the operator's own: nothing is left out that it asks for. */
  async forgetDeclined({ db }: WriteTransaction, pair: ConsentPair): Promise<void> {
    const change = { declined: JSON.stringify(NOTHING) };
    await db.updateTable("oidc_consents").set(change).where(isOf(pair)).execute();
  }

  /** What a user has allowed, client by client. */
  async of(accountId: string): Promise<AllowedClient[]> {
    const rows = await this.#storage.read
      .selectFrom("oidc_consents")
      .select(["client_id", "allowed", "declined", "created_at", "expires_at"])
      .where("account_id", "=", accountId)
      .where((eb) => eb.or([eb("expires_at", "is", null), eb("expires_at", ">", wholeSeconds(this.#clock))]))
      .execute();
    return rows.map((row) => ({
      clientId: row.client_id,
      ...consentOf(row),
      since: row.created_at,
      isRemembered: true,
    }));
  }
}

/** The last word counts: what is allowed now is declined no more, and the other way round. */
const answered = (before: Consent, answer: Consent): Consent => ({
  allowed: joined(without(before.allowed, answer.declined), answer.allowed),
  declined: joined(without(before.declined, answer.allowed), answer.declined),
  until: answer.until,
});

/** Of a user who was deleted. */
export async function forgetConsents({ db }: WriteTransaction, accountId: string): Promise<void> {
  await db.deleteFrom("oidc_consents").where("account_id", "=", accountId).execute();
}

const isOf =
  ({ accountId, clientId }: ConsentPair) =>
  (eb: ExpressionBuilder<Database, "oidc_consents">) =>
    eb.and({ account_id: accountId, client_id: clientId });

interface ConsentRow {
  readonly allowed: string;
  readonly declined: string;
  readonly expires_at: number | null;
}

const consentOf = ({ allowed, declined, expires_at }: ConsentRow): Consent => ({
  allowed: JSON.parse(allowed) as Allowed,
  declined: JSON.parse(declined) as Allowed,
  until: expires_at ?? undefined,
});

const columnsOf = ({ allowed, declined, until }: Consent) => ({
  allowed: JSON.stringify(allowed),
  declined: JSON.stringify(declined),
  expires_at: until ?? null,
});
