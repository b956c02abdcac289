import { type CreateTableBuilder, type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Columns are described in storage/tables/oidc.ts, storage/tables/people.ts and storage/tables/account.ts. */
export const createOidcAndPeople: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await createPeople(db);
    await createSessions(db);
    await createArtefacts(db);
    await createClientsAndKeys(db);
    await createAccount(db);
  },
};

const strict = <Table extends string, Column extends string>(table: CreateTableBuilder<Table, Column>) =>
  table.modifyEnd(sql`strict`).execute();

async function createPeople({ schema }: Kysely<unknown>): Promise<void> {
  await strict(
    schema
      .createTable("users")
      .addColumn("id", "text", (column) => column.primaryKey().check(sql`length(id) = 22`))
      .addColumn("username", "text", (column) => column.notNull())
      .addColumn("username_key", "text", (column) => column.notNull().unique())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("email", "text")
      .addColumn("password_hash", "text", (column) => column.notNull())
      .addColumn("created_at", "integer", (column) => column.notNull())
      .addColumn("disabled_at", "integer"),
  );
  await strict(
    schema
      .createTable("sign_in_attempts")
      .addColumn("key_hash", "blob", (column) => column.primaryKey().notNull())
      .addColumn("failures", "integer", (column) => column.notNull())
      .addColumn("blocked_until", "integer", (column) => column.notNull())
      .addColumn("updated_at", "integer", (column) => column.notNull()),
  );
  await index(schema, "sign_in_attempts", ["updated_at"]);
}

async function createSessions({ schema }: Kysely<unknown>): Promise<void> {
  await strict(
    schema
      .createTable("oidc_sessions")
      .addColumn("uid", "text", (column) => column.primaryKey().check(sql`length(uid) = 22`))
      .addColumn("account_id", "text")
      .addColumn("payload", "text", (column) => column.notNull())
      .addColumn("user_agent", "text")
      .addColumn("created_at", "integer", (column) => column.notNull())
      .addColumn("last_seen_at", "integer", (column) => column.notNull())
      .addColumn("expires_at", "integer", (column) => column.notNull())
      .addColumn("ended_at", "integer"),
  );
  await index(schema, "oidc_sessions", ["account_id"]);
  await index(schema, "oidc_sessions", ["expires_at"]);
  await strict(
    schema
      .createTable("oidc_session_ids")
      .addColumn("id_hash", "blob", (column) => column.primaryKey().check(sql`length(id_hash) = 32`))
      .addColumn("session_uid", "text", (column) => column.notNull())
      .addColumn("created_at", "integer", (column) => column.notNull())
      .addColumn("replaced_until", "integer"),
  );
  await index(schema, "oidc_session_ids", ["session_uid"]);
  await index(schema, "oidc_session_ids", ["replaced_until"]);
  await strict(
    schema
      .createTable("oidc_grants")
      .addColumn("id", "text", (column) => column.primaryKey().check(sql`length(id) = 22`))
      .addColumn("session_uid", "text", (column) => column.notNull())
      .addColumn("account_id", "text", (column) => column.notNull())
      .addColumn("client_id", "text", (column) => column.notNull())
      .addColumn("payload", "text", (column) => column.notNull())
      .addColumn("created_at", "integer", (column) => column.notNull())
      // Two tabs that consent at once end with one grant.
      .addUniqueConstraint("oidc_grants_one_a_client", ["session_uid", "client_id"]),
  );
  await index(schema, "oidc_grants", ["account_id", "client_id"]);
  await index(schema, "oidc_grants", ["client_id"]);
}

async function createArtefacts({ schema }: Kysely<unknown>): Promise<void> {
  await strict(
    schema
      .createTable("oidc_artefacts")
      .addColumn("id_hash", "blob", (column) => column.primaryKey().check(sql`length(id_hash) = 32`))
      .addColumn("model", "text", (column) => column.notNull())
      .addColumn("payload", "text", (column) => column.notNull())
      .addColumn("grant_id", "text")
      .addColumn("session_uid", "text")
      .addColumn("account_id", "text")
      .addColumn("client_id", "text")
      .addColumn("consumed_at", "integer")
      .addColumn("expires_at", "integer", (column) => column.notNull()),
  );
  for (const column of ["grant_id", "session_uid", "account_id", "client_id", "expires_at"]) {
    await index(schema, "oidc_artefacts", [column]);
  }
  await strict(
    schema
      .createTable("oidc_refresh_successors")
      .addColumn("spent_hash", "blob", (column) => column.primaryKey().check(sql`length(spent_hash) = 32`))
      .addColumn("successor_hash", "blob", (column) => column.notNull())
      .addColumn("grant_id", "text", (column) => column.notNull())
      .addColumn("client_id", "text", (column) => column.notNull())
      .addColumn("request_hash", "blob", (column) => column.notNull())
      .addColumn("sealed", "blob", (column) => column.notNull())
      .addColumn("spent_at", "integer", (column) => column.notNull()),
  );
  for (const column of ["successor_hash", "grant_id", "spent_at"]) {
    await index(schema, "oidc_refresh_successors", [column]);
  }
}

async function createClientsAndKeys({ schema }: Kysely<unknown>): Promise<void> {
  await strict(
    schema
      .createTable("oidc_clients")
      .addColumn("client_id", "text", (column) => column.primaryKey().notNull())
      .addColumn("metadata", "text", (column) => column.notNull())
      .addColumn("secret_hash", "blob")
      .addColumn("disabled_at", "integer"),
  );
  await strict(
    schema
      .createTable("oidc_signing_keys")
      .addColumn("kid", "text", (column) => column.primaryKey().notNull())
      .addColumn("jwk", "text", (column) => column.notNull())
      .addColumn("created_at", "integer", (column) => column.notNull()),
  );
  await strict(
    schema
      .createTable("oidc_cookie_keys")
      .addColumn("id", "integer", (column) => column.primaryKey())
      .addColumn("secret", "blob", (column) => column.notNull().check(sql`length(secret) = 32`))
      .addColumn("created_at", "integer", (column) => column.notNull()),
  );
}

async function createAccount({ schema }: Kysely<unknown>): Promise<void> {
  await strict(
    schema
      .createTable("account_form_tokens")
      .addColumn("token_hash", "blob", (column) => column.primaryKey().check(sql`length(token_hash) = 32`))
      .addColumn("session_uid", "text", (column) => column.notNull())
      .addColumn("expires_at", "integer", (column) => column.notNull()),
  );
  await index(schema, "account_form_tokens", ["session_uid"]);
  await index(schema, "account_form_tokens", ["expires_at"]);
}

function index(schema: Kysely<unknown>["schema"], table: string, columns: string[]): Promise<void> {
  return schema
    .createIndex(`${table}_by_${columns.join("_")}`)
    .on(table)
    .columns(columns)
    .execute();
}
