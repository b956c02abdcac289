/**
 * APIs in SQL. Every token request reads the row of its API, so that what one server changes is so at every other with the
 * next request.
 */
import type { Clock, SigningAlgorithm } from "@portcullis/protocol";
import type { Selectable } from "kysely";
import { accountApi, ownApi } from "../config/own-api.ts";
import type { ResourceConfiguration } from "../config/schema.ts";
import { compiledQuery } from "../storage/compiled-query.ts";
import { shareRows } from "../storage/share-rows.ts";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { ApisTable } from "../storage/tables/apps.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import { apisError } from "./errors.ts";
import { beginsWith, nameKeyOf } from "./name-key.ts";

/** What can be set. */
export interface ApiSettings {
  readonly name: string;
  /** Each permission (a scope), and what it lets an app do, in words. */
  readonly permissions: Readonly<Record<string, string>>;
  readonly accessTokenTtlSeconds: number;
  readonly algorithm: SigningAlgorithm;
  /** Claim to where its value comes from. */
  readonly claims: Readonly<Record<string, string>>;
  /** Permissions that users may have in personal tokens for it. */
  readonly personalTokenPermissions: readonly string[];
  /** Of an app that has access to it, in a session. Undefined: as the policy says. */
  readonly sessionIdleSeconds?: number | undefined;
  readonly sessionAbsoluteSeconds?: number | undefined;
}

export interface Api extends ApiSettings {
  readonly identifier: string;
  readonly enabled: boolean;
  readonly origin: "file" | "api" | "built-in";
  /** Of the built-in one 0: it is never another. */
  readonly revision: number;
  /** Seconds; undefined of the built-in one. */
  readonly createdAt: number | undefined;
  readonly changedAt: number | undefined;
  /** 0, and one more each time that the identifier is given again after a deletion. */
  readonly edition: number;
  /** The revision that each permission came with; of those from the beginning none. Removed and added again, it is another one. */
  readonly permissionEditions: Readonly<Record<string, number>>;
}

export interface ApiFilter {
  /** Beginning of its name, whatever the letter case. */
  readonly name?: string | undefined;
  readonly enabled?: boolean | undefined;
}

/** On one page, to choose from. */
const MAX_APIS_TO_CHOOSE = 200;

export class Apis {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly issuer: string;
  /** The server's own, for whoever administers. */
  readonly own: Api;
  /** The server's own, for people about themselves. */
  readonly account: Api;

  constructor(options: { storage: Storage; clock: Clock; issuer: string }) {
    this.#storage = options.storage;
    this.#clock = options.clock;
    this.issuer = options.issuer;
    this.own = builtIn(ownApi(options.issuer));
    this.account = builtIn(accountApi(options.issuer));
  }

  /** One of the server's own. */
  builtIn(identifier: string): Api | undefined {
    return [this.own, this.account].find((api) => api.identifier === identifier);
  }

  /** For whoever asks for a token: undefined when it is disabled. */
  async findEnabled(identifier: string): Promise<Api | undefined> {
    const api = await this.find(identifier);
    return api?.enabled ? api : undefined;
  }

  async find(identifier: string): Promise<Api | undefined> {
    const builtIn = this.builtIn(identifier);
    if (builtIn !== undefined) return builtIn;
    const row = await BY_IDENTIFIER.first(this.#storage.read, { identifier });
    return row && apiOf(row);
  }

  /** A page of those that the filter lets through, by identifier; the server's own are not among them. */
  async list(filter: ApiFilter, after: string | undefined, limit: number): Promise<Api[]> {
    const some = this.#some(filter).selectAll();
    const behind = after === undefined ? some : some.where("identifier", ">", after);
    return (await behind.orderBy("identifier").limit(limit).execute()).map(apiOf);
  }

  async count(filter: ApiFilter): Promise<number> {
    const query = this.#some(filter).select((eb) => eb.fn.countAll<number>().as("number"));
    return Number((await query.executeTakeFirstOrThrow()).number);
  }

  #some({ name, enabled }: ApiFilter) {
    let query = this.#storage.read.selectFrom("apis");
    if (name !== undefined) query = query.where(beginsWith(name));
    if (enabled !== undefined) query = query.where("disabled_at", enabled ? "is" : "is not", null);
    return query;
  }

  /** Also one that is disabled. Throws `unknown_api`. */
  async get(identifier: string): Promise<Api> {
    return (await this.find(identifier)) ?? throwUnknown(identifier);
  }

  /** Those of them that there are. */
  async named(identifiers: readonly string[]): Promise<Api[]> {
    const found = await Promise.all(identifiers.map((identifier) => this.find(identifier)));
    return found.filter((api) => api !== undefined);
  }

