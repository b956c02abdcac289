/** What a released version has left is brought to the newest schema, and every revocation in it holds as before. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, it, type TestContext, test } from "node:test";
import { CHAIN_START, encodeRecords, extendChain } from "@portcullis/protocol";
import { exchange, json } from "@portcullis/testing/end-to-end";
import { startPostgres } from "@portcullis/testing/servers";
import type { JWK } from "jose";
import pg from "pg";
import { loadLocalRevocations } from "../../src/revocations/verifiers/local-revocations.ts";
import { recordOf } from "../../src/storage/log/revocation-row.ts";
import { migrations } from "../../src/storage/migrations/index.ts";
import { migrateToLatest as migratePostgres } from "../../src/storage/postgres/prepare-database.ts";
import { migrateToLatest } from "../../src/storage/sqlite/migrate.ts";
import type { DatabaseOptions, Storage } from "../../src/storage/storage.ts";
import { wallClock } from "../clocks.ts";
import { apiToken, forge, useApi } from "../keys/stolen-key.ts";
import { signIn } from "../oidc/app.ts";
import { ALICE, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import { RELEASED } from "./released/tokens.ts";
import { closingStorages, storageOptions, temporaryFile } from "./temporary-storage.ts";

const DRIVERS = ["sqlite", "postgres"] as const;
type Driver = (typeof DRIVERS)[number];

const dumpOf = (driver: Driver): string =>
  readFileSync(new URL(`./released/${driver}.sql`, import.meta.url), "utf8");
const sha256 = (bytes: Uint8Array): Uint8Array => hash("sha256", bytes, "buffer");
const released = Object.fromEntries(
  Object.entries(migrations).filter(([name]) => name < "0007"),
) as typeof migrations;

let postgres: Awaited<ReturnType<typeof startPostgres>>;
before(async () => {
  postgres = await startPostgres({ fsync: false });
});
after(() => postgres.stop());

function fill(file: string, statements: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const database = new DatabaseSync(file);
  database.exec(statements);
  database.close();
}

async function onPostgres<T>(work: (client: pg.Client) => Promise<T>, url?: string): Promise<T> {
  const client = new pg.Client({ connectionString: url ?? (await postgres.createDatabase()) });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** A database as it was left, not yet opened by this version. */
const LEFT: Readonly<Record<Driver, (test: TestContext) => Promise<DatabaseOptions>>> = {
  async sqlite(t) {
    const file = temporaryFile(t);
    fill(file, dumpOf("sqlite"));
    return { kind: "sqlite", file };
  },
  async postgres() {
    const url = await postgres.createDatabase();
    await onPostgres((client) => client.query(dumpOf("postgres")), url);
    return { kind: "postgres", url, poolSize: 4 };
  },
};

/** The private key that signed when the database was dumped. */
function keyInDump(driver: Driver): JWK & { kid: string } {
  return JSON.parse(/\{"kty":"EC"[^}]*\}/.exec(dumpOf(driver))![0]);
}

async function upgraded(t: TestContext, driver: Driver): Promise<Storage> {
  const options = storageOptions(
    "unused",
    wallClock(() => RELEASED[driver].now),
  );
  return closingStorages(t, { ...options, database: await LEFT[driver](t) })();
}

async function serverOn(t: TestContext, driver: Driver): Promise<ServerUnderTest> {
  const database = driver === "postgres" ? await LEFT.postgres(t) : undefined;
  const server = await startServer({
    change(configuration) {
      if (database !== undefined) Object.assign(configuration, { database });
      else fill(join(configuration.dataDirectory, "auth-server.sqlite"), dumpOf("sqlite"));
    },
  });
  t.after(() => server.stop());
  return server;
}

