/**
 * Registered clients in SQL. Secrets are kept as hashes. A client that is disabled, or that the configuration file of
 * the last start had no more, is not found, so it can do nothing. The last start is any server's on the database.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import type { Clock } from "@portcullis/protocol";
import type { CompiledQuery, Selectable } from "kysely";
import type { ClientConfiguration } from "../config/schema.ts";
import type { EndBelow } from "../revocations/index.ts";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { ClientsTable } from "../storage/tables/oidc.ts";
import type { Appended, WriteTransaction } from "../storage/write-transaction.ts";
import { appsError } from "./errors.ts";

/** Metadata that is ours beside the standard ones (RFC 7591). */
export const CLIENT_RESOURCES = "portcullis_resources";
export const FIRST_PARTY = "portcullis_first_party";
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
  [FIRST_PARTY]: boolean;
  [INTROSPECTS_ANY_TOKEN]: boolean;
  application_type: "web" | "native";
}

export class Clients {
  readonly #storage: Storage;
  /** Compiled once, with the client id as their parameter: every request of a client asks both. */
  readonly #queries: ReturnType<typeof compileQueries>;
  readonly #clock: Clock;

  constructor(options: { storage: Storage; clock: Clock }) {
    this.#storage = options.storage;
    this.#queries = compileQueries(options.storage.read);
    this.#clock = options.clock;
  }

  async find(clientId: string): Promise<ClientMetadata | undefined> {
    const [row] = await this.#ask(this.#queries.findEnabled, clientId);
    if (row === undefined) return undefined;
    const metadata = JSON.parse(row.metadata) as ClientMetadata;
    if (row.secret_hash !== null) metadata.client_secret = Buffer.from(row.secret_hash).toString("hex");
    return metadata;
  }

  async isEnabled(clientId: string): Promise<boolean> {
    return (await this.#ask(this.#queries.isEnabled, clientId)).length > 0;
  }

  async #ask<Row>(query: CompiledQuery<Row>, clientId: string): Promise<Row[]> {
    const { rows } = await this.#storage.read.executeQuery<Row>({ ...query, parameters: [clientId] });
    return rows;
  }

