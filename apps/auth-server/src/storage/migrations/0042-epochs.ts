import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** Which of two incarnations of the log came later. The column is described in storage/tables/revocations.ts. */
export const addEpochs: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    await schema
      .alterTable("revocation_state")
      .addColumn("epoch", "integer", (column) => column.notNull().defaultTo(0))
      .execute();
  },
};
