import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

// A migration sees the tables as they were when it was written, whatever they are now.
// biome-ignore lint/suspicious/noExplicitAny: there is no type for tables of the past
type AnyTables = any;

/** Columns are described in storage/tables/oidc.ts. */
export const addConsents: Migration = {
  async up(db: Kysely<AnyTables>): Promise<void> {
    await createTable(db);
    const found = new Map<string, Consent>();
    for await (const grant of liveGrants(db)) addTo(found, grant);
    await store(db, [...found.values()]);
  },
};

async function createTable({ schema }: Kysely<AnyTables>): Promise<void> {
  await schema
    .createTable("oidc_consents")
    .addColumn("account_id", "text", (column) => column.notNull())
    .addColumn("client_id", "text", (column) => column.notNull())
    .addColumn("allowed", "text", (column) => column.notNull())
    .addColumn("created_at", "integer", (column) => column.notNull())
    .addColumn("changed_at", "integer", (column) => column.notNull())
    .addColumn("expires_at", "integer")
    .addPrimaryKeyConstraint("oidc_consents_pair", ["account_id", "client_id"])
    .modifyEnd(sql`strict`)
    .execute();
  await schema.createIndex("oidc_consents_by_client_id").on("oidc_consents").columns(["client_id"]).execute();
  await schema
    .createIndex("oidc_consents_by_expires_at")
    .on("oidc_consents")
    .columns(["expires_at"])
    .execute();
}

interface Grant {
  readonly id: string;
  readonly account_id: string;
  readonly client_id: string;
  readonly payload: string;
  readonly created_at: number | string;
}

const GRANTS_PER_STEP = 1000;

/** Until now a grant was the consent, of one session. Whoever was asked in one of them is not asked again in the next. */
async function* liveGrants(db: Kysely<AnyTables>): AsyncGenerator<Grant> {
  const now = Math.floor(Date.now() / 1000);
  let after = "";
  let page: Grant[];
  do {
    page = await db
      .selectFrom("oidc_grants")
      .innerJoin("oidc_sessions", "oidc_sessions.uid", "oidc_grants.session_uid")
      .innerJoin("oidc_clients", "oidc_clients.client_id", "oidc_grants.client_id")
      .select([
        "oidc_grants.id",
        "oidc_grants.account_id",
        "oidc_grants.client_id",
        "oidc_grants.payload",
        "oidc_grants.created_at",
      ])
      .where("oidc_sessions.ended_at", "is", null)
      .where("oidc_sessions.expires_at", ">", now)
      .where("oidc_clients.removed_at", "is", null)
      .where("oidc_grants.id", ">", after)
      .orderBy("oidc_grants.id")
      .limit(GRANTS_PER_STEP)
      .execute();
    yield* page;
    after = page.at(-1)?.id ?? "";
  } while (page.length === GRANTS_PER_STEP);
}

interface Consent {
  readonly accountId: string;
  readonly clientId: string;
  readonly scopes: Set<string>;
  readonly claims: Set<string>;
  readonly resources: Map<string, Set<string>>;
  first: number;
  last: number;
}

function addTo(found: Map<string, Consent>, grant: Grant): void {
  const at = Number(grant.created_at);
  const pair = JSON.stringify([grant.account_id, grant.client_id]);
  const consent = found.get(pair) ?? newConsent(grant, at);
  found.set(pair, consent);
  const { openid = {}, resources = {} } = JSON.parse(grant.payload);
  for (const scope of wordsOf(openid.scope)) consent.scopes.add(scope);
  for (const claim of openid.claims ?? []) consent.claims.add(claim);
  for (const [resource, scopes] of Object.entries(resources)) addScopes(consent.resources, resource, scopes);
  consent.first = Math.min(consent.first, at);
  consent.last = Math.max(consent.last, at);
}

const newConsent = (grant: Grant, at: number): Consent => ({
  accountId: grant.account_id,
  clientId: grant.client_id,
  scopes: new Set(),
  claims: new Set(),
  resources: new Map(),
  first: at,
  last: at,
});

function addScopes(resources: Map<string, Set<string>>, resource: string, scopes: unknown): void {
  const known = resources.get(resource) ?? new Set();
  for (const scope of wordsOf(scopes)) known.add(scope);
  resources.set(resource, known);
}

const wordsOf = (text: unknown): string[] =>
  typeof text === "string" ? text.split(" ").filter((word) => word !== "") : [];

const ROWS_PER_STEP = 100;

async function store(db: Kysely<AnyTables>, consents: readonly Consent[]): Promise<void> {
  for (let at = 0; at < consents.length; at += ROWS_PER_STEP) {
    const rows = consents.slice(at, at + ROWS_PER_STEP).map(rowOf);
    await db.insertInto("oidc_consents").values(rows).execute();
  }
}

const rowOf = ({ accountId, clientId, scopes, claims, resources, first, last }: Consent) => ({
  account_id: accountId,
  client_id: clientId,
  allowed: JSON.stringify({
    scopes: [...scopes],
    claims: [...claims],
    resources: Object.fromEntries([...resources].map(([resource, words]) => [resource, [...words]])),
  }),
  created_at: first,
  changed_at: last,
  expires_at: null,
});
