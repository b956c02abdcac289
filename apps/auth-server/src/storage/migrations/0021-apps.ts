import { randomBytes } from "node:crypto";
import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

// A migration sees the tables as they were when it was written, whatever they are now.
// biome-ignore lint/suspicious/noExplicitAny: there is no type for tables of the past
type AnyTables = any;

/**
 * Apps in columns that can be searched and edited, their secrets in a table of their own, and what is left of deleted
 * ones. Columns are described in storage/tables/apps.ts. Apps that an earlier configuration file took away stay disabled.
 */
export const addApps: Migration = {
  async up(db: Kysely<AnyTables>): Promise<void> {
    await addColumns(db);
    await createSecrets(db);
    await createTombstones(db);
    const rows = (await db.selectFrom("oidc_clients").selectAll().execute()) as ClientRow[];
    for (const row of rows) await convert(db, row);
    for (const column of ["metadata", "secret_hash", "removed_at"]) {
      await db.schema.alterTable("oidc_clients").dropColumn(column).execute();
    }
  },
};

async function addColumns({ schema }: Kysely<AnyTables>): Promise<void> {
  const texts = { name: "", name_key: "", type: "web", settings: "{}" };
  for (const [column, value] of Object.entries(texts)) {
    await schema
      .alterTable("oidc_clients")
      .addColumn(column, "text", (definition) => definition.notNull().defaultTo(value))
      .execute();
  }
  for (const [column, value] of Object.entries({ revision: 1, created_at: 0, changed_at: 0 })) {
    await schema
      .alterTable("oidc_clients")
      .addColumn(column, "integer", (definition) => definition.notNull().defaultTo(value))
      .execute();
  }
}

async function createSecrets({ schema }: Kysely<AnyTables>): Promise<void> {
  await schema
    .createTable("client_secrets")
    .addColumn("id", "text", (column) => column.primaryKey().check(sql`length(id) = 22`))
    .addColumn("client_id", "text", (column) => column.notNull())
    .addColumn("secret_hash", "blob", (column) => column.notNull().check(sql`length(secret_hash) = 32`))
    .addColumn("created_at", "integer", (column) => column.notNull())
    .addColumn("expires_at", "integer")
    .addColumn("last_used_at", "integer")
    .modifyEnd(sql`strict`)
    .execute();
  await schema
    .createIndex("client_secrets_by_client_id")
    .on("client_secrets")
    .columns(["client_id"])
    .execute();
}

async function createTombstones({ schema }: Kysely<AnyTables>): Promise<void> {
  await schema
    .createTable("deleted_clients")
    .addColumn("client_id", "text", (column) => column.primaryKey().notNull())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("deleted_at", "integer", (column) => column.notNull())
    .addColumn("deleted_by", "text", (column) => column.notNull())
    .modifyEnd(sql`strict`)
    .execute();
}

interface ClientRow {
  readonly client_id: string;
  readonly metadata: string;
  readonly secret_hash: Uint8Array | null;
  readonly disabled_at: number | null;
  readonly removed_at: number | null;
}

async function convert(db: Kysely<AnyTables>, row: ClientRow): Promise<void> {
  const now = Math.floor(Date.now() / 1000);
  const metadata = JSON.parse(row.metadata);
  const name: string = metadata.client_name ?? row.client_id;
  const change = {
    name,
    name_key: name.normalize("NFKC").toLowerCase(),
    type: typeOf(row, metadata),
    settings: JSON.stringify(settingsOf(row, metadata)),
    created_at: now,
    changed_at: now,
    disabled_at: row.disabled_at ?? row.removed_at,
  };
  await db.updateTable("oidc_clients").set(change).where("client_id", "=", row.client_id).execute();
  if (row.secret_hash === null) return;
  const id = randomBytes(16).toString("base64url");
  const secret = { id, client_id: row.client_id, secret_hash: row.secret_hash, created_at: now };
  await db.insertInto("client_secrets").values(secret).execute();
}

// biome-ignore lint/suspicious/noExplicitAny: metadata as the release before kept it
function typeOf({ secret_hash }: ClientRow, { application_type, grant_types = [] }: any): string {
  if (application_type === "native") return "native";
  if (secret_hash === null) return "spa";
  return grant_types.includes("authorization_code") ? "web" : "service";
}

// biome-ignore lint/suspicious/noExplicitAny: metadata as the release before kept it
const settingsOf = ({ secret_hash }: ClientRow, metadata: any) => ({
  clientAuthentication: secret_hash === null ? "none" : "secret",
  redirectUris: metadata.redirect_uris ?? [],
  postLogoutRedirectUris: metadata.post_logout_redirect_uris ?? [],
  grantTypes: metadata.grant_types ?? [],
  apis: withOwnApi(metadata.portcullis_resources ?? {}),
  firstParty: metadata.portcullis_first_party ?? false,
  introspectsAnyToken: metadata.portcullis_introspects_any_token ?? false,
  requirePkce: true,
  idTokenAlgorithm: "ES256",
});

const OWN_SCOPES = new Set([
  "revocations.read",
  "revocations.write",
  "revocations.inspect",
  "keys.read",
  "keys.write",
  "users.write",
  "apps.write",
]);

/** The server's own API has a name that outlives a change of the issuer's. Which one it is, its scopes say. */
function withOwnApi(apis: Readonly<Record<string, readonly string[]>>): Record<string, readonly string[]> {
  const isOwn = ([identifier, scopes]: [string, readonly string[]]) =>
    identifier === `${new URL(identifier).origin}/api` && scopes.every((scope) => OWN_SCOPES.has(scope));
  const entries = Object.entries(apis).map((entry) => [isOwn(entry) ? "/api" : entry[0], entry[1]] as const);
  return Object.fromEntries(entries);
}
