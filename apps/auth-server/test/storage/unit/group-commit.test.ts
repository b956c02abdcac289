import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import test from "node:test";
import { hasCode } from "@portcullis/protocol";
import { sql } from "kysely";
import { openStorage } from "../../../src/storage/open-storage.ts";
import type { WriteTransaction } from "../../../src/storage/write-transaction.ts";
import {
  draft,
  oneTo,
  storageOptions,
  storedSeqs,
  temporaryFile,
  temporaryStorage,
} from "../temporary-storage.ts";

const addReplica = ({ db }: WriteTransaction, name: string) =>
  db.insertInto("replicas").values({ client_id: "gateway", name, lease_ms: 1 }).execute();

test("units that wait together share a commit", async (t) => {
  const storage = await temporaryStorage(t);
  await Promise.all(
    oneTo(500).map((index) => storage.write((transaction) => addReplica(transaction, String(index)))),
  );
  assert.equal(storage.counters.units, 500);
  assert.equal(storage.counters.commits, 2, "groups of at most 256");
});

test("units of requests that arrive in one turn of the event loop share a commit", async (t) => {
  const storage = await temporaryStorage(t);
  // Each timer runs in a callback of its own, with its microtasks after it, as each request does.
  const requests = oneTo(20).map((index) =>
    new Promise((resolve) => setTimeout(resolve, 5)).then(() =>
      storage.write((transaction) => addReplica(transaction, String(index))),
    ),
  );
  await Promise.all(requests);
  assert.equal(storage.counters.units, 20);
  assert.ok(storage.counters.commits <= 2, `${storage.counters.commits} commits`);
});

test("when the COMMIT fails, every unit of the group rejects and nothing is published or kept", async (t) => {
  const storage = await temporaryStorage(t);
  const published: number[] = [];
  storage.log.subscribe((records) => published.push(...records.map((record) => record.seq)));
  await storage.write(async ({ db }) => {
    await sql`create table parent (id integer primary key)`.execute(db);
    await sql`create table child (parent references parent deferrable initially deferred)`.execute(db);
  });
  const results = await Promise.allSettled([
    storage.write((transaction) => transaction.append([draft("before")])),
    storage.write(async () => {
      throw new Error("may rest on what the unit before it wrote");
    }),
    // SQLite finds this out at COMMIT and not before.
    storage.write(({ db }) => sql`insert into child values (1)`.execute(db)),
    storage.write((transaction) => transaction.append([draft("after")])),
  ]);
  for (const result of results) {
    assert.ok(result.status === "rejected" && hasCode(result.reason, "storage_unavailable"));
    assert.equal(result.reason.status, 503);
  }
  assert.deepEqual([published, await storedSeqs(storage), storage.log.head()], [[], [], 0]);
  assert.equal((await storage.write((transaction) => transaction.append([draft("later")]))).seq, 1);
  assert.deepEqual(published, [1]);
});

test("what a unit begins after the commit is begun once it is on disk, and never for a unit that failed", async (t) => {
  const storage = await temporaryStorage(t);
  const begun: string[] = [];
  const begin = (transaction: WriteTransaction, name: string) =>
    transaction.afterCommit(() => begun.push(name));
  const first = storage.write(async (transaction) => {
    begin(transaction, "first");
    await addReplica(transaction, "one");
    assert.deepEqual(begun, []);
  });
  const failing = storage.write(async (transaction) => {
    begin(transaction, "failed");
    throw new Error("undone");
  });
  await assert.rejects(failing, /undone/);
  await first;
  assert.deepEqual(begun, ["first"]);
  await storage.write(({ db }) => sql`create table parent (id integer primary key)`.execute(db));
  await storage.write(({ db }) =>
    sql`create table child (parent references parent deferrable initially deferred)`.execute(db),
  );
  const lost = storage.write(async (transaction) => {
    begin(transaction, "lost");
    await sql`insert into child values (1)`.execute(transaction.db);
  });
  await assert.rejects(lost, (error) => hasCode(error, "storage_unavailable"));
  assert.deepEqual(begun, ["first"]);
});

test("a full disk rejects with storage_unavailable, publishes nothing, and later writes go on from the same seq", async (t) => {
  const storage = await temporaryStorage(t);
  const note = "n".repeat(1_000_000);
  await storage.write((transaction) => transaction.append([draft("first")]));
  await storage.write(({ db }) => sql`pragma max_page_count = 1`.execute(db));
  const full = storage.write((transaction) => transaction.append([draft("second", { note })]));
  await assert.rejects(full, (error) => hasCode(error, "storage_unavailable"));
  assert.equal(storage.log.head(), 1);
  await storage.write(({ db }) => sql`pragma max_page_count = 1000000`.execute(db));
  assert.equal(
    (await storage.write((transaction) => transaction.append([draft("second", { note })]))).seq,
    2,
  );
  assert.deepEqual(await storedSeqs(storage), [1, 2]);
});

test("a database that another process keeps locked rejects all who wait, and works again when it is free", async (t) => {
  const file = temporaryFile(t);
  const storage = await openStorage(storageOptions(file));
  t.after(() => storage.close());
  const other = new DatabaseSync(file);
  other.exec("begin immediate");
  const waiting = oneTo(3).map((index) =>
    storage.write((transaction) => addReplica(transaction, String(index))),
  );
  for (const result of await Promise.allSettled(waiting)) {
    assert.ok(result.status === "rejected" && hasCode(result.reason, "storage_unavailable"));
  }
  other.exec("rollback");
  other.close();
  await storage.write((transaction) => addReplica(transaction, "now"));
});
