import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/**
 * What ends too much to be taken away at once. Columns are described in storage/tables/oidc.ts. Rows of before are older than
 * whatever ends from now on.
 */
export const addBulkEndings: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const { schema } = db;
    for (const table of ["oidc_grants", "oidc_sessions"])
      await schema
        .alterTable(table)
        .addColumn("horizon", "integer", (column) => column.notNull().defaultTo(0))
        .execute();
    await schema
      .createTable("oidc_bulk_endings")
      .addColumn("scope", "text", (column) => column.notNull())
      .addColumn("key", "text", (column) => column.notNull())
      .addColumn("seq", "integer", (column) => column.notNull())
      .addPrimaryKeyConstraint("oidc_bulk_endings_key", ["scope", "key"])
      .modifyEnd(sql`strict`)
      .execute();
    await sql`create index oidc_artefacts_without_grant on oidc_artefacts (client_id)
      where grant_id is null and model <> 'ReplayDetection'`.execute(db);
  },
};
