/** The keys in SQL, which are the truth. Whoever changes one holds the row of the ring until the commit. */
import type { SigningKeyEntry } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database } from "../storage/database.ts";
import type { KeyStatus, SigningKeysTable } from "../storage/tables/keys.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import { makeSigningKey, publicPartOf, SIGNING_ALGORITHM, type SigningKey } from "./signing-key.ts";

/** Why a key was retired that nobody has reason to refuse: its tokens had ended. */
export const ROTATED = "rotated";

export interface RingRows {
  readonly revision: number;
  /** Active and retiring, the active one first. */
  readonly keys: readonly { readonly status: KeyStatus; readonly key: SigningKey }[];
  /** Of all that there ever were. */
  readonly kids: ReadonlySet<string>;
}

export async function readRing(read: Kysely<Database>): Promise<RingRows> {
  // First: what changes after it is found by the next who compares.
  const revision = await readRevision(read);
  const rows = await read
    .selectFrom("oidc_signing_keys")
    .select(["kid", "jwk", "status"])
    .orderBy("status")
    .orderBy("created_at", "desc")
    .orderBy("kid")
    .execute();
  const keys = rows
    .filter(({ status }) => status !== "retired")
    .map(({ status, jwk }) => ({ status, key: JSON.parse(jwk) as SigningKey }));
  return { revision, keys, kids: new Set(rows.map(({ kid }) => kid)) };
}

/** For administrators: all that there ever were, without what signs. */
export async function listKeys(read: Kysely<Database>): Promise<SigningKeyEntry[]> {
  const rows = await read
    .selectFrom("oidc_signing_keys")
    .selectAll()
    .orderBy("created_at", "desc")
    .orderBy("kid")
    .execute();
  return STATUSES.flatMap((status) => rows.filter((row) => row.status === status)).map(entryOf);
}

const STATUSES: readonly KeyStatus[] = ["active", "retiring", "retired"];

function entryOf(row: SigningKeysTable): SigningKeyEntry {
  const { kid, status, created_at, published_until, retired_at, retired_reason, retired_by } = row;
  return {
    kid,
    algorithm: SIGNING_ALGORITHM,
    status,
    createdAt: timeText(created_at),
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

export async function addSigningKey({ db }: WriteTransaction, createdAt: number): Promise<string> {
  const key = makeSigningKey();
  await db
    .insertInto("oidc_signing_keys")
    .values({
      kid: key.kid,
      jwk: JSON.stringify(key),
      created_at: createdAt,
      status: "active",
      published_until: null,
      retired_at: null,
      retired_reason: null,
      retired_by: null,
    })
    .execute();
  return key.kid;
}

export async function activeKid({ db }: WriteTransaction): Promise<string | undefined> {
  const row = await db
    .selectFrom("oidc_signing_keys")
    .select("kid")
    .where("status", "=", "active")
    .executeTakeFirst();
  return row?.kid;
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
