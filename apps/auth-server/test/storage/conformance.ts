/** What every driver of the storage does. Each test gets data of its own. */
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import type { TestContext } from "node:test";
import test from "node:test";
import { CHAIN_START, encodeRecords, extendChain, hasCode, systemClock } from "@portcullis/protocol";
import { sql } from "kysely";
import { spend } from "../../src/oidc/state/spend.ts";
import { pruneExpired } from "../../src/revocations/retention/prune.ts";
import { createGuessLimit } from "../../src/sign-in/guess-limit.ts";
import { compiledQuery } from "../../src/storage/compiled-query.ts";
import { SqlRevocationLog } from "../../src/storage/log/sql-revocation-log.ts";
import type { Storage, StorageOptions } from "../../src/storage/storage.ts";
import type { WriteTransaction } from "../../src/storage/write-transaction.ts";
import { clockAt, wallClock } from "../clocks.ts";
import { draft, oneTo, pruneTimeAt, storageOptions, storedSeqs, withoutChain } from "./temporary-storage.ts";

/** Data, on which storages are opened, one after the other. They are closed when the test is over. */
export interface TestData {
  open(options?: Partial<StorageOptions>): Promise<Storage>;
}

export type Driver = (t: TestContext, options?: Partial<StorageOptions>) => Promise<TestData>;

