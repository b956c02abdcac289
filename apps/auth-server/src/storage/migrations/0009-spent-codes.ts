import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Columns are described in storage/tables/oidc.ts. What was made from a code can live for weeks; the code itself lives for a minute. */
export const addSpentCodes: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    await schema
      .createTable("oidc_spent_codes")
      .addColumn("id_hash", "blob", (column) => column.primaryKey().check(sql`length(id_hash) = 32`))
      .addColumn("grant_id", "text", (column) =>
        column.notNull().references("oidc_grants.id").onDelete("cascade"),
      )
      .addColumn("client_id", "text", (column) => column.notNull())
      .addColumn("code_challenge", "text", (column) => column.notNull())
      .addColumn("spent_at", "integer", (column) => column.notNull())
      .modifyEnd(sql`strict`)
      .execute();
    await schema
      .createIndex("oidc_spent_codes_by_grant_id_spent_at")
      .on("oidc_spent_codes")
      .columns(["grant_id", "spent_at"])
      .execute();
  },
};
