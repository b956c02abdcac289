/** Sessions as lists show them: whose, on what, where, since when, and for which apps. Reads alone; what is shown is not locked. */
import type { Clock, DeviceType, SessionEntry } from "@portcullis/protocol";
import { type Selectable, sql } from "kysely";
import type { Clients } from "../apps/clients.ts";
import { type Names, namesOf } from "../names/names-of.ts";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { SessionsTable } from "../storage/tables/oidc.ts";
import { deviceNameOf, deviceOf } from "./device.ts";
import { isGrantOngoing, isLive } from "./live-sessions.ts";
import type { Policies, Policy } from "./policies.ts";

export interface SessionFilter {
  readonly accountId?: string | undefined;
  /** `client_id` of an app that has something below the session. */
  readonly app?: string | undefined;
  readonly deviceType?: DeviceType | undefined;
  /** Seconds: signed in before. */
  readonly before?: number | undefined;
  readonly active?: boolean | undefined;
}

/** Of the last item of a page. */
export interface SessionPlace {
  readonly createdAt: string;
  readonly sid: string;
}

export interface SessionListOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly policies: Pick<Policies, "read">;
  readonly clients: Pick<Clients, "namesOf">;
}

type Row = Selectable<SessionsTable> & {
  readonly account_id: string;
  readonly username: string | null;
  readonly active: unknown;
};

export class SessionLister {
  readonly #options: SessionListOptions;

  constructor(options: SessionListOptions) {
    this.#options = options;
  }

  /** The newest first. */
  async page(
    filter: SessionFilter,
    { after, limit }: { readonly after: SessionPlace | undefined; readonly limit: number },
  ): Promise<SessionEntry[]> {
    let query = this.#rows(filter);
    if (after !== undefined) {
      const at = secondsOf(after.createdAt);
      query = query.where((eb) =>
        eb.or([
          eb("oidc_sessions.created_at", "<", at),
          eb.and([eb("oidc_sessions.created_at", "=", at), eb("oidc_sessions.uid", "<", after.sid)]),
        ]),
      );
    }
    const rows = await query
      .orderBy("oidc_sessions.created_at", "desc")
      .orderBy("oidc_sessions.uid", "desc")
      .limit(limit)
      .execute();
    return this.#entriesOf(rows as Row[]);
  }

