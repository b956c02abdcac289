import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** The time up to which servers have deleted what had ended. Empty until the first server starts on this schema. */
export const addPruneClock: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    await schema
      .createTable("prune_clock")
      .addColumn("id", "integer", (column) => column.primaryKey().check(sql`id = 1`))
      .addColumn("seconds", "integer", (column) => column.notNull())
      .modifyEnd(sql`strict`)
      .execute();
  },
};
