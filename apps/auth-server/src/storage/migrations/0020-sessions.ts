import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

// A migration sees the tables as they were when it was written, whatever they are now.
// biome-ignore lint/suspicious/noExplicitAny: there is no type for tables of the past
type AnyTables = any;

const DAY_SECONDS = 24 * 60 * 60;

/**
 * What people and operators see of a session, how long sessions live, and how many there may be. Columns are described in
 * storage/tables/oidc.ts and storage/tables/sessions.ts. Sessions of before stay idle for as long as they could until now.
 */
export const addSessions: Migration = {
  async up(db: Kysely<AnyTables>): Promise<void> {
    await addColumns(db);
    await createPolicies(db);
    await createReplacedHandles(db);
    await db
      .updateTable("oidc_sessions")
      .set({ auth_time: sql`created_at` })
      .where("account_id", "is not", null)
      .execute();
  },
};

async function addColumns({ schema }: Kysely<AnyTables>): Promise<void> {
  for (const column of ["address", "device_name", "device_type", "amr", "replaced_by"])
    await schema.alterTable("oidc_sessions").addColumn(column, "text").execute();
  await schema.alterTable("oidc_sessions").addColumn("auth_time", "integer").execute();
  for (const columns of [["created_at", "uid"], ["last_seen_at"]])
    await schema
      .createIndex(`oidc_sessions_by_${columns.join("_")}`)
      .on("oidc_sessions")
      .columns(columns)
      .execute();
}

async function createPolicies(db: Kysely<AnyTables>): Promise<void> {
  await db.schema
    .createTable("policies")
    .addColumn("name", "text", (column) => column.primaryKey())
    .addColumn("idle_seconds", "integer", (column) => column.notNull())
    .addColumn("absolute_seconds", "integer", (column) => column.notNull())
    .addColumn("limit_max", "integer")
    .addColumn("limit_per", "text")
    .addColumn("limit_overflow", "text")
    .addColumn("revision", "integer", (column) => column.notNull())
    .addColumn("changed_at", "integer")
    .modifyEnd(sql`strict`)
    .execute();
  await db
    .insertInto("policies")
    .values({
      name: "default",
      idle_seconds: 14 * DAY_SECONDS,
      absolute_seconds: 90 * DAY_SECONDS,
      revision: 1,
    })
    .execute();
}

async function createReplacedHandles({ schema }: Kysely<AnyTables>): Promise<void> {
  await schema
    .createTable("replaced_handles")
    .addColumn("id_hash", "blob", (column) => column.primaryKey().check(sql`length(id_hash) = 32`))
    .addColumn("session_uid", "text", (column) => column.notNull())
    .modifyEnd(sql`strict`)
    .execute();
  await schema
    .createIndex("replaced_handles_by_session_uid")
    .on("replaced_handles")
    .column("session_uid")
    .execute();
}
