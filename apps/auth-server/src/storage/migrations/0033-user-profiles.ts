import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** What apps may be told of a person beside the columns that there are. Described in storage/tables/people.ts. */
export const addUserProfiles: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    await schema
      .alterTable("users")
      .addColumn("profile", "text", (column) => column.notNull().defaultTo("{}"))
      .execute();
  },
};
