/**
 * What users have allowed apps, remembered over sessions: one row a user and client. A grant lives below a session and
 * takes what is here; withdrawal ends both, in one transaction (endings/lineage.ts).
 */
import type { Clock } from "@portcullis/protocol";
import type { ExpressionBuilder } from "kysely";
import type { Database } from "../../storage/database.ts";
import type { Storage } from "../../storage/storage.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";

export interface Allowed {
  /** Of the ID token and userinfo. */
  readonly scopes: readonly string[];
  readonly claims: readonly string[];
  /** Resource indicator to its scopes. */
  readonly resources: Readonly<Record<string, readonly string[]>>;
}

export interface AllowedClient {
  readonly clientId: string;
  readonly allowed: Allowed;
  /** Seconds. */
  readonly since: number;
  /** Seconds; undefined: until it is withdrawn. */
  readonly until: number | undefined;
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

  async find(pair: ConsentPair): Promise<Allowed | undefined> {
    const row = await this.#row(this.#storage.read, pair).executeTakeFirst();
    return row && allowedOf(row);
  }

  /** Locked: it must not be withdrawn before the grant is there that takes from it, or that grant would live on. */
  async lock(transaction: WriteTransaction, pair: ConsentPair): Promise<Allowed | undefined> {
    const row = await transaction.lockRows(this.#row(transaction.db, pair)).executeTakeFirst();
    return row && allowedOf(row);
  }

  #row(db: Storage["read"], pair: ConsentPair) {
    return db
      .selectFrom("oidc_consents")
      .select(["allowed", "created_at"])
      .where(isOf(pair))
      .where((eb) => eb.or([eb("expires_at", "is", null), eb("expires_at", ">", wholeSeconds(this.#clock))]));
  }

  /** Adds to what is there, which was locked before in the same transaction. Gives all that is allowed now. */
  async add(transaction: WriteTransaction, pair: ConsentPair, more: Allowed): Promise<Allowed> {
    const before = await this.#row(transaction.db, pair).executeTakeFirst();
    const allowed = before === undefined ? more : joined(allowedOf(before), more);
    if (before === undefined) await this.#begin(transaction, pair, allowed);
    else await this.#widen(transaction, pair, allowed);
    return allowed;
  }

  async #widen({ db }: WriteTransaction, pair: ConsentPair, allowed: Allowed): Promise<void> {
    const change = { allowed: JSON.stringify(allowed), changed_at: wholeSeconds(this.#clock) };
    await db.updateTable("oidc_consents").set(change).where(isOf(pair)).execute();
  }

  /** In place of one that has run out, which is no beginning for the next. */
  async #begin({ db }: WriteTransaction, pair: ConsentPair, allowed: Allowed): Promise<void> {
    await db.deleteFrom("oidc_consents").where(isOf(pair)).execute();
    const now = wholeSeconds(this.#clock);
    const row = {
      account_id: pair.accountId,
      client_id: pair.clientId,
      allowed: JSON.stringify(allowed),
      created_at: now,
      changed_at: now,
      expires_at: null,
    };
    // No upsert: what another server has inserted meanwhile was not looked at. The unit runs again then.
    await db.insertInto("oidc_consents").values(row).execute();
  }

  /** What a user has allowed, client by client. */
  async of(accountId: string): Promise<AllowedClient[]> {
    const rows = await this.#storage.read
      .selectFrom("oidc_consents")
      .select(["client_id", "allowed", "created_at", "expires_at"])
      .where("account_id", "=", accountId)
      .where((eb) => eb.or([eb("expires_at", "is", null), eb("expires_at", ">", wholeSeconds(this.#clock))]))
      .execute();
    return rows.map((row) => ({
      clientId: row.client_id,
      allowed: allowedOf(row),
      since: row.created_at,
      until: row.expires_at ?? undefined,
    }));
  }
}

/** Of a user who was deleted. */
export async function forgetConsents({ db }: WriteTransaction, accountId: string): Promise<void> {
  await db.deleteFrom("oidc_consents").where("account_id", "=", accountId).execute();
}

const isOf =
  ({ accountId, clientId }: ConsentPair) =>
  (eb: ExpressionBuilder<Database, "oidc_consents">) =>
    eb.and({ account_id: accountId, client_id: clientId });

const allowedOf = ({ allowed }: { readonly allowed: string }): Allowed => JSON.parse(allowed) as Allowed;

/** What the library's payload of a grant holds. */
interface GrantContent {
  readonly openid?: { readonly scope?: string; readonly claims?: readonly string[] };
  readonly resources?: Readonly<Record<string, string>>;
}

export function allowedIn(payload: object): Allowed {
  const { openid = {}, resources = {} } = payload as GrantContent;
  const entries = Object.entries(resources).map(([resource, text]) => [resource, wordsOf(text)] as const);
  return {
    scopes: wordsOf(openid.scope),
    claims: openid.claims ?? [],
    resources: Object.fromEntries(entries),
  };
}

const wordsOf = (text = ""): string[] => text.split(" ").filter((word) => word !== "");

export function isWithin(part: Allowed, whole: Allowed): boolean {
  return (
    isSubset(part.scopes, whole.scopes) &&
    isSubset(part.claims, whole.claims) &&
    Object.entries(part.resources).every(([resource, scopes]) =>
      isSubset(scopes, whole.resources[resource] ?? []),
    )
  );
}

const isSubset = (part: readonly string[], whole: readonly string[]): boolean =>
  part.every((word) => whole.includes(word));

export function joined(one: Allowed, other: Allowed): Allowed {
  const names = Object.keys({ ...one.resources, ...other.resources });
  const resources = names.map((name) => [name, union(one.resources[name], other.resources[name])] as const);
  return {
    scopes: union(one.scopes, other.scopes),
    claims: union(one.claims, other.claims),
    resources: Object.fromEntries(resources),
  };
}

const union = (one: readonly string[] = [], other: readonly string[] = []): string[] => [
  ...new Set([...one, ...other]),
];
