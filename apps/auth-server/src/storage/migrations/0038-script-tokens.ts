import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Tokens for scripts, and what ends all of them at an API. Columns are described in storage/tables/tokens.ts, apps.ts and sessions.ts. */
export const addScriptTokens: Migration = {
  async up({ schema }: Kysely<unknown>): Promise<void> {
    await createTokens(schema);
    await schema
      .createTable("script_token_cutoffs")
      .addColumn("scope", "text", (column) => column.notNull())
      .addColumn("key", "text", (column) => column.notNull())
      .addColumn("seq", "integer", (column) => column.notNull())
      .addColumn("reason", "text", (column) => column.notNull())
      .addColumn("cut_at", "integer", (column) => column.notNull())
      .addPrimaryKeyConstraint("script_token_cutoffs_key", ["scope", "key"])
      .modifyEnd(sql`strict`)
      .execute();
    await schema
      .alterTable("apis")
      .addColumn("personal_token_permissions", "text", (column) => column.notNull().defaultTo("[]"))
      .execute();
    for (const column of ["tokens_max_seconds", "tokens_may_lack_expiry"])
      await schema.alterTable("policies").addColumn(column, "integer").execute();
  },
};

async function createTokens(schema: Kysely<unknown>["schema"]): Promise<void> {
  await schema
    .createTable("script_tokens")
    .addColumn("id", "text", (column) => column.primaryKey().check(sql`length(id) = 22`))
    .addColumn("token_hash", "blob", (column) => column.notNull().check(sql`length(token_hash) = 32`))
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("owner_id", "text", (column) => column.notNull())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("api", "text", (column) => column.notNull())
    .addColumn("api_edition", "integer", (column) => column.notNull())
    .addColumn("permissions", "text", (column) => column.notNull())
    .addColumn("allowed_addresses", "text")
    .addColumn("created_at", "integer", (column) => column.notNull())
    .addColumn("created_by", "text", (column) => column.notNull())
    .addColumn("expires_at", "integer")
    .addColumn("horizon", "integer", (column) => column.notNull())
    .addColumn("last_used_at", "integer")
    .addColumn("last_used_address", "text")
    .addColumn("last_used_via", "text")
    .addColumn("rotated_to", "text")
    .addColumn("ended_at", "integer")
    .addColumn("end_reason", "text")
    .modifyEnd(sql`strict`)
    .execute();
  await schema
    .createIndex("script_tokens_by_token_hash")
    .unique()
    .on("script_tokens")
    .columns(["token_hash"])
    .execute();
  const indexes = {
    owner_id: ["owner_id", "kind", "created_at", "id"],
    api: ["api", "owner_id"],
    expires_at: ["expires_at"],
    ended_at: ["ended_at"],
  };
  for (const [name, columns] of Object.entries(indexes))
    await schema.createIndex(`script_tokens_by_${name}`).on("script_tokens").columns(columns).execute();
}
