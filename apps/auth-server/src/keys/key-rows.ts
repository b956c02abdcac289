/** The keys in SQL, which are the truth. Whoever changes one holds the row of the ring until the commit. */
import type { SigningKeyEntry } from "@portcullis/protocol";
import { type ExpressionBuilder, type Kysely, type RawBuilder, sql } from "kysely";
import type { Database } from "../storage/database.ts";
import type { KeyStatus, SigningKeysTable } from "../storage/tables/keys.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import { makeSigningKey, publicPartOf, SIGNING_ALGORITHM, type SigningKey } from "./signing-key.ts";

/** Why a key was retired that nobody has reason to refuse: its tokens had ended. */
export const ROTATED = "rotated";

export interface RingRows {
  readonly revision: number;
  /** What is published: the active one first, then the next, then those that retire. */
  readonly keys: readonly RingRow[];
  /** Of all that there ever were. */
  readonly kids: ReadonlySet<string>;
}

export interface RingRow {
  readonly status: KeyStatus;
  readonly key: SigningKey;
  /** Seconds. */
  readonly publishedAt: number;
}

export async function readRing(read: Kysely<Database>): Promise<RingRows> {
  // First: what changes after it is found by the next who compares.
  const revision = await readRevision(read);
  const rows = await read
    .selectFrom("oidc_signing_keys")
    .select(["kid", "jwk", "status", "created_at"])
    .orderBy("created_at", "desc")
    .orderBy("kid")
    .execute();
  const keys = PUBLISHED.flatMap((published) => rows.filter(({ status }) => status === published)).map(
    ({ status, jwk, created_at: publishedAt }) => ({
      status,
      publishedAt,
      key: JSON.parse(jwk) as SigningKey,
    }),
  );
  return { revision, keys, kids: new Set(rows.map(({ kid }) => kid)) };
}

/** Where a key stands in the list of all: by status, then the newest first. */
export type KeyPlace = Pick<SigningKeyEntry, "status" | "createdAt" | "kid">;

/** For administrators: of all that there ever were, at most `limit` behind `after`, without what signs. */
export async function listKeys(
  read: Kysely<Database>,
  after: KeyPlace | undefined,
  limit: number,
): Promise<SigningKeyEntry[]> {
  const rank = sql<number>`case status when 'active' then 0 when 'next' then 1 when 'retiring' then 2 else 3 end`;
  const rows = await read
    .selectFrom("oidc_signing_keys")
    .selectAll()
    .$if(after !== undefined, (query) => query.where((builder) => isBehind(builder, rank, after!)))
    .orderBy(rank)
    .orderBy("created_at", "desc")
    .orderBy("kid")
    .limit(limit)
    .execute();
  return rows.map(entryOf);
}

function isBehind(
  { and, eb, or }: ExpressionBuilder<Database, "oidc_signing_keys">,
  rank: RawBuilder<number>,
  { status, createdAt, kid }: KeyPlace,
) {
  const [at, second] = [STATUSES.indexOf(status), Math.floor(Date.parse(createdAt) / 1000)];
  return or([
    eb(rank, ">", at),
    and([eb(rank, "=", at), eb("created_at", "<", second)]),
    and([eb(rank, "=", at), eb("created_at", "=", second), eb("kid", ">", kid)]),
  ]);
}

export async function countKeys(read: Kysely<Database>): Promise<number> {
  const { count } = await read
    .selectFrom("oidc_signing_keys")
    .select(({ fn }) => fn.countAll<number | string>().as("count"))
    .executeTakeFirstOrThrow();
  return Number(count);
}

const PUBLISHED: readonly KeyStatus[] = ["active", "next", "retiring"];
/** In the order of the list. */
const STATUSES: readonly KeyStatus[] = [...PUBLISHED, "retired"];

function entryOf(row: SigningKeysTable): SigningKeyEntry {
  const { kid, status, created_at, published_until, retired_at, retired_reason, retired_by } = row;
  return {
    kid,
    algorithm: SIGNING_ALGORITHM,
    status,
    createdAt: timeText(created_at),
    ...(status === "retired" ? {} : { publishedSince: timeText(created_at) }),
    ...(published_until === null ? {} : { publishedUntil: timeText(published_until) }),
    ...(retired_at === null ? {} : { retiredAt: timeText(retired_at) }),
    ...(retired_reason === null ? {} : { retiredReason: retired_reason }),
    ...(retired_by === null ? {} : { retiredBy: retired_by }),
  };
}

