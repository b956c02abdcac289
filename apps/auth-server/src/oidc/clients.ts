/**
 * Registered clients in SQL. Secrets are kept as hashes. A client that is disabled, or is no longer in the
 * configuration file, is not found, so it can do nothing.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { CompiledQuery } from "kysely";
import type { ClientConfiguration } from "../config/schema.ts";
import type { Storage } from "../storage/storage.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";

/** Metadata that is ours beside the standard ones (RFC 7591). */
export const CLIENT_RESOURCES = "portcullis_resources";
export const INTROSPECTS_ANY_TOKEN = "portcullis_introspects_any_token";

export interface ClientMetadata {
  client_id: string;
  client_name: string;
  /** Not the secret: its hash, in hex. The library wants to see something here. */
  client_secret?: string;
  redirect_uris: string[];
  post_logout_redirect_uris: string[];
  grant_types: string[];
  response_types: string[];
  token_endpoint_auth_method: "none" | "client_secret_basic";
  [CLIENT_RESOURCES]: Record<string, string[]>;
  [INTROSPECTS_ANY_TOKEN]: boolean;
}

export class Clients {
  readonly #storage: Storage;
  /** Compiled once, with the client id as their parameter: every request of a client asks both. */
  readonly #queries: ReturnType<typeof compileQueries>;
  readonly #nowSeconds: () => number;
  #configured: ReadonlySet<string> = new Set();

  constructor(options: { storage: Storage; nowSeconds: () => number }) {
    this.#storage = options.storage;
    this.#queries = compileQueries(options.storage.read);
    this.#nowSeconds = options.nowSeconds;
  }

  async find(clientId: string): Promise<ClientMetadata | undefined> {
    const [row] = await this.#ask(this.#queries.findEnabled, clientId);
    if (row === undefined) return undefined;
    const metadata = JSON.parse(row.metadata) as ClientMetadata;
    if (row.secret_hash !== null) metadata.client_secret = Buffer.from(row.secret_hash).toString("hex");
    return metadata;
  }

  async isEnabled(clientId: string): Promise<boolean> {
    const [row] = await this.#ask(this.#queries.isEnabled, clientId);
    return row?.disabled_at === null;
  }

  async #ask<Row>(query: CompiledQuery<Row>, clientId: string): Promise<Row[]> {
    if (!this.#configured.has(clientId)) return [];
    const { rows } = await this.#storage.read.executeQuery<Row>({ ...query, parameters: [clientId] });
    return rows;
  }

  /** Registers what the configuration file says, over what was there, and no others. A disabled client stays so. */
  async configure(clients: readonly ClientConfiguration[]): Promise<void> {
    await this.#storage.write(async ({ db }) => {
      // In one order at every server, so that two that start at once do not wait for each other.
      for (const client of clients.toSorted((left, right) => (left.clientId < right.clientId ? -1 : 1))) {
        const change = { metadata: JSON.stringify(metadataOf(client)), secret_hash: secretHashOf(client) };
        await db
          .insertInto("oidc_clients")
          .values({ client_id: client.clientId, disabled_at: null, ...change })
          .onConflict((conflict) => conflict.column("client_id").doUpdateSet(change))
          .execute();
      }
    });
    this.#configured = new Set(clients.map(({ clientId }) => clientId));
  }

  /** Only the row: whoever calls this ends what hangs below the client in the same transaction. */
  async disable({ db }: WriteTransaction, clientId: string): Promise<void> {
    const change = { disabled_at: this.#nowSeconds() };
    await db.updateTable("oidc_clients").set(change).where("client_id", "=", clientId).execute();
  }
}

function compileQueries(read: Storage["read"]) {
  const client = read.selectFrom("oidc_clients").where("client_id", "=", "");
  return {
    findEnabled: client.selectAll().where("disabled_at", "is", null).compile(),
    isEnabled: client.select("disabled_at").compile(),
  };
}

function metadataOf(client: ClientConfiguration): ClientMetadata {
  const usesCodes = client.grantTypes.includes("authorization_code");
  return {
    client_id: client.clientId,
    client_name: client.name,
    redirect_uris: [...client.redirectUris],
    post_logout_redirect_uris: [...client.postLogoutRedirectUris],
    grant_types: [...client.grantTypes],
    response_types: usesCodes ? ["code"] : [],
    token_endpoint_auth_method: client.clientSecret === undefined ? "none" : "client_secret_basic",
    [CLIENT_RESOURCES]: structuredClone(client.resources),
    [INTROSPECTS_ANY_TOKEN]: client.introspectsAnyToken,
  };
}

/** Secrets are random (the configuration's schema asks for it), so that a slow hash would protect nothing more. */
export function hashClientSecret(clientId: string, secret: string): Buffer {
  return createHash("sha256").update(`client secret\n${clientId}\n${secret}`).digest();
}

const secretHashOf = ({ clientId, clientSecret }: ClientConfiguration): Uint8Array | null =>
  clientSecret === undefined ? null : hashClientSecret(clientId, clientSecret);

/** In a time that does not depend on where the two differ. */
export function isClientSecret(
  client: { clientId: string; hashInHex: string | undefined },
  secret: string,
): boolean {
  const expected = Buffer.from(client.hashInHex ?? "", "hex");
  const actual = hashClientSecret(client.clientId, secret);
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}