  async count(filter: SessionFilter): Promise<number> {
    const { count } = await this.#rows(filter)
      .clearSelect()
      .select((eb) => eb.fn.countAll().as("count"))
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  /** Undefined: there is none of anybody. */
  async find(sid: string): Promise<SessionEntry | undefined> {
    const rows = await this.#rows({}).where("oidc_sessions.uid", "=", sid).execute();
    const [entry] = await this.#entriesOf(rows as Row[]);
    return entry;
  }

  #rows({ accountId, app, deviceType, before, active }: SessionFilter) {
    const live = isLive(wholeSeconds(this.#options.clock));
    return this.#options.storage.read
      .selectFrom("oidc_sessions")
      .leftJoin("users", "users.id", "oidc_sessions.account_id")
      .selectAll("oidc_sessions")
      .select(["users.username", live.as("active")])
      .where("oidc_sessions.account_id", "is not", null)
      .$if(accountId !== undefined, (query) => query.where("oidc_sessions.account_id", "=", accountId!))
      .$if(deviceType !== undefined, (query) => query.where(isOfType(deviceType!)))
      .$if(before !== undefined, (query) => query.where(isSignedInBefore(before!)))
      .$if(active !== undefined, (query) => query.where(active ? live : sql<boolean>`not ${live}`))
      .$if(app !== undefined, (query) =>
        query.where((eb) =>
          eb.exists(
            eb
              .selectFrom("oidc_grants")
              .select("oidc_grants.id")
              .whereRef("oidc_grants.session_uid", "=", "oidc_sessions.uid")
              .where("oidc_grants.client_id", "=", app!)
              .where(isGrantOngoing(wholeSeconds(this.#options.clock))),
          ),
        ),
      );
  }

  async #entriesOf(rows: readonly Row[]): Promise<SessionEntry[]> {
    if (rows.length === 0) return [];
    const { storage, clients, policies } = this.#options;
    const uids = rows.map(({ uid }) => uid);
    const query = storage.read.selectFrom("oidc_grants").select(["session_uid", "client_id"]);
    const grants = await query
      .where("session_uid", "in", uids)
      .where(isGrantOngoing(wholeSeconds(this.#options.clock)))
      .orderBy("client_id")
      .execute();
    const left = await storage.read
      .selectFrom("oidc_ended_grants")
      .select(["session_uid", "client_id", "replaced_by"])
      .where("session_uid", "in", uids)
      .where("replaced_by", "is not", null)
      .orderBy("client_id")
      .execute();
    const names = await clients.namesOf([...new Set([...grants, ...left].map(({ client_id }) => client_id))]);
    const policy = await policies.read();
    const nameless = rows.flatMap(({ username, account_id }) => (username === null ? [account_id] : []));
    const labels = await namesOf(storage.read, nameless);
    return rows.map((row) => {
      const ids = grants.filter(({ session_uid }) => session_uid === row.uid);
      const apps = ids.map(({ client_id }) => ({
        clientId: client_id,
        name: names.get(client_id) ?? client_id,
      }));
      const replacedApps = left
        .filter(({ session_uid }) => session_uid === row.uid)
        .map(({ client_id: id, replaced_by: by }) => ({
          clientId: id,
          name: names.get(id) ?? id,
          replacedBy: by!,
        }));
      return {
        ...entryOf(row, policy, labels),
        apps,
        ...(replacedApps.length === 0 ? {} : { replacedApps }),
      };
    });
  }
}

/** Sessions of before there were types are of another type than those that have a name. */
export const isOfType = (type: DeviceType) =>
  sql<boolean>`coalesce(oidc_sessions.device_type, 'other') = ${type}`;

/** `at`: seconds. */
export const isSignedInBefore = (at: number) =>
  sql<boolean>`coalesce(oidc_sessions.auth_time, oidc_sessions.created_at) < ${at}`;

function entryOf(
  row: Row,
  { idleSeconds, absoluteSeconds }: Policy,
  labels: Names,
): Omit<SessionEntry, "apps"> {
  const { type: _type, name: _name, browser, os } = deviceOf(row.user_agent);
  const authTime = row.auth_time ?? row.created_at;
  const expiresAt = Math.min(row.expires_at, row.last_seen_at + idleSeconds, authTime + absoluteSeconds);
  return {
    sid: row.uid,
    user: userOf(row, labels),
    device: {
      name: deviceNameOf(row),
      type: (row.device_type ?? "other") as DeviceType,
      ...(browser === undefined ? {} : { browser }),
      ...(os === undefined ? {} : { os }),
    },
    ...(row.address === null ? {} : { address: row.address }),
    amr: row.amr?.split(" ") ?? [],
    createdAt: timeOf(row.created_at),
    authTime: timeOf(authTime),
    lastSeenAt: timeOf(row.last_seen_at),
    expiresAt: timeOf(expiresAt),
    // A number on SQLite.
    active: Boolean(row.active),
    ...(row.ended_at === null ? {} : { endedAt: timeOf(row.ended_at) }),
    ...(row.replaced_by === null ? {} : { replacedBy: row.replaced_by }),
  };
}

function userOf({ account_id: sub, username }: Row, labels: Names): SessionEntry["user"] {
  if (username !== null) return { sub, username };
  const label = labels.get(sub);
  return label === undefined ? { sub } : { sub, label };
}

const timeOf = (seconds: number): string => new Date(seconds * 1000).toISOString();
export const secondsOf = (time: string): number => Math.floor(Date.parse(time) / 1000);
