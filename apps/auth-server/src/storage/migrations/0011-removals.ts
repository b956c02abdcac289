import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/**
 * What was taken out of the configuration file, and which grants have ended. Columns are described in storage/tables/oidc.ts
 * and storage/tables/people.ts. Whoever is there already came from the file: nothing else could make one.
 */
export const addRemovals: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    await schema
      .alterTable("oidc_clients")
      .addColumn("origin", "text", (column) => column.notNull().defaultTo("file"))
      .execute();
    await schema.alterTable("oidc_clients").addColumn("removed_at", "integer").execute();
    await schema
      .alterTable("users")
      .addColumn("origin", "text", (column) => column.notNull().defaultTo("file"))
      .execute();
    await schema.createIndex("users_by_email").on("users").expression(sql`lower(email)`).execute();
    await schema
      .createTable("oidc_ended_grants")
      .addColumn("id", "text", (column) => column.primaryKey().check(sql`length(id) = 22`))
      .addColumn("session_uid", "text", (column) => column.notNull())
      .addColumn("account_id", "text", (column) => column.notNull())
      .addColumn("client_id", "text", (column) => column.notNull())
      .addColumn("ended_at", "integer", (column) => column.notNull())
      .modifyEnd(sql`strict`)
      .execute();
    await schema
      .createIndex("oidc_ended_grants_by_session")
      .on("oidc_ended_grants")
      .column("session_uid")
      .execute();
  },
};
