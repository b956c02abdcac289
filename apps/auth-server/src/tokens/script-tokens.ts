/** Tokens for scripts in SQL: found by the hash of their text, listed by their owner, rotated once. */
import { createHash } from "node:crypto";
import {
  type Clock,
  encodeOpaqueToken,
  OPAQUE_TOKEN_SECRET_BYTES,
  type OpaqueTokenKind,
  type Reason,
} from "@portcullis/protocol";
import {
  type Expression,
  type ExpressionBuilder,
  type Kysely,
  type Selectable,
  type SqlBool,
  sql,
} from "kysely";
import { newIdentifier, type RandomBytes } from "../secrets/identifiers.ts";
import { countDeleted } from "../storage/count-deleted.ts";
import type { Database } from "../storage/database.ts";
import type { PruneTime } from "../storage/pruning.ts";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { ScriptTokensTable } from "../storage/tables/tokens.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import { CUT_AT, CUT_REASON, IS_CUT_OFF } from "./end-tokens.ts";
import { tokensError } from "./errors.ts";
import type { HeldToken } from "./rights.ts";

/** Of one owner, at a time. What is over does not count. */
export const MAX_TOKENS_PER_OWNER = 100;
/** What is over is told of for so long: by lists, and to whoever still shows it. */
const KEPT_SECONDS = 90 * 24 * 60 * 60;

export interface TokenOwner {
  readonly kind: OpaqueTokenKind;
  readonly ownerId: string;
}

export interface NewToken extends HeldToken {
  readonly name: string;
  readonly allowedAddresses: readonly string[] | undefined;
  /** Seconds; null: it has no end. */
  readonly expiresAt: number | null;
  readonly actor: string;
}

export interface StoredToken extends HeldToken {
  readonly id: string;
  readonly name: string;
  readonly allowedAddresses: readonly string[] | undefined;
  /** Seconds, as all times here. */
  readonly createdAt: number;
  readonly createdBy: string;
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
  readonly lastUsedAddress: string | null;
  readonly lastUsedVia: string | null;
  readonly rotatedTo: string | null;
  /** Undefined while it has not been ended; it may have run out all the same. */
  readonly ended: { readonly at: number; readonly reason: Reason } | undefined;
}

/** Where a token stands in a list: the newest first. */
export interface TokenPlace {
  readonly createdAt: number;
  readonly id: string;
}

export interface TokenFilter extends TokenOwner {
  readonly active?: boolean | undefined;
}

export interface Made {
  readonly token: StoredToken;
  /** Its text, which is stored nowhere. */
  readonly text: string;
}

export interface ScriptTokensOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

export class ScriptTokens {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #randomBytes: RandomBytes;

  constructor({ storage, clock, randomBytes }: ScriptTokensOptions) {
    this.#storage = storage;
    this.#clock = clock;
    this.#randomBytes = randomBytes;
  }

