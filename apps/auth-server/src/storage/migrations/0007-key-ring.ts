import { createHmac } from "node:crypto";
import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

// A migration sees the tables as they were when it was written, whatever they are now.
// biome-ignore lint/suspicious/noExplicitAny: there is no type for tables of the past
type AnyTables = any;

const KEY = 9;
const DPOP_KEY = 10;
const KILL = 1;
const KEY_RETIRED = 11;
const KEY_BYTES = 16;
/** Of a key beside the one that signs; the released version never made one. Longer than any token of then. */
const TWO_DAYS_SECONDS = 2 * 24 * 60 * 60;

/**
 * The states of signing keys, and the refusals that stand for good. Columns are described in storage/tables/keys.ts and
 * storage/tables/revocations.ts.
 *
 * Before, the record of a revoked key was pruned while the key signed on. What is still in the log is taken over. Where
 * the log was pruned, a key's record may have been among it and nobody can tell: no key of then is vouched for, and all are
 * retired. Their records are appended in the usual way when the server starts, since `expires_at` says that there is none.
 */
export const addKeyRing: Migration = {
  async up(db: Kysely<AnyTables>): Promise<void> {
    await createTables(db);
    await refuseWhatTheLogRefuses(db);
    const state = await db
      .selectFrom("revocation_state")
      .select(["anchor_seq", "hash_key"])
      .executeTakeFirst();
    for (const { kid } of await keysIn(db)) {
      const isRevoked = await isRefused(db, kid);
      if (isRevoked) await retire(db, kid, "revoked");
      else if (state !== undefined && Number(state.anchor_seq) > 0) {
        await retire(db, kid, "unvouched");
        await refuse(db, kid, state.hash_key);
      }
    }
    await leaveOneActive(db);
  },
};

async function createTables(db: Kysely<AnyTables>): Promise<void> {
  const { schema } = db;
  const keys = () => schema.alterTable("oidc_signing_keys");
  await keys()
    .addColumn("status", "text", (column) => column.notNull().defaultTo("active"))
    .execute();
  for (const time of ["published_until", "retired_at"] as const)
    await keys().addColumn(time, "integer").execute();
  for (const text of ["retired_reason", "retired_by"] as const)
    await keys().addColumn(text, "text").execute();
  await schema
    .createTable("oidc_key_ring")
    .addColumn("id", "integer", (column) => column.primaryKey().check(sql`id = 1`))
    .addColumn("revision", "integer", (column) => column.notNull())
    .modifyEnd(sql`strict`)
    .execute();
  await db.insertInto("oidc_key_ring").values({ id: 1, revision: 0 }).execute();
  await schema
    .createTable("standing_refusals")
    .addColumn("scope", "integer", (column) => column.notNull())
    .addColumn("key", "blob", (column) => column.notNull().check(sql`length(key) = 16`))
    .addColumn("key_text", "text")
    .addColumn("reason", "integer", (column) => column.notNull())
    .addColumn("since", "integer", (column) => column.notNull())
    .addColumn("expires_at", "integer", (column) => column.notNull())
    .addPrimaryKeyConstraint("standing_refusals_key", ["scope", "key"])
    .modifyEnd(sql`strict`)
    .execute();
  await schema
    .createIndex("standing_refusals_by_expires_at")
    .on("standing_refusals")
    .column("expires_at")
    .execute();
}

async function refuseWhatTheLogRefuses(db: Kysely<AnyTables>): Promise<void> {
  const rows = await db
    .selectFrom("revocations")
    .select(["scope", "key"])
    .select(({ fn }) => [
      fn.max("key_text").as("key_text"),
      fn.min("reason").as("reason"),
      fn.min("revoked_at").as("since"),
      fn.max("expires_at").as("expires_at"),
    ])
    .where("scope", "in", [KEY, DPOP_KEY])
    .where("mode", "=", KILL)
    .groupBy(["scope", "key"])
    .execute();
  for (const row of rows) await db.insertInto("standing_refusals").values(row).execute();
}

const keysIn = (db: Kysely<AnyTables>): Promise<{ kid: string }[]> =>
  db.selectFrom("oidc_signing_keys").select("kid").orderBy("created_at", "desc").orderBy("kid").execute();

async function isRefused(db: Kysely<AnyTables>, kid: string): Promise<boolean> {
  const row = await db
    .selectFrom("standing_refusals")
    .select("scope")
    .where("scope", "=", KEY)
    .where("key_text", "=", kid)
    .executeTakeFirst();
  return row !== undefined;
}

/** Only what is public of it stays. */
async function retire(db: Kysely<AnyTables>, kid: string, reason: string): Promise<void> {
  const { jwk } = await db
    .selectFrom("oidc_signing_keys")
    .select("jwk")
    .where("kid", "=", kid)
    .executeTakeFirstOrThrow();
  const { d: _, ...open } = JSON.parse(jwk);
  await db
    .updateTable("oidc_signing_keys")
    .set({ status: "retired", jwk: JSON.stringify(open), retired_at: now(), retired_reason: reason })
    .where("kid", "=", kid)
    .execute();
}

/** As a record of the log would name it. */
async function refuse(db: Kysely<AnyTables>, kid: string, hashKey: Uint8Array): Promise<void> {
  const key = createHmac("sha256", hashKey)
    .update(JSON.stringify(["key", kid]))
    .digest()
    .subarray(0, KEY_BYTES);
  await db
    .insertInto("standing_refusals")
    .values({ scope: KEY, key, key_text: kid, reason: KEY_RETIRED, since: now(), expires_at: 0 })
    .execute();
}

/** The newest signs, as before. */
async function leaveOneActive(db: Kysely<AnyTables>): Promise<void> {
  const [, ...others] = await db
    .selectFrom("oidc_signing_keys")
    .select("kid")
    .where("status", "=", "active")
    .orderBy("created_at", "desc")
    .orderBy("kid")
    .execute();
  for (const { kid } of others) {
    await db
      .updateTable("oidc_signing_keys")
      .set({ status: "retiring", published_until: now() + TWO_DAYS_SECONDS })
      .where("kid", "=", kid)
      .execute();
  }
}

const now = (): number => Math.floor(Date.now() / 1000);
