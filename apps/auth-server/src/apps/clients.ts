/**
 * Apps (clients) in SQL. One that is disabled or deleted is not found by whoever asks for tokens, so it can do nothing. Every
 * request of a client reads its row: what one server changes is so at every other with the next request.
 */
import { type AppSessionLimit, type Clock, COMMAND_CLIENT_ID } from "@portcullis/protocol";
import type { Kysely, Selectable } from "kysely";
import { beginsWith, nameKeyOf } from "../apis/name-key.ts";
import type { EndBelow } from "../revocations/index.ts";
import { compiledQuery } from "../storage/compiled-query.ts";
import { containing } from "../storage/containing.ts";
import type { Database } from "../storage/database.ts";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { ClientsTable } from "../storage/tables/apps.ts";
import type { Appended, WriteTransaction } from "../storage/write-transaction.ts";
import {
  type ClientMetadata,
  metadataOf,
  type NamedSettings,
  readSettings,
  storedApiName,
  writtenSettings,
} from "./app-settings.ts";
import { writtenBackchannelLogout } from "./backchannel-logout.ts";
import { writtenSecrets } from "./client-secrets.ts";
import { appsError } from "./errors.ts";

export interface App extends NamedSettings {
  readonly clientId: string;
  readonly enabled: boolean;
  readonly origin: "file" | "api" | "built-in";
  readonly revision: number;
  /** Seconds. */
  readonly createdAt: number;
  /** Seconds. */
  readonly changedAt: number;
}

export interface NewApp extends NamedSettings {
  readonly clientId: string;
  readonly origin: "file" | "api" | "built-in";
}

export interface AppFilter {
  readonly type?: App["type"] | undefined;
  /** Beginning of its name, whatever the letter case. */
  readonly name?: string | undefined;
  readonly enabled?: boolean | undefined;
}

export class Clients {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #issuer: string;

  constructor(options: { storage: Storage; clock: Clock; issuer: string }) {
    this.#storage = options.storage;
    this.#clock = options.clock;
    this.#issuer = options.issuer;
  }

