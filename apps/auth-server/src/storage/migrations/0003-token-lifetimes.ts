import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Columns are described in storage/tables/revocations.ts. */
export const createTokenLifetimes: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    await schema
      .createTable("token_lifetimes")
      .addColumn("seconds", "integer", (column) => column.primaryKey())
      .addColumn("until", "integer")
      .modifyEnd(sql`strict`)
      .execute();
  },
};
