import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { DatabaseSync } from "node:sqlite";
import test from "node:test";
import { hasCode } from "@portcullis/protocol";
import { sql } from "kysely";
import { openStorage } from "../../src/storage/storage.ts";
import type { WriteTransaction } from "../../src/storage/write-transaction.ts";
import {
  draft,
  oneTo,
  storageOptions,
  storedSeqs,
  temporaryFile,
  temporaryStorage,
} from "./temporary-storage.ts";

const addReplica = ({ db }: WriteTransaction, name: string) =>
  db.insertInto("replicas").values({ client_id: "gateway", name, lease_ms: 1 }).execute();

test("seqs are gap-free under many parallel units of which some fail", async (t) => {
  const storage = await temporaryStorage(t);
  const published: number[] = [];
  storage.log.subscribe((records) => {
    published.push(...records.map((record) => record.seq));
    assert.equal(storage.log.head(), published.at(-1), "the head moves before anybody is told");
  });
  const results = await Promise.allSettled(
    oneTo(600).map((index) =>
      storage.write(async (transaction) => {
        const appended = transaction.append([draft(`a${index}`), draft(`b${index}`)]);
        if (index % 3 === 0) throw new Error("on purpose");
        return appended;
      }),
    ),
  );
  const given = results.flatMap((result) => (result.status === "fulfilled" ? [result.value.seq] : []));
  assert.equal(given.length, 400);
  assert.deepEqual(
    given,
    oneTo(400).map((index) => index * 2),
    "in the order of the units, two each",
  );
  assert.deepEqual(await storedSeqs(storage), oneTo(800));
  assert.deepEqual(published, oneTo(800));
  assert.equal(storage.log.head(), 800);
});

test("the order of seqs is the order of commits: whoever sees a seq sees all before it", async (t) => {
  const storage = await temporaryStorage(t);
  const order: number[] = [];
  const write = async (index: number) => {
    const { seq } = await storage.write(async (transaction) => {
      // Some units are slower inside than those that came after them.
      for (let turn = 0; turn < index % 7; turn++) await addReplica(transaction, `${index}-${turn}`);
      return transaction.append([draft(String(index))]);
    });
    order.push(seq);
    assert.ok(storage.log.head() >= seq);
    assert.deepEqual((await storedSeqs(storage)).slice(0, seq), oneTo(seq));
  };
  await Promise.all(oneTo(150).map(write));
  assert.deepEqual(order, oneTo(150));
});

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

test("a unit that fails is undone alone, and hears of it after the commit of its group", async (t) => {
  const storage = await temporaryStorage(t);
  const error = new Error("on purpose");
  const good = storage.write((transaction) => addReplica(transaction, "good"));
  const bad = storage.write(async (transaction) => {
    await addReplica(transaction, "bad");
    throw error;
  });
  await assert.rejects(bad, (thrown) => thrown === error && storage.counters.commits === 1);
  await good;
  const rows = await storage.read.selectFrom("replicas").select("name").execute();
  assert.deepEqual(
    rows.map((row) => row.name),
    ["good"],
  );
});

test("a failed append fails its unit even when the unit catches it: what it was to revoke would live", async (t) => {
  const storage = await temporaryStorage(t);
  const swallowing = storage.write(async (transaction) => {
    assert.throws(() => transaction.append([draft("a", { note: "\0" })]));
    await addReplica(transaction, "half");
  });
  await assert.rejects(swallowing, (error) => hasCode(error, "invalid_request"));
  assert.equal((await storage.write((transaction) => transaction.append([draft("b")]))).seq, 1);
  assert.deepEqual(await storage.read.selectFrom("replicas").selectAll().execute(), []);
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

test("a write inside a unit is refused instead of waiting for itself", async (t) => {
  const storage = await temporaryStorage(t);
  const nested = storage.write(() => storage.write(async () => "never"));
  await assert.rejects(nested, (error) => hasCode(error, "nested_write"));
  const afterwards = storage.write(async () => () => storage.write(async () => "a new unit"));
  assert.equal(await (await afterwards)(), "a new unit");
});

test("a transaction is dead when its unit is over", async (t) => {
  const storage = await temporaryStorage(t);
  const kept = await storage.write(async (transaction) => transaction);
  await assert.rejects(addReplica(kept, "late"), (error) => hasCode(error, "transaction_over"));
  assert.throws(
    () => kept.append([draft("late")]),
    (error) => hasCode(error, "transaction_over"),
  );
  assert.equal(storage.log.head(), 0);
});

test("a unit runs in the asynchronous context of its own caller", async (t) => {
  const storage = await temporaryStorage(t);
  const context = new AsyncLocalStorage<number>();
  const seen = await Promise.all(
    oneTo(20).map((index) =>
      context.run(index, () =>
        storage.write(async (transaction) => {
          await addReplica(transaction, String(index));
          return context.getStore();
        }),
      ),
    ),
  );
  assert.deepEqual(seen, oneTo(20));
});

test("transaction control is the group's alone", async (t) => {
  const storage = await temporaryStorage(t);
  for (const statement of ["commit", " ROLLBACK", "begin", "savepoint x", "release unit"]) {
    const unit = storage.write(({ db }) => sql.raw(statement).execute(db));
    await assert.rejects(unit, (error) => hasCode(error, "statement_refused"));
    await assert.rejects(sql.raw(statement).execute(storage.read), (error) =>
      hasCode(error, "statement_refused"),
    );
  }
});

test("the reading connection cannot write", async (t) => {
  const storage = await temporaryStorage(t);
  await assert.rejects(storage.read.deleteFrom("replicas").execute(), /readonly/);
});

test("closing stores what is queued and refuses what comes later", async (t) => {
  const file = temporaryFile(t);
  const storage = await openStorage(storageOptions(file));
  const queued = storage.write((transaction) => transaction.append([draft("a")]));
  const closed = storage.close();
  const late = storage.write(async () => undefined);
  await assert.rejects(late, (error) => hasCode(error, "storage_closed"));
  assert.equal((await queued).seq, 1);
  await closed;
  const again = await openStorage(storageOptions(file));
  t.after(() => again.close());
  assert.equal(again.log.head(), 1);
});
