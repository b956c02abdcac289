import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Who is told of what has a place in the log, and how far that is, is found without reading each delivery of it. */
export const addReceiptsOfMany: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    await schema
      .createIndex("outbox_by_seq_recipient_state_attempts")
      .on("outbox")
      .columns(["seq", "recipient", "state", "attempts"])
      .execute();
    await schema
      .createIndex("outbox_claimed_by_seq_recipient")
      .on("outbox")
      .columns(["seq", "recipient"])
      .where(sql.ref("claim"), "is not", null)
      .execute();
    await schema.dropIndex("outbox_by_seq").execute();
  },
};
