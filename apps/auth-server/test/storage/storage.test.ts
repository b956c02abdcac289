import assert from "node:assert/strict";
import { copyFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import test from "node:test";
import { hasCode } from "@portcullis/protocol";
import { sql } from "kysely";
import { migrations } from "../../src/storage/migrations/index.ts";
import { openStorage } from "../../src/storage/open-storage.ts";
import { migrateToLatest } from "../../src/storage/sqlite/migrate.ts";
import { clockAt } from "../clocks.ts";
import { draft, storageOptions, temporaryFile, temporaryStorage } from "./temporary-storage.ts";

test("two databases have two incarnations and two hash keys", async (t) => {
  const [left, right] = [await temporaryStorage(t), await temporaryStorage(t)];
  assert.notEqual(left.log.incarnation, right.log.incarnation);
  assert.notDeepEqual(left.log.hashKey, right.log.hashKey);
});

test("the data is for its owner alone", async (t) => {
  const file = temporaryFile(t);
  const storage = await openStorage(storageOptions(file));
  t.after(() => storage.close());
  await storage.write((transaction) => transaction.append([draft("a")]));
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
  assert.equal(mode(dirname(file)), "700");
  assert.deepEqual([file, `${file}-wal`, `${file}-shm`, `${file}.lock`].map(mode), [
    "600",
    "600",
    "600",
    "600",
  ]);
});

test("every commit waits for the disk", async (t) => {
  const storage = await temporaryStorage(t);
  const settings = await storage.write(async ({ db }) => [
    await sql`pragma journal_mode`.execute(db),
    await sql`pragma synchronous`.execute(db),
    await sql`pragma foreign_keys`.execute(db),
  ]);
  assert.deepEqual(
    settings.map(({ rows }) => Object.values(rows[0] as object)[0]),
    ["wal", 2, 1],
  );
});

test("what is committed is written back when it is asked for, also while a unit is under way", async (t) => {
  const file = temporaryFile(t);
  const storage = await openStorage(storageOptions(file));
  t.after(() => storage.close());
  /** In the file alone, as it is without its journal. */
  const keysInFile = () => {
    const copy = `${file}.copy`;
    copyFileSync(file, copy);
    const database = new DatabaseSync(copy);
    const rows = database.prepare("select key_text from revocations order by seq").all();
    database.close();
    return rows.map(({ key_text }) => key_text);
  };
  await storage.writeBack!();
  await storage.write((transaction) => transaction.append([draft("a")]));
  assert.deepEqual(keysInFile(), []);
  await storage.writeBack!();
  assert.deepEqual(keysInFile(), ["a"]);

  await storage.write((transaction) => transaction.append([draft("b")]));
  await storage.write(async ({ db }) => {
    await db.updateTable("revocations").set({ key_text: "changed" }).execute();
    await storage.writeBack!();
    assert.deepEqual(keysInFile(), ["a", "b"], "without what is not committed");
  });
  await storage.writeBack!();
  assert.deepEqual(keysInFile(), ["changed", "changed"]);
});

test("a second server on the same data is refused with a way out", async (t) => {
  const file = temporaryFile(t);
  const storage = await openStorage(storageOptions(file));
  await assert.rejects(openStorage(storageOptions(file)), (error) => {
    assert.ok(hasCode(error, "data_in_use"));
    assert.match(error.message, /another data directory/);
    return true;
  });
  await storage.close();
  const next = await openStorage(storageOptions(file));
  await next.close();
});

test("a data file that cannot be made is refused with its path", async (t) => {
  const file = `${temporaryFile(t)}\0`;
  await assert.rejects(openStorage(storageOptions(file)), (error) => hasCode(error, "data_unusable"));
});

test("migrations happen all or not at all", async () => {
  const database = new DatabaseSync(":memory:");
  const broken = {
    ...migrations,
    "9999-broken": {
      async up() {
        throw new Error("on purpose");
      },
    },
  };
  await assert.rejects(migrateToLatest(database, broken), (error) => hasCode(error, "migration_failed"));
  const tables = database.prepare("select name from sqlite_master").all();
  assert.deepEqual(tables, []);
  await migrateToLatest(database, migrations);
  await migrateToLatest(database, migrations);
});

test("revocations keep what the audit needs, and verifiers are not told of it", async (t) => {
  const storage = await temporaryStorage(t);
  await storage.write((transaction) =>
    transaction.append([
      draft("alice", { actor: "admin", note: "lost phone" }),
      draft("", { scope: "subject-client", key: { subject: "alice", client: "app" } }),
      draft("", { scope: "subject-audience", key: { subject: "alice", audience: "api" } }),
      { scope: "issuer", mode: "kill", reason: "possible_loss", key: undefined },
    ]),
  );
  const rows = await storage.read.selectFrom("revocations").select(["key_text", "actor", "note"]).execute();
  assert.deepEqual(
    rows.map((row) => ({ ...row })),
    [
      { key_text: "alice", actor: "admin", note: "lost phone" },
      { key_text: '{"subject":"alice","client":"app"}', actor: null, note: null },
      { key_text: '{"subject":"alice","audience":"api"}', actor: null, note: null },
      { key_text: null, actor: null, note: null },
    ],
  );
  const [record] = await storage.log.read(0, 1);
  assert.deepEqual(Object.keys(record!).sort(), [
    "chain",
    "expiresAt",
    "key",
    "mode",
    "reason",
    "revokedAt",
    "scope",
    "seq",
  ]);
  assert.equal(record!.key.length, 16);
});

test("a record is kept as long as a token that it covers can verify anywhere", async (t) => {
  const storage = await temporaryStorage(
    t,
    clockAt(() => 1000.9),
  );
  await storage.write((transaction) =>
    transaction.append([
      draft("alice"),
      draft("jti", { scope: "token", tokenExpiresAt: 1100 }),
      draft("fraction", { scope: "token", tokenExpiresAt: 1100.5 }),
      draft("far", { scope: "token", tokenExpiresAt: 2 ** 32 }),
    ]),
  );
  const records = await storage.log.read(0, 10);
  assert.deepEqual(
    records.map(({ revokedAt, expiresAt, tokenExpiresAt }) => [revokedAt, expiresAt, tokenExpiresAt]),
    [
      [1000, 1310, undefined],
      [1000, 1110, 1100],
      [1000, 1310, undefined],
      [1000, 1310, undefined],
    ],
  );
});
