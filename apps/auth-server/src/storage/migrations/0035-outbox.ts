import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** What is delivered after a commit. Columns are described in storage/tables/outbox.ts and apps.ts. */
export const addOutbox: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const { schema } = db;
    await schema
      .createTable("outbox")
      .addColumn("id", "text", (column) => column.primaryKey().notNull())
      .addColumn("kind", "text", (column) => column.notNull())
      .addColumn("recipient", "text", (column) => column.notNull())
      .addColumn("subject", "text", (column) => column.notNull())
      .addColumn("session_uid", "text", (column) => column.notNull())
      .addColumn("seq", "integer")
      .addColumn("state", "text", (column) => column.notNull())
      .addColumn("attempts", "integer", (column) => column.notNull())
      .addColumn("next_at", "integer", (column) => column.notNull())
      .addColumn("claim", "text")
      .addColumn("last_error", "text")
      .addColumn("created_at", "integer", (column) => column.notNull())
      .addColumn("settled_at", "integer")
      .modifyEnd(sql`strict`)
      .execute();
    const indexes = {
      outbox_by_state_recipient_next_at: ["state", "recipient", "next_at"],
      outbox_by_state_id: ["state", "id"],
      outbox_by_seq: ["seq"],
      outbox_by_settled_at: ["settled_at"],
    };
    for (const [name, columns] of Object.entries(indexes))
      await schema.createIndex(name).on("outbox").columns(columns).execute();
    for (const table of ["oidc_clients", "deleted_clients"])
      await schema.alterTable(table).addColumn("backchannel_logout", "text").execute();
  },
};