export function storageConformance(driver: Driver): void {
  const open = async (t: TestContext, options?: Partial<StorageOptions>) => (await driver(t, options)).open();

  test("seqs are gap-free under many parallel units of which some fail", async (t) => {
    const storage = await open(t);
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
      given.toSorted((left, right) => left - right),
      oneTo(400).map((index) => index * 2),
      "two each",
    );
    assert.deepEqual(await storedSeqs(storage), oneTo(800));
    assert.deepEqual(published, oneTo(800));
    assert.equal(storage.log.head(), 800);
  });

  test("the order of seqs is the order of commits: whoever sees a seq sees all before it", async (t) => {
    const storage = await open(t);
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
    assert.deepEqual(
      order.toSorted((left, right) => left - right),
      oneTo(150),
    );
  });

  test("a unit that fails is undone alone, and hears of it after the commit of its group", async (t) => {
    const storage = await open(t);
    const error = new Error("on purpose");
    const good = storage.write((transaction) => addReplica(transaction, "good"));
    const bad = storage.write(async (transaction) => {
      await addReplica(transaction, "bad");
      throw error;
    });
    await assert.rejects(bad, (thrown) => thrown === error && storage.counters.commits >= 1);
    await good;
    const rows = await storage.read.selectFrom("replicas").select("name").execute();
    assert.deepEqual(
      rows.map((row) => row.name),
      ["good"],
    );
  });

  test("a failed append fails its unit even when the unit catches it: what it was to revoke would live", async (t) => {
    const storage = await open(t);
    const swallowing = storage.write(async (transaction) => {
      assert.throws(() => transaction.append([draft("a", { note: "\0" })]));
      await addReplica(transaction, "half");
    });
    await assert.rejects(swallowing, (error) => hasCode(error, "invalid_request"));
    assert.equal((await storage.write((transaction) => transaction.append([draft("b")]))).seq, 1);
    assert.deepEqual(await storage.read.selectFrom("replicas").selectAll().execute(), []);
  });

  test("a write inside a unit is refused instead of waiting for itself", async (t) => {
    const storage = await open(t);
    const nested = storage.write(() => storage.write(async () => "never"));
    await assert.rejects(nested, (error) => hasCode(error, "nested_write"));
    const afterwards = storage.write(async () => () => storage.write(async () => "a new unit"));
    assert.equal(await (await afterwards)(), "a new unit");
  });

  test("a transaction is dead when its unit is over", async (t) => {
    const storage = await open(t);
    const kept = await storage.write(async (transaction) => transaction);
    await assert.rejects(addReplica(kept, "late"), (error) => hasCode(error, "transaction_over"));
    assert.throws(
      () => kept.append([draft("late")]),
      (error) => hasCode(error, "transaction_over"),
    );
    assert.equal(storage.log.head(), 0);
  });

  test("a unit runs in the asynchronous context of its own caller", async (t) => {
    const storage = await open(t);
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
    const storage = await open(t);
    for (const statement of ["commit", " ROLLBACK", "begin", "savepoint x", "release unit"]) {
      const unit = storage.write(({ db }) => sql.raw(statement).execute(db));
      await assert.rejects(unit, (error) => hasCode(error, "statement_refused"));
      await assert.rejects(sql.raw(statement).execute(storage.read), (error) =>
        hasCode(error, "statement_refused"),
      );
    }
  });

  test("a compiled query takes the values of each call", async (t) => {
    const storage = await open(t);
    const named = compiledQuery((db, { name }: { readonly name: string }) =>
      db.selectFrom("replicas").select("name").where("name", "=", name),
    );
    await storage.write(async (transaction) => {
      await addReplica(transaction, "one");
      await addReplica(transaction, "other");
      assert.equal((await named.all(transaction.db, { name: "one" })).length, 1);
    });
    assert.equal((await named.first(storage.read, { name: "other" }))?.name, "other");
    assert.equal(await named.first(storage.read, { name: "third" }), undefined);
  });

  test("a compiled query says how many rows it has changed, and is refused once its unit is over", async (t) => {
    const storage = await open(t);
    const forget = compiledQuery((db, { name }: { readonly name: string }) =>
      db.deleteFrom("replicas").where("name", "=", name),
    );
    let over: WriteTransaction | undefined;
    await storage.write(async (transaction) => {
      over = transaction;
      await addReplica(transaction, "one");
      assert.equal(await forget.changed(transaction.db, { name: "other" }), 0n);
      assert.equal(await forget.changed(transaction.db, { name: "one" }), 1n);
    });
    await assert.rejects(forget.changed(over!.db, { name: "one" }), (error) =>
      hasCode(error, "transaction_over"),
    );
  });

  test("a compiled query that computes with a value is refused, and keeps no first value for all calls", async (t) => {
    const storage = await open(t);
    const older = compiledQuery((db, { now }: { readonly now: number }) =>
      db
        .selectFrom("oidc_sessions")
        .select("uid")
        .where("expires_at", "<", now - 60),
    );
    await assert.rejects(older.all(storage.read, { now: 100 }), TypeError);
    const written = compiledQuery((db, { payload }: { readonly payload: object }) =>
      db.selectFrom("oidc_sessions").select("uid").where("payload", "=", JSON.stringify(payload)),
    );
    await assert.rejects(written.all(storage.read, { payload: {} }), TypeError);
  });

  test("the reading connection cannot write", async (t) => {
    const storage = await open(t);
    await storage.write((transaction) => addReplica(transaction, "stays"));
    await assert.rejects(storage.read.deleteFrom("replicas").execute());
    assert.equal((await storage.read.selectFrom("replicas").select("name").execute()).length, 1);
  });

  test("closing stores what is queued and refuses what comes later", async (t) => {
    const data = await driver(t);
    const storage = await data.open();
    const queued = storage.write((transaction) => transaction.append([draft("a")]));
    const closed = storage.close();
    const late = storage.write(async () => undefined);
    await assert.rejects(late, (error) => hasCode(error, "storage_closed"));
    assert.equal((await queued).seq, 1);
    await closed;
    const again = await data.open();
    assert.equal(again.log.head(), 1);
  });

  test("many units share a commit", async (t) => {
    const storage = await open(t);
    await Promise.all(
      oneTo(500).map((index) => storage.write((transaction) => addReplica(transaction, String(index)))),
    );
    assert.equal(storage.counters.units, 500);
    assert.ok(storage.counters.commits <= 500 / 16, `${storage.counters.commits} commits`);
  });

  test("a restart keeps the revocations, the seqs, the incarnation and the hash key", async (t) => {
    const data = await driver(t);
    const first = await data.open();
    await first.write((transaction) => transaction.append(oneTo(3).map((index) => draft(String(index)))));
    const { incarnation, hashKey } = first.log;
    const position = first.log.position();
    await first.close();

    const second = await data.open();
    assert.equal(second.log.incarnation, incarnation);
    assert.deepEqual(Buffer.from(second.log.hashKey), Buffer.from(hashKey));
    assert.deepEqual(asText(second.log.position()), asText(position));
    assert.equal((await second.write((transaction) => transaction.append([draft("4")]))).seq, 4);
    assert.deepEqual(await storedSeqs(second), [1, 2, 3, 4]);
  });

  test("each row has the value of the chain that a verifier computes", async (t) => {
    const storage = await open(t);
    const many = oneTo(30).map((index) =>
      storage.write((transaction) => transaction.append([draft(`a${index}`), draft(`b${index}`)])),
    );
    await Promise.all(many);
    let chain: Uint8Array = CHAIN_START;
    for (const record of await storage.log.read(0, 100)) {
      chain = extendChain(chain, encodeRecords([withoutChain(record)]), (bytes) =>
        createHash("sha256").update(bytes).digest(),
      );
      assert.equal(hex(record.chain), hex(chain), `seq ${record.seq}`);
    }
    assert.deepEqual(asText(storage.log.position()), { seq: 60, chain: hex(chain) });
  });

  test("live records come encoded as they are stored, to the last bit", async (t) => {
    const storage = await open(t, { clock: wallClock(() => 3_000_000_000) });
    await storage.write((transaction) =>
      transaction.append([
        draft("alice"),
        draft("jti", { scope: "token", tokenExpiresAt: 4_000_000_000 }),
        { scope: "issuer", mode: "kill", reason: "possible_loss", key: undefined },
        draft("bob", { mode: "stale", reason: "claims_changed" }),
      ]),
    );
    const records = (await storage.log.read(0, 10)).map(withoutChain);
    const slices: Uint8Array[] = [];
    for await (const slice of storage.log.liveRecords(4)) slices.push(slice);
    assert.equal(hex(Buffer.concat(slices)), hex(encodeRecords(records)));
  });

  test("what is pruned moves the anchor of the chain, and what is kept has no gaps", async (t) => {
    let now = 1000;
    const data = await driver(t, { clock: wallClock(() => now) });
    const storage = await data.open();
    const short = draft("jti", { scope: "token", tokenExpiresAt: 1010 });
    await storage.write((transaction) => transaction.append([short, draft("alice"), short]));
    const [first] = await storage.log.read(0, 1);
    now = 1021;
    assert.equal(await pruneExpired({ storage, time: pruneTimeAt(now) }), 1);
    assert.deepEqual(await storedSeqs(storage), [2, 3]);
    const anchor = await storage.read
      .selectFrom("revocation_state")
      .select(["anchor_seq", "anchor_chain"])
      .executeTakeFirstOrThrow();
    assert.deepEqual([anchor.anchor_seq, hex(anchor.anchor_chain)], [1, hex(first!.chain)]);
    assert.equal(storage.log.oldestKept(), 2);
    await storage.close();
    assert.equal((await data.open()).log.oldestKept(), 2);
  });

  test("a log that was away while rows after its head were pruned goes on behind them, and says so", async (t) => {
    let now = 1000;
    const storage = await open(t, { clock: wallClock(() => now) });
    await storage.write((transaction) => transaction.append([draft("known")]));
    const away = await otherLog(
      storage,
      storage.read,
      wallClock(() => now),
    );
    const told: (number | string)[] = [];
    away.onIncarnation(() => told.push(`anew at ${away.head()}`));
    away.subscribe((records) => told.push(...records.map(({ seq }) => seq)));
    await storage.write((transaction) => transaction.append([draft("a"), draft("b")]));
    now = 1e6;
    await pruneExpired({ storage, time: pruneTimeAt(now) });
    assert.deepEqual([await away.reload(), away.head(), away.oldestKept()], [3, 3, 4]);
    await storage.write((transaction) => transaction.append([draft("c")]));
    assert.equal(await away.reload(), 4);
    assert.deepEqual(told, ["anew at 3", 4]);
  });

  test("a log in which a row is missing that was not pruned is not read on", async (t) => {
    const storage = await open(t);
    const other = await otherLog(storage, storage.read);
    await storage.write((transaction) => transaction.append(oneTo(3).map((index) => draft(String(index)))));
    await storage.write(({ db }) => db.deleteFrom("revocations").where("seq", "=", 1).execute());
    await assert.rejects(other.reload(), (error) => hasCode(error, "log_inconsistent"));
    assert.equal(other.head(), 0);
  });

  test("own commits that are published while the head is read from SQL are no rollback", async (t) => {
    const storage = await open(t);
    let whileRead = async () => {};
    const read = storage.read.withPlugin({
      transformQuery: ({ node }) => node,
      async transformResult({ result }) {
        await whileRead();
        return result;
      },
    });
    const log = await otherLog(storage, read);
    whileRead = async () => {
      whileRead = async () => {};
      await storage.write((transaction) => transaction.append([draft("a")]));
      await log.publish(await storage.log.read(0, 1));
    };
    // It has read 0, and 1 was published since.
    assert.equal(await log.reload(), 0);
    assert.equal(log.head(), 1);
  });

  test("a log with a hole in it is refused at start", async (t) => {
    const data = await driver(t);
    const storage = await data.open();
    await storage.write((transaction) => transaction.append(oneTo(3).map((index) => draft(String(index)))));
    await storage.write(({ db }) => db.deleteFrom("revocations").where("seq", "=", 2).execute());
    await storage.close();
    await assert.rejects(data.open(), (error) => hasCode(error, "log_inconsistent"));
  });

  test("the longest token lifetime counts until the last of its tokens is gone", async (t) => {
    let now = 1000;
    const data = await driver(t, { clock: clockAt(() => now) });
    const lifetimeOf = async (tokenLifetimeSeconds: number) => {
      const storage = await data.open({ tokenLifetimeSeconds });
      await storage.close();
      return storage.log.tokenLifetimeSeconds;
    };
    assert.equal(await lifetimeOf(600), 600);
    assert.equal(await lifetimeOf(300), 600);
    const running = await data.open({ tokenLifetimeSeconds: 300 });
    now = 1611;
    await running.pruning.run("log", async () => ({}));
    await running.close();
    assert.equal(await lifetimeOf(300), 300);
  });

  test("numbers, bytes and texts come back as they were written", async (t) => {
    const storage = await open(t);
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
    const row = {
      key_hash: bytes,
      failures: 0,
      blocked_until: Number.MAX_SAFE_INTEGER,
      updated_at: -1,
      account_hash: null,
    };
    await storage.write(({ db }) => db.insertInto("sign_in_attempts").values(row).execute());
    const read = await storage.read
      .selectFrom("sign_in_attempts")
      .selectAll()
      .where("key_hash", "=", bytes)
      .executeTakeFirstOrThrow();
    assert.ok(read.key_hash instanceof Uint8Array);
    assert.deepEqual({ ...read, key_hash: hex(read.key_hash) }, { ...row, key_hash: hex(bytes) });
    await storage.write((transaction) => transaction.append([draft("žluťoučký 🐎", { note: "'\\ \n" })]));
    const [entry] = await storage.read.selectFrom("revocations").select(["key_text", "note"]).execute();
    assert.deepEqual({ ...entry }, { key_text: "žluťoučký 🐎", note: "'\\ \n" });
  });

  test("of any number that spend one thing at once, one does", async (t) => {
    const storage = await open(t);
    const idHash = createHash("sha256").update("code").digest();
    const row = { id_hash: idHash, model: "AuthorizationCode", payload: "{}", expires_at: 1 };
    await storage.write(({ db }) => db.insertInto("oidc_artefacts").values(row).execute());
    const results = await Promise.allSettled(
      oneTo(20).map(() => storage.write((transaction) => spend(transaction, idHash, 1))),
    );
    assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
  });

  test("password guesses at once are all counted", async (t) => {
    const storage = await open(t);
    const guesses = createGuessLimit({ storage, clock: wallClock(() => 1000), clockSkewMs: 5000 });
    for (const standing of [
      { kind: "stranger" },
      { kind: "address" },
      { kind: "device", token: "x" },
    ] as const) {
      const attempt = { usernameKey: standing.kind, address: "127.0.0.1", standing };
      const waits = await Promise.all(oneTo(40).map(() => guesses.take(attempt)));
      const taken = waits.filter((wait) => wait === undefined).length;
      assert.equal(taken, 6, "five free ones, and the one that blocks");
    }
  });
}

/** As another server on the database has it, which hears of nothing until it reads. */
const otherLog = (storage: Storage, read: Storage["read"], clock = systemClock): Promise<SqlRevocationLog> =>
  storage.write(({ db }) =>
    SqlRevocationLog.open({
      ...storageOptions("unused"),
      dialect: storage.dialect,
      read,
      readKept: read,
      write: db,
      clock,
      databaseClock: async () => clock.wallMs(),
    }),
  );

const addReplica = ({ db }: WriteTransaction, name: string) =>
  db.insertInto("replicas").values({ client_id: "gateway", name, lease_ms: 1 }).execute();

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const asText = ({ seq, chain }: { seq: number; chain: Uint8Array }) => ({ seq, chain: hex(chain) });