const timeText = (seconds: number): string => new Date(seconds * 1000).toISOString();

export async function readRevision(read: Kysely<Database>): Promise<number> {
  const { revision } = await read.selectFrom("oidc_key_ring").select("revision").executeTakeFirstOrThrow();
  return revision;
}

/** Before anything of a ring is read that is to be changed: what is read after it stays so until the commit. */
export async function lockRing({ db, lockRows }: WriteTransaction): Promise<void> {
  await lockRows(db.selectFrom("oidc_key_ring").select("id")).execute();
  await db
    .updateTable("oidc_key_ring")
    .set(({ eb }) => ({ revision: eb("revision", "+", 1) }))
    .execute();
}

export interface CompletedRing {
  /** The key that signs from now on; absent when one did, and still does. */
  readonly promoted?: PromotedKey;
  /** The next one, if it was made. */
  readonly made?: string;
}

export interface PromotedKey {
  readonly kid: string;
  /** Seconds. `at` for one that was made in the same act, since there was no next one. */
  readonly publishedAt: number;
}

/**
 * Leaves one key that signs and one that is next, whatever stood before. What signs is the one that verifiers had time to
 * learn of, and its successor is published in the same transaction.
 */
export async function completeRing(transaction: WriteTransaction, at: number): Promise<CompletedRing> {
  const isSigning = (await findKey(transaction, "active")) !== undefined;
  const promoted = isSigning ? undefined : await promote(transaction, at);
  const hasNext = (await findKey(transaction, "next")) !== undefined;
  const made = hasNext ? undefined : await addSigningKey(transaction, "next", at);
  return {
    ...(promoted === undefined ? {} : { promoted }),
    ...(made === undefined ? {} : { made }),
  };
}

async function promote(transaction: WriteTransaction, at: number): Promise<PromotedKey> {
  const next = await findKey(transaction, "next");
  if (next === undefined) return { kid: await addSigningKey(transaction, "active", at), publishedAt: at };
  await transaction.db
    .updateTable("oidc_signing_keys")
    .set({ status: "active" })
    .where("kid", "=", next.kid)
    .execute();
  return next;
}

async function addSigningKey(
  { db }: WriteTransaction,
  status: "active" | "next",
  createdAt: number,
): Promise<string> {
  const key = makeSigningKey();
  await db
    .insertInto("oidc_signing_keys")
    .values({
      kid: key.kid,
      jwk: JSON.stringify(key),
      created_at: createdAt,
      status,
      published_until: null,
      retired_at: null,
      retired_reason: null,
      retired_by: null,
    })
    .execute();
  return key.kid;
}

function findKey({ db }: WriteTransaction, status: "active" | "next"): Promise<PromotedKey | undefined> {
  return db
    .selectFrom("oidc_signing_keys")
    .select(["kid", "created_at as publishedAt"])
    .where("status", "=", status)
    .executeTakeFirst();
}

export async function isOurs({ db }: WriteTransaction, kid: string): Promise<boolean> {
  const row = await db
    .selectFrom("oidc_signing_keys")
    .select("kid")
    .where("kid", "=", kid)
    .executeTakeFirst();
  return row !== undefined;
}

export interface Retirement {
  readonly kid: string;
  readonly at: number;
  readonly reason: string;
  readonly by?: string | undefined;
}

/** Once for each reason. Its private part goes with it: nothing that is read here later can sign with it. */
export async function markRetired({ db }: WriteTransaction, retirement: Retirement): Promise<void> {
  const { kid, at, reason, by = null } = retirement;
  const row = await db
    .selectFrom("oidc_signing_keys")
    .select(["jwk", "retired_reason"])
    .where("kid", "=", kid)
    .executeTakeFirst();
  if (row === undefined || (row.retired_reason !== null && row.retired_reason !== ROTATED)) return;
  await db
    .updateTable("oidc_signing_keys")
    .set({
      status: "retired",
      jwk: JSON.stringify(publicPartOf(JSON.parse(row.jwk))),
      published_until: null,
      retired_at: at,
      retired_reason: reason,
      retired_by: by,
    })
    .where("kid", "=", kid)
    .execute();
}