  /** By its text. One statement for whatever is found, so that time says nothing of it. */
  async resolve(text: string): Promise<StoredToken | undefined> {
    const row = await tokens(this.#storage.read).where("token_hash", "=", hashOf(text)).executeTakeFirst();
    return row && tokenOf(row);
  }

  /** Whether it works, as far as its row says: ended by nothing, and not run out. */
  isLive({ ended, expiresAt }: Pick<StoredToken, "ended" | "expiresAt">): boolean {
    return ended === undefined && (expiresAt === null || expiresAt > wholeSeconds(this.#clock));
  }

  /** In the transaction that has locked its owner. Throws `too_many_tokens`. */
  async add(transaction: WriteTransaction, wanted: NewToken): Promise<Made> {
    await this.#assertRoom(transaction, wanted);
    return this.#insert(transaction, wanted, newIdentifier(this.#randomBytes));
  }

  /**
   * Puts a new token in the place of another, which works until `worksUntil`, or its own end if that comes first. Undefined: it has ended.
   * Throws `token_over`, and `too_many_tokens` when both would work.
   */
  async replace(
    transaction: WriteTransaction,
    before: StoredToken,
    { wanted, worksUntil }: { readonly wanted: NewToken; readonly worksUntil: number | undefined },
  ): Promise<Made> {
    const id = newIdentifier(this.#randomBytes);
    if (worksUntil !== undefined) await this.#assertRoom(transaction, wanted);
    await this.#retire(transaction, before.id, { rotatedTo: id, worksUntil });
    return this.#insert(transaction, wanted, id);
  }

  async #insert(transaction: WriteTransaction, wanted: NewToken, id: string): Promise<Made> {
    const text = encodeOpaqueToken(wanted.kind, this.#randomBytes(OPAQUE_TOKEN_SECRET_BYTES));
    const { allowedAddresses } = wanted;
    await transaction.db
      .insertInto("script_tokens")
      .values({
        id,
        token_hash: hashOf(text),
        kind: wanted.kind,
        owner_id: wanted.ownerId,
        name: wanted.name,
        api: wanted.api,
        api_edition: wanted.apiEdition,
        permissions: JSON.stringify(wanted.permissions),
        allowed_addresses: allowedAddresses === undefined ? null : JSON.stringify(allowedAddresses),
        created_at: wholeSeconds(this.#clock),
        created_by: wanted.actor,
        expires_at: wanted.expiresAt,
        horizon: sql<number>`(select head from revocation_state)`,
      })
      .execute();
    return { token: await this.find(transaction.db, { ...wanted, id }), text };
  }

  async #assertRoom({ db }: WriteTransaction, { kind, ownerId }: TokenOwner): Promise<void> {
    const beyond = await db
      .selectFrom("script_tokens")
      .select("id")
      .where(matching({ kind, ownerId, active: true }, wholeSeconds(this.#clock)))
      .offset(MAX_TOKENS_PER_OWNER - 1)
      .limit(1)
      .executeTakeFirst();
    if (beyond !== undefined) throw tokensError("too_many_tokens");
  }

  /** Throws `unknown_token`, also for one of another owner. */
  async find(
    db: Kysely<Database>,
    { kind, ownerId, id }: TokenOwner & { readonly id: string },
  ): Promise<StoredToken> {
    const row = await tokens(db)
      .where("id", "=", id)
      .where("owner_id", "=", ownerId)
      .where("kind", "=", kind)
      .executeTakeFirst();
    if (row !== undefined) return tokenOf(row);
    throw tokensError("unknown_token", {
      text: `Found ${JSON.stringify(id)}, and there is no such token of this owner. Nothing was changed.`,
    });
  }

  /** One statement: of any number of rotations at once, one finds that it is to do. */
  async #retire(
    { db }: WriteTransaction,
    id: string,
    { rotatedTo, worksUntil }: { readonly rotatedTo: string; readonly worksUntil: number | undefined },
  ): Promise<void> {
    const now = wholeSeconds(this.#clock);
    const over =
      worksUntil === undefined
        ? { ended_at: now, end_reason: "replaced" as const }
        : { expires_at: earlier(worksUntil) };
    const { numUpdatedRows } = await db
      .updateTable("script_tokens")
      .set({ rotated_to: rotatedTo, ...over })
      .where("id", "=", id)
      .where("rotated_to", "is", null)
      .where(live(now))
      .executeTakeFirstOrThrow();
    if (numUpdatedRows !== 1n) throw tokensError("token_over");
  }

  /** The newest first. */
  async list(filter: TokenFilter, after: TokenPlace | undefined, limit: number): Promise<StoredToken[]> {
    const rows = await tokens(this.#storage.read)
      .where(matching(filter, wholeSeconds(this.#clock)))
      .where(behind(after))
      .orderBy("created_at", "desc")
      .orderBy("id")
      .limit(limit)
      .execute();
    return rows.map(tokenOf);
  }

  async count(filter: TokenFilter): Promise<number> {
    const { count } = await this.#storage.read
      .selectFrom("script_tokens")
      .select(({ fn }) => fn.countAll().as("count"))
      .where(matching(filter, wholeSeconds(this.#clock)))
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  /** A step of pruning: what was over long ago, for every server. Gives the number of rows. */
  readonly prune = async ({ db }: WriteTransaction, limit: number, time: PruneTime): Promise<number> => {
    const over = Math.floor(time.overForAllMs / 1000) - KEPT_SECONDS;
    const old = db
      .selectFrom("script_tokens")
      .select("id")
      .where((eb) => eb.or([eb("expires_at", "<=", over), eb("ended_at", "<=", over)]))
      .limit(limit);
    return countDeleted(db.deleteFrom("script_tokens").where("id", "in", old));
  };
}

/** What is kept of a user's tokens once the user is deleted: that they have ended, and why. */
export async function forgetTokens({ db }: WriteTransaction, ownerId: string): Promise<void> {
  await db
    .updateTable("script_tokens")
    .set({ name: "", allowed_addresses: null, last_used_address: null })
    .where("owner_id", "=", ownerId)
    .where("kind", "=", "personal")
    .execute();
}

/** Than what a row has; none is later than any. */
const earlier = (seconds: number) =>
  sql<number>`case when expires_at is null or expires_at > ${seconds} then cast(${seconds} as bigint) else expires_at end`;

const hashOf = (text: string): Uint8Array => createHash("sha256").update(text).digest();

const tokens = (db: Kysely<Database>) =>
  db
    .selectFrom("script_tokens")
    .selectAll("script_tokens")
    .select([CUT_REASON.as("cut_reason"), CUT_AT.as("cut_at")]);

type Where = (eb: ExpressionBuilder<Database, "script_tokens">) => Expression<SqlBool>;

const live =
  (now: number): Where =>
  (eb) =>
    eb.and([
      eb("script_tokens.ended_at", "is", null),
      eb.or([eb("script_tokens.expires_at", "is", null), eb("script_tokens.expires_at", ">", now)]),
      sql<boolean>`not ${IS_CUT_OFF}`,
    ]);

const matching =
  ({ kind, ownerId, active }: TokenFilter, now: number): Where =>
  (eb) =>
    eb.and([
      eb("script_tokens.owner_id", "=", ownerId),
      eb("script_tokens.kind", "=", kind),
      ...(active === undefined ? [] : [active ? live(now)(eb) : eb.not(live(now)(eb))]),
    ]);

const behind =
  (place: TokenPlace | undefined): Where =>
  (eb) =>
    place === undefined
      ? eb.and([])
      : eb.or([
          eb("script_tokens.created_at", "<", place.createdAt),
          eb.and([
            eb("script_tokens.created_at", "=", place.createdAt),
            eb("script_tokens.id", ">", place.id),
          ]),
        ]);

type TokenRow = Selectable<ScriptTokensTable> & {
  readonly cut_reason: Reason | null;
  readonly cut_at: number | null;
};

const tokenOf = (row: TokenRow): StoredToken => ({
  id: row.id,
  kind: row.kind,
  ownerId: row.owner_id,
  name: row.name,
  api: row.api,
  apiEdition: row.api_edition,
  permissions: JSON.parse(row.permissions),
  allowedAddresses: row.allowed_addresses === null ? undefined : JSON.parse(row.allowed_addresses),
  createdAt: row.created_at,
  createdBy: row.created_by,
  expiresAt: row.expires_at,
  lastUsedAt: row.last_used_at,
  lastUsedAddress: row.last_used_address,
  lastUsedVia: row.last_used_via,
  rotatedTo: row.rotated_to,
  ended: endOf(row),
});

function endOf({ ended_at, end_reason, cut_at, cut_reason }: TokenRow): StoredToken["ended"] {
  if (ended_at !== null && end_reason !== null) return { at: ended_at, reason: end_reason };
  return cut_at === null || cut_reason === null ? undefined : { at: cut_at, reason: cut_reason };
}
