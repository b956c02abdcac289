import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** The log, its state, and the verifiers that follow it. Columns are described in storage/tables/revocations.ts. */
export const createRevocations: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable("revocations")
      .addColumn("seq", "integer", (column) => column.primaryKey())
      .addColumn("scope", "integer", (column) => column.notNull())
      .addColumn("mode", "integer", (column) => column.notNull())
      .addColumn("reason", "integer", (column) => column.notNull())
      .addColumn("key", "blob", (column) => column.notNull().check(sql`length(key) = 16`))
      .addColumn("key_text", "text")
      .addColumn("revoked_at", "integer", (column) => column.notNull())
      .addColumn("expires_at", "integer", (column) => column.notNull())
      .addColumn("token_expires_at", "integer")
      .addColumn("actor", "text")
      .addColumn("note", "text")
      .modifyEnd(sql`strict`)
      .execute();
    await db.schema
      .createTable("revocation_state")
      .addColumn("id", "integer", (column) => column.primaryKey().check(sql`id = 1`))
      .addColumn("incarnation", "text", (column) => column.notNull())
      .addColumn("head", "integer", (column) => column.notNull().check(sql`head >= 0`))
      .addColumn("hash_key", "blob", (column) => column.notNull().check(sql`length(hash_key) = 32`))
      .modifyEnd(sql`strict`)
      .execute();
    await db.schema
      .createTable("replicas")
      .addColumn("client_id", "text", (column) => column.notNull())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("lease_ms", "integer", (column) => column.notNull())
      .addPrimaryKeyConstraint("replicas_key", ["client_id", "name"])
      .modifyEnd(sql`strict`)
      .execute();
  },
};
