import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Columns are described in storage/tables/bans.ts. */
export const addBans: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    await schema
      .createTable("bans")
      .addColumn("id", "text", (column) => column.primaryKey().check(sql`length(id) = 22`))
      .addColumn("user_id", "text", (column) => column.notNull())
      .addColumn("api", "text")
      .addColumn("permission", "text")
      .addColumn("reason", "text", (column) => column.notNull())
      .addColumn("message", "text")
      .addColumn("until", "integer")
      .addColumn("created_at", "integer", (column) => column.notNull())
      .addColumn("created_by", "text", (column) => column.notNull())
      .addColumn("lifted_at", "integer")
      .addColumn("lifted_by", "text")
      .addColumn("is_over", "integer", (column) => column.notNull().defaultTo(0))
      .modifyEnd(sql`strict`)
      .execute();
    await schema.createIndex("bans_by_user_id").on("bans").columns(["user_id", "created_at", "id"]).execute();
    await schema.createIndex("bans_by_is_over_until").on("bans").columns(["is_over", "until"]).execute();
    await schema.createIndex("bans_by_created_at").on("bans").columns(["created_at", "id"]).execute();
  },
};