for (const driver of DRIVERS) {
  describe(`a released database on ${driver}`, () => {
    it("keeps its log, from the anchor to the head, with its chain", async (t) => {
      const { read } = await upgraded(t, driver);
      const state = await read.selectFrom("revocation_state").selectAll().executeTakeFirstOrThrow();
      const rows = await read.selectFrom("revocations").selectAll().orderBy("seq").execute();
      assert.deepEqual(
        rows.slice(0, 7).map(({ seq, scope, mode }) => [seq, scope, mode]),
        [
          [3, 1, 1],
          [4, 2, 1],
          [5, 6, 2],
          [6, 9, 1],
          [7, 10, 1],
          [8, 7, 1],
          [9, 8, 2],
        ],
      );
      assert.equal(state.anchor_seq, 2);
      const chain = extendChain(state.anchor_chain, encodeRecords(rows.map(recordOf)), sha256);
      assert.deepEqual(Buffer.from(chain), Buffer.from(state.chain));
      assert.equal(rows.at(-1)!.seq, state.head);
    });

    it("denies what was revoked, and allows what was not", async (t) => {
      const { log } = await upgraded(t, driver);
      const { now, alive, dead } = RELEASED[driver];
      const local = await loadLocalRevocations({ log, clock: wallClock(() => now) });
      const outcomeOf = (claims: object) => local.verdict(local.coordinatesOf(claims as never, {})).outcome;
      assert.deepEqual(alive.map(outcomeOf), ["allow", "allow"]);
      assert.deepEqual(dead.map(outcomeOf), ["killed", "killed"]);
      const forged = local.coordinatesOf(alive[0] as never, { kid: "stolen-key" });
      assert.equal(local.verdict(forged).outcome, "killed");
    });

    it("replaces its signing key, since the record of a revoked one may have been pruned", async (t) => {
      const server = await serverOn(t, driver);
      const old = keyInDump(driver);
      const published = json<{ keys: { kid: string }[] }>(await exchange(`${server.issuer}/jwks`)).keys;
      assert.equal(published.length, 2, "one that signs, and one that is next");
      assert.ok(published.every(({ kid }) => kid !== old.kid));
      const audience = `${server.issuer}/api`;
      const forged = await forge(old, { issuer: server.issuer, audience, nowSeconds: Date.now() / 1000 });
      assert.equal((await useApi(server.issuer, forged)).status, 401);
      const { storage, revocations } = server.server;
      assert.ok(revocations.local.isKeyRevoked(old.kid), "the record is in the log, for every verifier");
      assert.equal(await revocations.isRefusedForGood("key", "stolen-key"), true);
      const rows = await storage.read
        .selectFrom("oidc_signing_keys")
        .select(["status", "retired_reason", "jwk"])
        .where("kid", "=", old.kid)
        .execute();
      assert.deepEqual(
        rows.map(({ status, retired_reason, jwk }) => [status, retired_reason, "d" in JSON.parse(jwk)]),
        [["retired", "unvouched", false]],
      );
      assert.equal(server.logged("signing_key_replaced").length, 1);
      assert.equal((await useApi(server.issuer, await apiToken(server.issuer, audience))).status, 200);
    });

    it("lets its users sign in with the passwords that they have", async (t) => {
      const server = await serverOn(t, driver);
      const { claims } = await signIn(server, { credentials: ALICE });
      assert.equal(claims.sub, RELEASED[driver].alive[0]!.sub);
    });
  });
}

