import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Columns are described in storage/tables/api.ts. */
export const addIdempotencyKeys: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    const hash = sql`length(key_hash) = 32 and length(caller_hash) = 32 and length(fingerprint) = 32`;
    await schema
      .createTable("idempotency_keys")
      .addColumn("key_hash", "blob", (column) => column.primaryKey())
      .addColumn("caller_hash", "blob", (column) => column.notNull())
      .addColumn("fingerprint", "blob", (column) => column.notNull())
      .addColumn("claimed_at", "integer", (column) => column.notNull())
      .addColumn("sealed", "blob")
      .addCheckConstraint("idempotency_keys_hashes", hash)
      .modifyEnd(sql`strict`)
      .execute();
    await schema
      .createIndex("idempotency_keys_by_caller_hash")
      .on("idempotency_keys")
      .columns(["caller_hash"])
      .execute();
    await schema
      .createIndex("idempotency_keys_by_claimed_at")
      .on("idempotency_keys")
      .columns(["claimed_at"])
      .execute();
  },
};
