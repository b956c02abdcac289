import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** What is written to see whether the store can be written, and what finds the oldest rows of strangers. */
export const addSpace: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const { schema } = db;
    await schema
      .createTable("write_checks")
      .addColumn("id", "integer", (column) => column.primaryKey().check(sql`id = 1`))
      .addColumn("value", "integer", (column) => column.notNull())
      .modifyEnd(sql`strict`)
      .execute();
    await sql`insert into write_checks (id, value) values (1, 0)`.execute(db);
    await sql`create index oidc_artefacts_of_nobody on oidc_artefacts (model, expires_at) where account_id is null`.execute(
      db,
    );
    await sql`create index oidc_sessions_of_nobody on oidc_sessions (expires_at) where account_id is null`.execute(
      db,
    );
  },
};