  /** The times of those that have some. */
  async sessionTimes(identifiers: readonly string[]): Promise<readonly SessionTimesOfApi[]> {
    if (identifiers.length === 0) return [];
    const rows = await this.#storage.read
      .selectFrom("apis")
      .select(["session_idle_seconds", "session_absolute_seconds"])
      .where("identifier", "in", identifiers)
      .execute();
    return rows.map(sessionTimesOfRow);
  }

  /** Those that users may have personal tokens for, by their names. */
  async takingPersonalTokens(): Promise<Api[]> {
    const rows = await this.#storage.read
      .selectFrom("apis")
      .selectAll()
      .where("personal_token_permissions", "!=", "[]")
      .where("disabled_at", "is", null)
      .orderBy("name_key")
      .orderBy("identifier")
      .limit(MAX_APIS_TO_CHOOSE)
      .execute();
    return rows.map(apiOf);
  }

  /** In a transaction, and locked there: the permissions that an app is given must not be taken away meanwhile. */
  async namedIn({ db, lockRows }: WriteTransaction, identifiers: readonly string[]): Promise<Api[]> {
    const query = db
      .selectFrom("apis")
      .selectAll()
      .where("identifier", "in", [...identifiers, ""]);
    const rows = await lockRows(query.orderBy("identifier")).execute();
    const own = identifiers.flatMap((identifier) => this.builtIn(identifier) ?? []);
    return [...rows.filter(({ identifier }) => !this.builtIn(identifier)).map(apiOf), ...own];
  }

  /** Locked, in the transaction that goes on to change it. Throws `unknown_api`, and `built_in_api` of the server's own. */
  async lock({ db, lockRows }: WriteTransaction, identifier: string): Promise<Api> {
    if (this.builtIn(identifier) !== undefined) throw apisError("built_in_api");
    const query = db.selectFrom("apis").selectAll().where("identifier", "=", identifier);
    const row = await lockRows(query).executeTakeFirst();
    return row === undefined ? throwUnknown(identifier) : apiOf(row);
  }

  /** Those that tokens are issued for; none of them changes until the end of the transaction. */
  async shareEnabled(transaction: WriteTransaction): Promise<Api[]> {
    const query = transaction.db.selectFrom("apis").selectAll().where("disabled_at", "is", null);
    return (await shareRows(transaction, query.orderBy("identifier")).execute()).map(apiOf);
  }

  async exists({ db }: Pick<WriteTransaction, "db">, identifier: string): Promise<boolean> {
    if (this.builtIn(identifier) !== undefined) return true;
    const query = db.selectFrom("apis").select("identifier").where("identifier", "=", identifier);
    return (await query.executeTakeFirst()) !== undefined;
  }