describe("the upgrade of consents", () => {
  const FAR = 9_999_999_999;
  const scopes = (openid: string, orders?: string) =>
    JSON.stringify({
      openid: { scope: openid, claims: ["email"] },
      ...(orders !== undefined && { resources: { "https://orders.example": orders } }),
    });
  const session = (uid: string, expiresAt: number, endedAt: number | null = null) =>
    `insert into oidc_sessions (uid, account_id, payload, created_at, last_seen_at, expires_at, ended_at)
     values ('${uid.padEnd(22, "s")}', 'alice', '{}', 1, 1, ${expiresAt}, ${endedAt ?? "null"});`;
  const grant = (uid: string, client: string, payload: string, createdAt: number) =>
    `insert into oidc_grants (id, session_uid, account_id, client_id, payload, created_at)
     values ('${(uid + client).padEnd(22, "g")}', '${uid.padEnd(22, "s")}', 'alice', '${client}', '${payload}', ${createdAt});`;
  const left = `
    insert into oidc_clients (client_id, metadata) values ('web', '{}'), ('other', '{}'), ('gone', '{}');
    ${session("one", FAR)}${session("two", FAR)}${session("expired", 5)}${session("ended", FAR, 5)}
    ${grant("one", "web", scopes("openid profile", "orders.read"), 20)}
    ${grant("two", "web", scopes("openid email", "orders.read orders.write"), 10)}
    ${grant("two", "other", scopes("openid"), 30)}
    ${grant("two", "gone", scopes("openid"), 30)}
    ${grant("expired", "other", scopes("openid phone"), 3)}
    ${grant("ended", "other", scopes("openid address"), 4)}`;
  const removed = "update oidc_clients set removed_at = 1 where client_id = 'gone';";
  const before = Object.fromEntries(
    Object.entries(migrations).filter(([name]) => name < "0015"),
  ) as typeof migrations;
  const ask = "select * from oidc_consents order by client_id";
  const made = [
    ["alice", "other", { scopes: ["openid"], claims: ["email"], resources: {} }, 30, 30, null],
    [
      "alice",
      "web",
      {
        scopes: ["email", "openid", "profile"],
        claims: ["email"],
        resources: { "https://orders.example": ["orders.read", "orders.write"] },
      },
      10,
      20,
      null,
    ],
  ];
  const asMade = (rows: readonly Record<string, unknown>[]) =>
    rows.map(({ account_id, client_id, allowed, created_at, changed_at, expires_at }) => {
      const { scopes, claims, resources } = JSON.parse(String(allowed));
      for (const words of [scopes, ...Object.values(resources as object)]) words.sort();
      return [
        account_id,
        client_id,
        { scopes, claims, resources },
        Number(created_at),
        Number(changed_at),
        expires_at,
      ];
    });

  it("makes one of all live grants of a user for an app, on SQLite", async () => {
    const database = new DatabaseSync(":memory:");
    await migrateToLatest(database, before);
    database.exec(left + removed);
    await migrateToLatest(database, migrations);
    assert.deepEqual(asMade(database.prepare(ask).all()), made);
  });

  it("makes one of all live grants of a user for an app, on PostgreSQL", async () => {
    const rows = await onPostgres(async (client) => {
      await migratePostgres(client, before);
      await client.query(left + removed);
      await migratePostgres(client, migrations);
      return (await client.query(ask)).rows;
    });
    assert.deepEqual(asMade(rows), made);
  });
});

describe("the migrations of the release", () => {
  it("still make the schema that it had, on SQLite", async () => {
    const made = new DatabaseSync(":memory:");
    await migrateToLatest(made, released);
    const left = new DatabaseSync(":memory:");
    left.exec(dumpOf("sqlite"));
    const schema = (database: DatabaseSync) =>
      database
        .prepare("select name, sql from sqlite_master order by name")
        .all()
        .map(({ name, sql }) => [
          name,
          String(sql)
            .replaceAll(/ IF NOT EXISTS|\s+/gi, " ")
            .toLowerCase(),
        ]);
    assert.ok(schema(left).length > 20);
    assert.deepEqual(schema(made), schema(left));
  });

  it("still make the schema that it had, on PostgreSQL", async () => {
    const columns = (client: pg.Client) =>
      client
        .query(
          `select table_name, column_name, data_type, is_nullable, column_default
           from information_schema.columns where table_schema = 'public' order by table_name, ordinal_position`,
        )
        .then(({ rows }) => rows as object[]);
    const indexes = (client: pg.Client) =>
      client
        .query("select indexname, indexdef from pg_indexes where schemaname = 'public' order by indexname")
        .then(({ rows }) => rows as object[]);
    const made = await onPostgres(async (client) => {
      await migratePostgres(client, released);
      return [await columns(client), await indexes(client)];
    });
    const left = await onPostgres(async (client) => {
      await client.query(dumpOf("postgres"));
      return [await columns(client), await indexes(client)];
    });
    assert.ok(left[0]!.length > 50);
    assert.deepEqual(made, left);
  });
});

