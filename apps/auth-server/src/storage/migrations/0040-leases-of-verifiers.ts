import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Whose a lease is, and verifiers that an operator suspended. Columns are described in storage/tables/revocations.ts. */
export const addLeasesOfVerifiers: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    await schema
      .alterTable("replicas")
      .addColumn("since", "integer", (column) => column.notNull().defaultTo(0))
      .execute();
    for (const column of ["secret_hash", "address"])
      await schema.alterTable("replicas").addColumn(column, "text").execute();
    await schema
      .createTable("suspended_verifiers")
      .addColumn("client_id", "text", (column) => column.notNull())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("suspended_at", "integer", (column) => column.notNull())
      .addColumn("suspended_by", "text", (column) => column.notNull())
      .addColumn("note", "text")
      .addPrimaryKeyConstraint("suspended_verifiers_key", ["client_id", "name"])
      .modifyEnd(sql`strict`)
      .execute();
  },
};