  /** Whether it is new: one that is there is left as it is. Throws `api_not_forgotten`. */
  async insert({ db }: WriteTransaction, api: NewApi): Promise<boolean> {
    const now = wholeSeconds(this.#clock);
    const { identifier, origin } = api;
    const edition = await nextEdition(db, identifier);
    const row = {
      ...columnsOf(api),
      identifier,
      origin,
      disabled_at: null,
      edition,
      permission_editions: "{}",
    };
    const inserted = await db
      .insertInto("apis")
      .values({ ...row, revision: 1, created_at: now, changed_at: now })
      .onConflict((conflict) => conflict.column("identifier").doNothing())
      .returning("identifier")
      .executeTakeFirst();
    if (inserted === undefined) return false;
    await assertForgotten(db, api.identifier);
    await forgetTombstone(db, api.identifier);
    return true;
  }

  /** `before` as it was locked in this transaction. */
  async update({ db }: WriteTransaction, before: Api, settings: ApiSettings): Promise<void> {
    const revision = before.revision + 1;
    const permissionEditions = editionsOfPermissions(before, settings, revision);
    await db
      .updateTable("apis")
      .set({
        ...columnsOf(settings),
        permission_editions: JSON.stringify(permissionEditions),
        revision,
        changed_at: wholeSeconds(this.#clock),
      })
      .where("identifier", "=", before.identifier)
      .execute();
  }

  async setEnabled({ db }: WriteTransaction, identifier: string, enabled: boolean): Promise<void> {
    const now = wholeSeconds(this.#clock);
    await db
      .updateTable("apis")
      .set((eb) => ({
        disabled_at: enabled ? null : now,
        revision: eb("revision", "+", 1),
        changed_at: now,
      }))
      .where("identifier", "=", identifier)
      .execute();
  }

  async delete({ db }: WriteTransaction, { identifier, name, edition }: Api, actor: string): Promise<void> {
    await db.deleteFrom("apis").where("identifier", "=", identifier).execute();
    const tombstone = { identifier, name, edition, deleted_at: wholeSeconds(this.#clock), deleted_by: actor };
    await db.insertInto("deleted_apis").values(tombstone).execute();
  }
}

/** Behind the insert, which waits for a deletion that is under way: users have allowed nothing at the API that comes after it. */
async function assertForgotten(db: WriteTransaction["db"], identifier: string): Promise<void> {
  const marks = db.selectFrom("oidc_bulk_endings").select("seq").where("scope", "=", "audience");
  if ((await marks.where("key", "=", identifier).executeTakeFirst()) !== undefined)
    throw apisError("api_not_forgotten");
}

export interface NewApi extends ApiSettings {
  readonly identifier: string;
  readonly origin: "file" | "api";
}

export type ApiRow = Selectable<ApisTable>;

export const apiOf = (row: ApiRow): Api => ({
  identifier: row.identifier,
  name: row.name,
  permissions: JSON.parse(row.permissions),
  accessTokenTtlSeconds: row.access_token_ttl_seconds,
  algorithm: row.algorithm,
  claims: JSON.parse(row.claims),
  personalTokenPermissions: JSON.parse(row.personal_token_permissions),
  ...sessionTimesOfRow(row),
  enabled: row.disabled_at === null,
  origin: row.origin,
  revision: row.revision,
  createdAt: row.created_at,
  changedAt: row.changed_at,
  edition: row.edition,
  permissionEditions: JSON.parse(row.permission_editions),
});

const columnsOf = (api: ApiSettings) => ({
  name: api.name,
  name_key: nameKeyOf(api.name),
  permissions: JSON.stringify(api.permissions),
  access_token_ttl_seconds: api.accessTokenTtlSeconds,
  algorithm: api.algorithm,
  claims: JSON.stringify(api.claims),
  personal_token_permissions: JSON.stringify(api.personalTokenPermissions),
  session_idle_seconds: api.sessionIdleSeconds ?? null,
  session_absolute_seconds: api.sessionAbsoluteSeconds ?? null,
});

const sessionTimesOfRow = (row: Pick<ApiRow, "session_idle_seconds" | "session_absolute_seconds">) =>
  sessionTimesOf({
    sessionIdleSeconds: row.session_idle_seconds ?? undefined,
    sessionAbsoluteSeconds: row.session_absolute_seconds ?? undefined,
  });

type SessionTimesOfApi = Pick<ApiSettings, "sessionIdleSeconds" | "sessionAbsoluteSeconds">;

/** Those that are set. */
export const sessionTimesOf = ({
  sessionIdleSeconds,
  sessionAbsoluteSeconds,
}: SessionTimesOfApi): SessionTimesOfApi => ({
  ...(sessionIdleSeconds === undefined ? {} : { sessionIdleSeconds }),
  ...(sessionAbsoluteSeconds === undefined ? {} : { sessionAbsoluteSeconds }),
});

export const apiSettingsOf = (resource: ResourceConfiguration): ApiSettings => ({
  name: resource.name,
  permissions: resource.scopes,
  accessTokenTtlSeconds: resource.accessTokenTtlSeconds,
  algorithm: resource.algorithm,
  claims: resource.claims,
  personalTokenPermissions: resource.personalTokenPermissions,
  ...sessionTimesOf(resource),
});

const builtIn = (resource: ResourceConfiguration): Api => ({
  ...apiSettingsOf(resource),
  identifier: resource.identifier,
  enabled: true,
  origin: "built-in",
  revision: 0,
  createdAt: undefined,
  changedAt: undefined,
  edition: 0,
  permissionEditions: {},
});

const BY_IDENTIFIER = compiledQuery((db, { identifier }: { readonly identifier: string }) =>
  db.selectFrom("apis").selectAll().where("identifier", "=", identifier),
);

/** One more than that of the API of this identifier that was deleted last. */
async function nextEdition(db: WriteTransaction["db"], identifier: string): Promise<number> {
  const query = db.selectFrom("deleted_apis").select("edition").where("identifier", "=", identifier);
  const deleted = await query.executeTakeFirst();
  return deleted === undefined ? 0 : deleted.edition + 1;
}

function editionsOfPermissions(
  { permissions: before, permissionEditions }: Api,
  { permissions }: ApiSettings,
  revision: number,
): Record<string, number> {
  const editions = Object.keys(permissions).map((word) => {
    const isNew = !Object.hasOwn(before, word);
    return [word, isNew ? revision : permissionEditions[word]] as const;
  });
  return Object.fromEntries(editions.filter((entry): entry is [string, number] => entry[1] !== undefined));
}

async function forgetTombstone(db: WriteTransaction["db"], identifier: string): Promise<void> {
  await db.deleteFrom("deleted_apis").where("identifier", "=", identifier).execute();
}

export function throwUnknown(identifier: string): never {
  throw apisError("unknown_api", {
    text: `Found ${JSON.stringify(identifier)}, and there is no such API here. Nothing was changed.`,
  });
}
