import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Who administers, and the links by which the first administrator is made. Columns are described in storage/tables/roles.ts. */
export const addRoles: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    await schema
      .createTable("user_roles")
      .addColumn("user_id", "text", (column) => column.notNull())
      .addColumn("role", "text", (column) => column.notNull())
      .addColumn("given_at", "integer", (column) => column.notNull())
      .addColumn("given_by", "text")
      .addPrimaryKeyConstraint("user_roles_pair", ["user_id", "role"])
      .modifyEnd(sql`strict`)
      .execute();
    await schema.createIndex("user_roles_by_role").on("user_roles").columns(["role", "user_id"]).execute();
    await schema
      .createTable("admin_invitations")
      .addColumn("token_hash", "blob", (column) => column.primaryKey().check(sql`length(token_hash) = 32`))
      .addColumn("created_at", "integer", (column) => column.notNull())
      .addColumn("expires_at", "integer", (column) => column.notNull())
      .modifyEnd(sql`strict`)
      .execute();
  },
};