describe("the upgrade of signing keys", () => {
  async function statusesAfter(statements: string): Promise<unknown[]> {
    const database = new DatabaseSync(":memory:");
    await migrateToLatest(database, released);
    database.exec(
      `insert into revocation_state (id, incarnation, head, chain, hash_key, anchor_seq, anchor_chain)
       values (1, 'AAAAAAAAAAAAAAAAAAAAAA', 0, zeroblob(32), zeroblob(32), 0, zeroblob(32));
       insert into oidc_signing_keys values ('old', '{"kid":"old","d":"secret"}', 1), ('new', '{"kid":"new","d":"secret"}', 2);
       ${statements}`,
    );
    await migrateToLatest(database, migrations);
    const keys = database
      .prepare(
        "select kid, status, retired_reason, json_extract(jwk, '$.d') is null as isPublic from oidc_signing_keys",
      )
      .all();
    const refusals = database
      .prepare("select key_text, expires_at from standing_refusals order by key_text")
      .all();
    return [keys.map((row) => Object.values(row)), refusals.map((row) => Object.values(row))];
  }

  it("keeps a key when nothing was pruned and nothing revokes it; one signs", async () => {
    assert.deepEqual(await statusesAfter(""), [
      [
        ["old", "retiring", null, 0],
        ["new", "active", null, 0],
      ],
      [],
    ]);
  });

  it("retires a key whose record is still in the log, and refuses it and foreign ones for good", async () => {
    const record = (seq: number, kid: string) =>
      `insert into revocations (seq, scope, mode, reason, key, key_text, revoked_at, expires_at, chain)
       values (${seq}, 9, 1, 11, randomblob(16), '${kid}', 5, 99, zeroblob(32));`;
    assert.deepEqual(await statusesAfter(`${record(1, "new")}${record(2, "foreign")}`), [
      [
        ["old", "active", null, 0],
        ["new", "retired", "revoked", 1],
      ],
      [
        ["foreign", 99],
        ["new", 99],
      ],
    ]);
  });

  it("vouches for no key of a log that was pruned", async () => {
    assert.deepEqual(await statusesAfter("update revocation_state set head = 3, anchor_seq = 3;"), [
      [
        ["old", "retired", "unvouched", 1],
        ["new", "retired", "unvouched", 1],
      ],
      [
        ["new", 0],
        ["old", 0],
      ],
    ]);
  });
});

test("a log from before the chain gets the chain that verifiers reckon", async () => {
  const database = new DatabaseSync(":memory:");
  const beforeChain = Object.fromEntries(Object.entries(migrations).filter(([name]) => name < "0004"));
  await migrateToLatest(database, beforeChain);
  const insert = database.prepare(
    "insert into revocations (seq, scope, mode, reason, key, revoked_at, expires_at, token_expires_at) values (?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const rows = Array.from({ length: 2_500 }, (_, at) => ({
    seq: at + 1,
    scope: (at % 11) + 1,
    mode: (at % 2) + 1,
    reason: (at % 12) + 1,
    key: sha256(Buffer.from(String(at))).subarray(0, 16),
    revoked_at: 1_796_000_000 + at,
    expires_at: 1_796_000_600 + at,
    token_expires_at: at % 3 === 0 ? 1_796_000_300 + at : null,
  }));
  database.exec("begin");
  for (const row of rows) insert.run(...(Object.values(row) as never[]));
  database.exec(
    "insert into revocation_state (id, incarnation, head, hash_key) values (1, 'AAAAAAAAAAAAAAAAAAAAAA', 2500, zeroblob(32)); commit",
  );
  await migrateToLatest(database, released);
  const { chain } = database.prepare("select chain from revocation_state").get() as { chain: Uint8Array };
  const reckoned = extendChain(CHAIN_START, encodeRecords(rows.map(recordOf)), sha256);
  assert.deepEqual(Buffer.from(chain), Buffer.from(reckoned));
});
