import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** Consents that decline something or end by themselves, and which edition of an API one is for. Columns are described in storage/tables/. */
export const addGranularConsents: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    const nothing = JSON.stringify({ scopes: [], claims: [], resources: {} });
    await schema
      .alterTable("oidc_consents")
      .addColumn("declined", "text", (column) => column.notNull().defaultTo(nothing))
      .execute();
    await schema.alterTable("oidc_grants").addColumn("expires_at", "integer").execute();
    await schema
      .alterTable("apis")
      .addColumn("edition", "integer", (column) => column.notNull().defaultTo(0))
      .execute();
    await schema
      .alterTable("apis")
      .addColumn("permission_editions", "text", (column) => column.notNull().defaultTo("{}"))
      .execute();
    await schema
      .alterTable("deleted_apis")
      .addColumn("edition", "integer", (column) => column.notNull().defaultTo(0))
      .execute();
  },
};
