/** The keys in SQL, which are the truth. Whoever changes one holds the row of the ring until the commit. */
import { SIGNING_ALGORITHMS, type SigningAlgorithm, type SigningKeyEntry } from "@portcullis/protocol";
import { type ExpressionBuilder, type Kysely, type RawBuilder, type Selectable, sql } from "kysely";
import { type Names, namesOf } from "../names/names-of.ts";
import type { Database } from "../storage/database.ts";
import type { KeyStatus, SigningKeysTable } from "../storage/tables/keys.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import { type KeyMaker, publicPartOf, type SigningKey } from "./signing-key.ts";

/** Why a key was retired that nobody has reason to refuse: its tokens had ended. */
export const ROTATED = "rotated";

export interface RingRows {
  readonly revision: number;
  /**
   * What is published: the active ones first, then the next, then those that retire, and within each the algorithm first that
   * is always there. Whoever takes the first key of a JWKS gets the one that always was the first.
   */
  readonly keys: readonly RingRow[];
  /** Of all that there ever were. */
  readonly kids: ReadonlyMap<string, SigningAlgorithm>;
}

export interface RingRow {
  readonly algorithm: SigningAlgorithm;
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
    .select(["kid", "algorithm", "jwk", "status", "created_at"])
    .orderBy("created_at", "desc")
    .orderBy("kid")
    .execute();
  const kids = new Map(rows.map(({ kid, algorithm }) => [kid, algorithm]));
  return { revision, keys: PLACES.flatMap((place) => rows.filter(standsAt(place)).map(ringRowOf)), kids };
}

type RingPlace = Pick<SigningKeysTable, "algorithm" | "status">;

const standsAt =
  (place: Pick<RingRow, "algorithm" | "status">) =>
  ({ algorithm, status }: Selectable<RingPlace>): boolean =>
    algorithm === place.algorithm && status === place.status;

type KeyRow = Selectable<Pick<SigningKeysTable, "algorithm" | "status" | "jwk" | "created_at">>;

const ringRowOf = ({ algorithm, status, jwk, created_at: publishedAt }: KeyRow): RingRow => ({
  algorithm,
  status,
  publishedAt,
  key: JSON.parse(jwk),
});

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
  const names = await namesOf(
    read,
    rows.map(({ retired_by }) => retired_by),
  );
  return rows.map((row) => entryOf(row, names));
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
/** In the order of the JWKS. */
const PLACES = PUBLISHED.flatMap((status) => SIGNING_ALGORITHMS.map((algorithm) => ({ algorithm, status })));

function entryOf(row: Selectable<SigningKeysTable>, names: Names): SigningKeyEntry {
  const { kid, algorithm, status, created_at, published_until, retired_at, retired_reason, retired_by } = row;
  return {
    kid,
    algorithm,
    status,
    createdAt: timeText(created_at),
    ...(status === "retired" ? {} : { publishedSince: timeText(created_at) }),
    ...(published_until === null ? {} : { publishedUntil: timeText(published_until) }),
    ...(retired_at === null ? {} : { retiredAt: timeText(retired_at) }),
    ...(retired_reason === null ? {} : { retiredReason: retired_reason }),
    ...(retired_by === null ? {} : { retiredBy: retired_by }),
    ...(names.has(retired_by ?? "") ? { retiredByName: names.get(retired_by ?? "") } : {}),
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

export interface Completion {
  readonly algorithm: SigningAlgorithm;
  /** Seconds. */
  readonly at: number;
  readonly maker: KeyMaker;
}

/**
 * Leaves one key of the algorithm that signs and one that is next, whatever stood before. What signs is the one that verifiers had time to
 * learn of, and its successor is published in the same transaction.
 */
export async function completeRing(
  transaction: WriteTransaction,
  completion: Completion,
): Promise<CompletedRing> {
  const { algorithm } = completion;
  const isSigning = (await findKey(transaction, { algorithm, status: "active" })) !== undefined;
  const promoted = isSigning ? undefined : await promote(transaction, completion);
  const hasNext = (await findKey(transaction, { algorithm, status: "next" })) !== undefined;
  const made = hasNext ? undefined : await addSigningKey(transaction, "next", completion);
  return {
    ...(promoted === undefined ? {} : { promoted }),
    ...(made === undefined ? {} : { made }),
  };
}

async function promote(transaction: WriteTransaction, completion: Completion): Promise<PromotedKey> {
  const { algorithm, at } = completion;
  const next = await findKey(transaction, { algorithm, status: "next" });
  if (next === undefined)
    return { kid: await addSigningKey(transaction, "active", completion), publishedAt: at };
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
  { algorithm, at, maker }: Completion,
): Promise<string> {
  const key = await maker.take(algorithm);
  await db
    .insertInto("oidc_signing_keys")
    .values({
      kid: key.kid,
      algorithm,
      jwk: JSON.stringify(key),
      created_at: at,
      status,
      published_until: null,
      retired_at: null,
      retired_reason: null,
      retired_by: null,
    })
    .execute();
  return key.kid;
}

function findKey(
  { db }: WriteTransaction,
  { algorithm, status }: Pick<RingRow, "algorithm" | "status">,
): Promise<PromotedKey | undefined> {
  return db
    .selectFrom("oidc_signing_keys")
    .select(["kid", "created_at as publishedAt"])
    .where("algorithm", "=", algorithm)
    .where("status", "=", status)
    .executeTakeFirst();
}

/** Of a key of ours, in whatever state; undefined for one that is not. */
export async function algorithmOf(
  { db }: WriteTransaction,
  kid: string,
): Promise<SigningAlgorithm | undefined> {
  const row = await db
    .selectFrom("oidc_signing_keys")
    .select("algorithm")
    .where("kid", "=", kid)
    .executeTakeFirst();
  return row?.algorithm;
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