  /**
   * Registers what the configuration file says, over what was there. Whoever came from a file and is not in this one is
   * out of it: its tokens and grants end with it, in the same transaction. So does what a client was given unasked that is
   * not first-party any more. A client that was disabled by hand stays so.
   * Throws `removals_not_accepted`, with nothing changed, when more than half would go: that is a wrong file more often
   * than it is meant.
   */
  configure(clients: readonly ClientConfiguration[], rules: ConfigureRules): Promise<ConfiguredChange> {
    return this.#storage.write(async (transaction) => {
      const change = await this.#changeOf(transaction, clients);
      if (!rules.acceptRemovals) assertAcceptable(change);
      await this.#register(transaction, clients);
      await this.#remove(transaction, change.removed, rules.endBelow);
      for (const { clientId } of change.demoted) await rules.endUnasked(transaction, clientId);
      return change;
    });
  }

  async #changeOf(
    { db, lockRows }: WriteTransaction,
    clients: readonly ClientConfiguration[],
  ): Promise<ConfiguredChange> {
    const named = new Set(clients.map(({ clientId }) => clientId));
    const asking = new Set(clients.filter(({ firstParty }) => !firstParty).map(({ clientId }) => clientId));
    const ofFile = db
      .selectFrom("oidc_clients")
      .select(["client_id", "metadata", "removed_at"])
      .where("origin", "=", "file")
      .orderBy("client_id");
    const rows = await lockRows(ofFile).execute();
    const there = rows.filter(({ removed_at }) => removed_at === null);
    const away = rows.filter(({ removed_at }) => removed_at !== null);
    return {
      before: there.length,
      removed: there.filter(({ client_id }) => !named.has(client_id)).map(namedClientOf),
      demoted: there
        .filter((row) => asking.has(row.client_id) && metadataIn(row)[FIRST_PARTY] === true)
        .map(namedClientOf),
      returned: away.filter(({ client_id }) => named.has(client_id)).map(namedClientOf),
    };
  }

  async #register({ db }: WriteTransaction, clients: readonly ClientConfiguration[]): Promise<void> {
    // In one order at every server, so that two that start at once do not wait for each other.
    for (const client of clients.toSorted((left, right) => (left.clientId < right.clientId ? -1 : 1))) {
      const change = {
        metadata: JSON.stringify(metadataOf(client)),
        secret_hash: secretHashOf(client),
        removed_at: null,
      };
      await db
        .insertInto("oidc_clients")
        .values({ client_id: client.clientId, disabled_at: null, ...change })
        .onConflict((conflict) => conflict.column("client_id").doUpdateSet(change))
        .execute();
    }
  }

  async #remove(
    transaction: WriteTransaction,
    clients: readonly NamedClient[],
    endBelow: EndBelow,
  ): Promise<void> {
    const change = { removed_at: wholeSeconds(this.#clock) };
    for (const { clientId } of clients) {
      const query = transaction.db.updateTable("oidc_clients").set(change);
      await query.where("client_id", "=", clientId).execute();
      // Whoever gets this name later is another app, perhaps, and users have allowed it nothing.
      await transaction.db.deleteFrom("oidc_consents").where("client_id", "=", clientId).execute();
      await endClient(transaction, { clientId, note: "no longer in the configuration file" }, endBelow);
    }
  }

  /** Locked, in the transaction that goes on to change it. Throws `unknown_client`. */
  async findRow({ db, lockRows }: WriteTransaction, clientId: string): Promise<ClientRow> {
    const query = db.selectFrom("oidc_clients").selectAll().where("client_id", "=", clientId);
    const row = await lockRows(query).executeTakeFirst();
    if (row !== undefined) return row;
    throw appsError("unknown_client", {
      text: `Found ${JSON.stringify(clientId)}, and there is no such client here. Nothing was changed.`,
    });
  }

  /** Only the row: whoever calls this ends what hangs below the client in the same transaction. */
  async disable({ db }: WriteTransaction, clientId: string): Promise<void> {
    const change = { disabled_at: wholeSeconds(this.#clock) };
    await db.updateTable("oidc_clients").set(change).where("client_id", "=", clientId).execute();
  }

  async enable({ db }: WriteTransaction, clientId: string): Promise<void> {
    await db
      .updateTable("oidc_clients")
      .set({ disabled_at: null })
      .where("client_id", "=", clientId)
      .execute();
  }
}

export type ClientRow = Selectable<ClientsTable>;

export interface ConfigureRules {
  readonly acceptRemovals: boolean;
  readonly endBelow: EndBelow;
  /** Ends what a client was given without asking. */
  readonly endUnasked: (transaction: WriteTransaction, clientId: string) => Promise<void>;
}

export interface ConfiguredChange {
  /** How many clients the files of before had. */
  readonly before: number;
  readonly removed: readonly NamedClient[];
  /** First-party until now. */
  readonly demoted: readonly NamedClient[];
  readonly returned: readonly NamedClient[];
}

export interface NamedClient {
  readonly clientId: string;
  readonly name: string;
}

export const namedClientOf = (row: Pick<ClientRow, "client_id" | "metadata">): NamedClient => ({
  clientId: row.client_id,
  name: metadataIn(row).client_name,
});

const metadataIn = ({ metadata }: Pick<ClientRow, "metadata">): ClientMetadata =>
  JSON.parse(metadata) as ClientMetadata;

function assertAcceptable({ before, removed }: ConfiguredChange): void {
  if (removed.length * 2 <= before) return;
  throw appsError("removals_not_accepted", {
    text: `clients: the file lacks ${removed.length} of the ${before} clients that were there: ${removed.map(({ clientId }) => clientId).join(", ")}. They would be disabled, and all their tokens and grants would end. Nothing was changed. If that is meant, start once with --accept-removals.`,
  });
}

/** Ends all that a client has, with its line in the log. New tokens are up to what the same transaction says of it. */
export async function endClient(
  transaction: WriteTransaction,
  { clientId, actor, note }: { readonly clientId: string; readonly actor?: string; readonly note?: string },
  endBelow: EndBelow,
): Promise<Appended> {
  const target = { scope: "client", key: clientId, mode: "kill", reason: "client_disabled" } as const;
  await endBelow(transaction, target);
  const by = { ...(actor === undefined ? {} : { actor }), ...(note === undefined ? {} : { note }) };
  return transaction.append([{ ...target, ...by }]);
}

function compileQueries(read: Storage["read"]) {
  const enabled = read
    .selectFrom("oidc_clients")
    .where("client_id", "=", "")
    .where("disabled_at", "is", null)
    .where("removed_at", "is", null);
  return { findEnabled: enabled.selectAll().compile(), isEnabled: enabled.select("client_id").compile() };
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
    [FIRST_PARTY]: client.firstParty,
    [INTROSPECTS_ANY_TOKEN]: client.introspectsAnyToken,
    application_type: client.type,
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
