import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** APIs (resources), which were in the configuration file alone, and what is left of deleted ones. Columns are described in storage/tables/apps.ts. */
export const addApis: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    await schema
      .createTable("apis")
      .addColumn("identifier", "text", (column) => column.primaryKey().notNull())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("name_key", "text", (column) => column.notNull())
      .addColumn("permissions", "text", (column) => column.notNull())
      .addColumn("access_token_ttl_seconds", "integer", (column) => column.notNull())
      .addColumn("algorithm", "text", (column) => column.notNull())
      .addColumn("claims", "text", (column) => column.notNull())
      .addColumn("disabled_at", "integer")
      .addColumn("origin", "text", (column) => column.notNull())
      .addColumn("revision", "integer", (column) => column.notNull())
      .addColumn("created_at", "integer", (column) => column.notNull())
      .addColumn("changed_at", "integer", (column) => column.notNull())
      .modifyEnd(sql`strict`)
      .execute();
    await schema
      .createTable("deleted_apis")
      .addColumn("identifier", "text", (column) => column.primaryKey().notNull())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("deleted_at", "integer", (column) => column.notNull())
      .addColumn("deleted_by", "text", (column) => column.notNull())
      .modifyEnd(sql`strict`)
      .execute();
  },
};
