/** Rows of many people, written straight into SQL: copies of what a real sign-in left there, with ids of their own. */
import { randomBytes } from "node:crypto";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { systemClock } from "@portcullis/protocol";
import pg from "pg";
import { openStorage } from "../../apps/auth-server/src/storage/open-storage.ts";
import type { DatabaseOptions } from "../../apps/auth-server/src/storage/storage.ts";

export type Row = Readonly<Record<string, string | number | null | Uint8Array>>;

export interface RowWriter {
  write(table: string, rows: readonly Row[]): Promise<void>;
  /** Tells the database how much there is now. */
  close(): Promise<void>;
}

/** The rows of one person who has signed in to one app. */
export interface Lineage {
  readonly users: Row;
  readonly oidc_sessions: Row;
  readonly oidc_session_ids: Row;
  readonly oidc_grants: Row;
  readonly oidc_artefacts: Row;
  readonly oidc_consents: Row;
}

export interface People {
  readonly users: number;
  readonly sessionsPerUser: number;
  /** The first session of each user has a grant of this app; so has none else. */
  readonly bigApp: string;
  /** That of all sessions. */
  readonly otherApp: string;
}

const USERS_PER_BATCH = 1000;

export const newId = (): string => randomBytes(16).toString("base64url");
export const usernameOf = (at: number): string => `user-${String(at).padStart(6, "0")}`;

export async function readLineage(database: DatabaseOptions, username: string): Promise<Lineage> {
  const storage = await openStorage({
    database,
    tokenLifetimeSeconds: 86_400,
    clockSkewSeconds: 5,
    clock: systemClock,
    randomBytes,
  });
  try {
    const { read } = storage;
    const users = await read
      .selectFrom("users")
      .selectAll()
      .where("username", "=", username)
      .executeTakeFirstOrThrow();
    const account = users.id;
    const sessions = read.selectFrom("oidc_sessions").selectAll().where("account_id", "=", account);
    const oidc_sessions = await sessions.executeTakeFirstOrThrow();
    const ids = read.selectFrom("oidc_session_ids").selectAll().where("session_uid", "=", oidc_sessions.uid);
    const grants = read.selectFrom("oidc_grants").selectAll().where("account_id", "=", account);
    const tokens = read.selectFrom("oidc_artefacts").selectAll().where("model", "=", "RefreshToken");
    const consents = read.selectFrom("oidc_consents").selectAll().where("account_id", "=", account);
    return {
      users: rowOf(users),
      oidc_sessions: rowOf(oidc_sessions),
      oidc_session_ids: rowOf(await ids.executeTakeFirstOrThrow()),
      oidc_grants: rowOf(await grants.executeTakeFirstOrThrow()),
      oidc_artefacts: rowOf(await tokens.executeTakeFirstOrThrow()),
      oidc_consents: rowOf(await consents.executeTakeFirstOrThrow()),
    };
  } finally {
    await storage.close();
  }
}

const rowOf = (row: object): Row => row as Row;

export async function seedPeople(writer: RowWriter, lineage: Lineage, people: People): Promise<void> {
  for (let from = 0; from < people.users; from += USERS_PER_BATCH) {
    const upTo = Math.min(people.users, from + USERS_PER_BATCH);
    const rows = Object.groupBy(rowsOfUsers(from, upTo, lineage, people), ([table]) => table);
    for (const [table, all] of Object.entries(rows))
      await writer.write(
        table,
        all!.map(([, row]) => row),
      );
  }
}

function* rowsOfUsers(
  from: number,
  upTo: number,
  lineage: Lineage,
  people: People,
): Generator<readonly [string, Row]> {
  for (let at = from; at < upTo; at++) yield* rowsOf(at, lineage, people);
}

function* rowsOf(at: number, lineage: Lineage, people: People): Generator<[string, Row]> {
  const { sessionsPerUser, bigApp, otherApp } = people;
  const sub = newId();
  const username = usernameOf(at);
  const email = `${username}@example.com`;
  const name = `Person ${at}`;
  yield [
    "users",
    {
      ...lineage.users,
      id: sub,
      username,
      username_key: username,
      email,
      email_key: email,
      list_key: username,
      name,
    },
  ];
  for (const key of [username, email, name.toLowerCase()])
    yield ["user_names", { name_key: key, user_id: sub }];
  for (const app of [bigApp, otherApp])
    yield ["oidc_consents", { ...lineage.oidc_consents, account_id: sub, client_id: app }];
  for (let session = 0; session < sessionsPerUser; session++) {
    const sid = newId();
    yield ["oidc_sessions", copyOf(lineage, "oidc_sessions", { sub, sid })];
    yield ["oidc_session_ids", { ...lineage.oidc_session_ids, session_uid: sid, id_hash: randomBytes(32) }];
    for (const app of session === 0 ? [bigApp, otherApp] : [otherApp]) {
      const gid = newId();
      yield ["oidc_grants", copyOf(lineage, "oidc_grants", { sub, sid, gid, app })];
      const token = copyOf(lineage, "oidc_artefacts", { sub, sid, gid, app });
      yield ["oidc_artefacts", { ...token, id_hash: randomBytes(32) }];
    }
  }
}

interface Ids {
  readonly sub: string;
  readonly sid: string;
  readonly gid?: string;
  readonly app?: string;
}

/** With other ids, in columns and in what is JSON. */
function copyOf(lineage: Lineage, table: keyof Lineage, { sub, sid, gid, app }: Ids): Row {
  const { id: grant, client_id: client, account_id: account, session_uid: session } = lineage.oidc_grants;
  const other = new Map([
    [account, sub],
    [session, sid],
    ...(gid === undefined ? [] : [[grant, gid] as const]),
  ]);
  const entries = Object.entries(lineage[table]).map(([column, value]) => {
    if (typeof value !== "string") return [column, value];
    let text = value;
    for (const [old, mine] of other) text = text.replaceAll(old as string, mine);
    if (app !== undefined)
      text = text === client ? app : text.replaceAll(`"clientId":"${client}"`, `"clientId":"${app}"`);
    return [column, text];
  });
  return Object.fromEntries(entries);
}

export function sqliteWriter(file: string): RowWriter {
  const database = new DatabaseSync(file);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000");
  return {
    async write(table, rows) {
      const columns = Object.keys(rows[0]!);
      const places = columns.map(() => "?").join(", ");
      const insert = database.prepare(`insert into ${table} (${columns.join(", ")}) values (${places})`);
      database.exec("BEGIN");
      for (const row of rows) insert.run(...columns.map((column) => row[column] as SQLInputValue));
      database.exec("COMMIT");
    },
    async close() {
      database.exec("ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)");
      database.close();
    },
  };
}

export async function postgresWriter(url: string): Promise<RowWriter> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("set synchronous_commit = off");
  return {
    async write(table, rows) {
      const columns = Object.keys(rows[0]!).join(", ");
      const text = `insert into ${table} (${columns}) select ${columns} from json_populate_recordset(null::${table}, $1)`;
      await client.query(text, [JSON.stringify(rows, bytesAsHex)]);
    },
    async close() {
      await client.query("vacuum analyze");
      await client.end();
    },
  };
}

/** As PostgreSQL reads `bytea`. A Buffer says itself what it is in JSON, before anybody is asked. */
function bytesAsHex(_name: string, value: unknown): unknown {
  const { type, data } = (value ?? {}) as { type?: string; data?: number[] };
  return type === "Buffer" ? `\\x${Buffer.from(data!).toString("hex")}` : value;
}
