import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** Keys of several algorithms. Columns are described in storage/tables/keys.ts. Until then all were of one. */
export const addKeyAlgorithms: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    await schema
      .alterTable("oidc_signing_keys")
      .addColumn("algorithm", "text", (column) => column.notNull().defaultTo("ES256"))
      .execute();
  },
};
