/** What a released version has left is brought to the newest schema, and every revocation in it holds as before. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, it, type TestContext, test } from "node:test";
import { CHAIN_START, encodeRecords, extendChain } from "@portcullis/protocol";
import { startPostgres } from "@portcullis/testing/servers";
import pg from "pg";
import { loadLocalRevocations } from "../../src/revocations/local-revocations.ts";
import { recordOf } from "../../src/revocations/revocation-row.ts";
import { migrations } from "../../src/storage/migrations/index.ts";
import { migrateToLatest as migratePostgres } from "../../src/storage/postgres/prepare-database.ts";
import { migrateToLatest } from "../../src/storage/sqlite/migrate.ts";
import type { DatabaseOptions, Storage } from "../../src/storage/storage.ts";
import { signIn } from "../oidc/app.ts";
import { ALICE, startServer } from "../oidc/server-under-test.ts";
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

async function upgraded(t: TestContext, driver: Driver): Promise<Storage> {
  const options = storageOptions("unused", () => RELEASED[driver].now);
  return closingStorages(t, { ...options, database: await LEFT[driver](t) })();
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
      const local = await loadLocalRevocations({ log, nowSeconds: () => now });
      const outcomeOf = (claims: object) => local.verdict(local.coordinatesOf(claims as never, {})).outcome;
      assert.deepEqual(alive.map(outcomeOf), ["allow", "allow"]);
      assert.deepEqual(dead.map(outcomeOf), ["killed", "killed"]);
      const forged = local.coordinatesOf(alive[0] as never, { kid: "stolen-key" });
      assert.equal(local.verdict(forged).outcome, "killed");
    });

    it("lets its users sign in with the passwords that they have", async (t) => {
      const database = driver === "postgres" ? await LEFT.postgres(t) : undefined;
      const server = await startServer({
        change(configuration) {
          if (database !== undefined) Object.assign(configuration, { database });
          else fill(join(configuration.dataDirectory, "auth-server.sqlite"), dumpOf("sqlite"));
        },
      });
      t.after(() => server.stop());
      const { claims } = await signIn(server, { credentials: ALICE });
      assert.equal(claims.sub, RELEASED[driver].alive[0]!.sub);
    });
  });
}

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