  /** What the library is told of an app that is enabled, with the secrets that hold at this moment. */
  async find(clientId: string): Promise<ClientMetadata | undefined> {
    const now = wholeSeconds(this.#clock);
    const rows = await WITH_SECRETS.all(this.#storage.read, { clientId, now });
    const [first] = rows;
    if (first === undefined) return undefined;
    const secrets = rows.flatMap(({ secret_id: id, secret_hash: hash }) =>
      id === null || hash === null ? [] : [{ id, hash }],
    );
    return metadataOf(
      { ...readSettings(first.settings, this.#issuer), name: first.name, type: first.type, clientId },
      writtenSecrets(secrets),
    );
  }

  async isEnabled(clientId: string): Promise<boolean> {
    return (await ENABLED.first(this.#storage.read, { clientId })) !== undefined;
  }

  /** Of its settings, as they stand in the transaction. */
  async sessionLimitOf(db: Kysely<Database>, clientId: string): Promise<AppSessionLimit | undefined> {
    const query = db.selectFrom("oidc_clients").select("settings").where("client_id", "=", clientId);
    const row = await query.executeTakeFirst();
    return row && readSettings(row.settings, this.#issuer).sessionLimit;
  }

  /** Also one that is disabled. Throws `unknown_client`. */
  async get(clientId: string): Promise<App> {
    const { read } = this.#storage;
    const row = await read
      .selectFrom("oidc_clients")
      .selectAll()
      .where("client_id", "=", clientId)
      .executeTakeFirst();
    return row === undefined ? throwUnknown(clientId) : this.appOf(row);
  }

  /** A page of those that the filter lets through, by `client_id`. */
  async list(filter: AppFilter, after: string | undefined, limit: number): Promise<App[]> {
    const some = this.#some(filter).selectAll();
    const behind = after === undefined ? some : some.where("client_id", ">", after);
    return (await behind.orderBy("client_id").limit(limit).execute()).map((row) => this.appOf(row));
  }

  async count(filter: AppFilter): Promise<number> {
    const query = this.#some(filter).select((eb) => eb.fn.countAll<number>().as("number"));
    return Number((await query.executeTakeFirstOrThrow()).number);
  }

  #some({ type, name, enabled }: AppFilter) {
    let query = this.#storage.read.selectFrom("oidc_clients");
    if (type !== undefined) query = query.where("type", "=", type);
    if (name !== undefined) query = query.where(beginsWith(name));
    if (enabled !== undefined) query = query.where("disabled_at", enabled ? "is" : "is not", null);
    return query;
  }

  /** Of those that were not deleted. */
  async statesOf(clientIds: readonly string[]): Promise<ReadonlyMap<string, "enabled" | "disabled">> {
    if (clientIds.length === 0) return new Map();
    const rows = await this.#storage.read
      .selectFrom("oidc_clients")
      .select(["client_id", "disabled_at"])
      .where("client_id", "in", clientIds)
      .execute();
    return new Map(rows.map((row) => [row.client_id, row.disabled_at === null ? "enabled" : "disabled"]));
  }

  /** What each is called, also of disabled and deleted ones: nothing is hidden from whoever has allowed it something. */
  async namesOf(clientIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    if (clientIds.length === 0) return new Map();
    const { read } = this.#storage;
    const [there, deleted] = await Promise.all([
      read
        .selectFrom("oidc_clients")
        .select(["client_id", "name"])
        .where("client_id", "in", clientIds)
        .execute(),
      read
        .selectFrom("deleted_clients")
        .select(["client_id", "name"])
        .where("client_id", "in", clientIds)
        .execute(),
    ]);
    return new Map([...deleted, ...there].map((row) => [row.client_id, row.name]));
  }

  /** Locked, in the transaction that goes on to change it. Throws `unknown_client`. */
  async lock({ db, lockRows }: WriteTransaction, clientId: string): Promise<App> {
    const query = db.selectFrom("oidc_clients").selectAll().where("client_id", "=", clientId);
    const row = await lockRows(query).executeTakeFirst();
    return row === undefined ? throwUnknown(clientId) : this.appOf(row);
  }

  /** The `client_id` of those that may use an API. Whoever gives it to another locks the API's row first (`Apis.namedIn`). */
  async thoseOfApi({ db }: Pick<WriteTransaction, "db">, identifier: string): Promise<string[]> {
    const named = containing("settings", storedApiName(identifier, this.#issuer));
    const rows = await db.selectFrom("oidc_clients").select("client_id").where(named).execute();
    return rows.map(({ client_id }) => client_id);
  }

  /** Whether the name was free: one that was ever given is never given again. */
  async insert({ db }: WriteTransaction, app: NewApp): Promise<boolean> {
    const deleted = db
      .selectFrom("deleted_clients")
      .select("client_id")
      .where("client_id", "=", app.clientId);
    if ((await deleted.executeTakeFirst()) !== undefined) return false;
    const now = wholeSeconds(this.#clock);
    const inserted = await db
      .insertInto("oidc_clients")
      .values({
        client_id: app.clientId,
        ...this.#columnsOf(app),
        disabled_at: null,
        origin: app.origin,
        revision: 1,
        created_at: now,
        changed_at: now,
      })
      .onConflict((conflict) => conflict.column("client_id").doNothing())
      .returning("client_id")
      .executeTakeFirst();
    return inserted !== undefined;
  }

  /** Only the row, as all below: whoever calls ends what it makes untrue in the same transaction. */
  async update({ db }: WriteTransaction, clientId: string, settings: NamedSettings): Promise<void> {
    assertNotBuiltIn(clientId);
    await this.#change(db, clientId, this.#columnsOf(settings));
  }

  /** Of an app that comes with the server, when another version of it says another. */
  async renewBuiltIn({ db }: WriteTransaction, clientId: string, settings: NamedSettings): Promise<void> {
    await this.#change(db, clientId, this.#columnsOf(settings));
  }

  async disable({ db }: WriteTransaction, clientId: string): Promise<void> {
    await this.#change(db, clientId, { disabled_at: wholeSeconds(this.#clock) });
  }

  async enable({ db }: WriteTransaction, clientId: string): Promise<void> {
    await this.#change(db, clientId, { disabled_at: null });
  }

  /** When a secret came or went: whoever edits the app meanwhile hears of it. */
  async touch({ db }: WriteTransaction, clientId: string): Promise<void> {
    await this.#change(db, clientId, {});
  }

  async #change(db: WriteTransaction["db"], clientId: string, change: ClientChange): Promise<void> {
    await db
      .updateTable("oidc_clients")
      .set((eb) => ({ ...change, revision: eb("revision", "+", 1), changed_at: wholeSeconds(this.#clock) }))
      .where("client_id", "=", clientId)
      .execute();
  }

  async delete({ db }: WriteTransaction, app: App, actor: string): Promise<void> {
    const { clientId, name } = app;
    assertNotBuiltIn(clientId);
    await db.deleteFrom("oidc_clients").where("client_id", "=", clientId).execute();
    await db.deleteFrom("client_secrets").where("client_id", "=", clientId).execute();
    const tombstone = { client_id: clientId, name, deleted_at: wholeSeconds(this.#clock), deleted_by: actor };
    await db
      .insertInto("deleted_clients")
      .values({ ...tombstone, backchannel_logout: writtenBackchannelLogout(app) })
      .execute();
  }

  appOf(row: ClientRow): App {
    return {
      ...readSettings(row.settings, this.#issuer),
      clientId: row.client_id,
      name: row.name,
      type: row.type,
      enabled: row.disabled_at === null,
      origin: row.origin,
      revision: row.revision,
      createdAt: row.created_at,
      changedAt: row.changed_at,
    };
  }

  #columnsOf(app: NamedSettings) {
    return {
      name: app.name,
      name_key: nameKeyOf(app.name),
      type: app.type,
      settings: writtenSettings(app, this.#issuer),
      backchannel_logout: writtenBackchannelLogout(app),
    };
  }
}

export type ClientRow = Selectable<ClientsTable>;
type ClientChange = Partial<
  Pick<ClientRow, "name" | "name_key" | "type" | "settings" | "backchannel_logout" | "disabled_at">
>;

function throwUnknown(clientId: string): never {
  throw appsError("unknown_client", {
    text: `Found ${JSON.stringify(clientId)}, and there is no such client here. Nothing was changed.`,
  });
}

export interface EndingOfClient {
  readonly clientId: string;
  readonly actor?: string;
  readonly note?: string;
}

/** Ends all that a client has, with its line in the log. New tokens are up to what the same transaction says of it. */
export async function endClient(
  transaction: WriteTransaction,
  { clientId, actor, note }: EndingOfClient,
  endBelow: EndBelow,
): Promise<Appended> {
  const target = { scope: "client", key: clientId, mode: "kill", reason: "client_disabled" } as const;
  await endBelow(transaction, target);
  const by = { ...(actor === undefined ? {} : { actor }), ...(note === undefined ? {} : { note }) };
  return transaction.append([{ ...target, ...by }]);
}

interface AppAtTime {
  readonly clientId: string;
  /** Seconds. */
  readonly now: number;
}

const WITH_SECRETS = compiledQuery((db, { clientId, now }: AppAtTime) =>
  db
    .selectFrom("oidc_clients")
    .leftJoin("client_secrets", (join) =>
      join
        .onRef("client_secrets.client_id", "=", "oidc_clients.client_id")
        .on((eb) => eb.or([eb("expires_at", "is", null), eb("expires_at", ">", now)])),
    )
    .select(["name", "type", "settings", "client_secrets.id as secret_id", "client_secrets.secret_hash"])
    .where("oidc_clients.client_id", "=", clientId)
    .where("disabled_at", "is", null)
    .orderBy("client_secrets.id"),
);

const ENABLED = compiledQuery((db, { clientId }: Pick<AppAtTime, "clientId">) =>
  db
    .selectFrom("oidc_clients")
    .select("client_id")
    .where("client_id", "=", clientId)
    .where("disabled_at", "is", null),
);

/** Throws `built_in_app`. */
function assertNotBuiltIn(clientId: string): void {
  if (clientId !== COMMAND_CLIENT_ID) return;
  throw appsError("built_in_app", {
    text: `clientId: found ${clientId}, which is built in: it can be disabled, and neither changed nor deleted. Nothing was changed.`,
  });
}
