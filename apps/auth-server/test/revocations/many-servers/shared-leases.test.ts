import assert from "node:assert/strict";
import test from "node:test";
import { DEFAULT_LEASE_TERMS, hashOfSecret, LeaseDesk, type ServedLog } from "@portcullis/feed-server";
import { type Receipt, silentLog } from "@portcullis/protocol";
import { FrozenClock, leaseSecretOf } from "@portcullis/testing";
import type { Bus, BusMessage } from "../../../src/revocations/many-servers/bus.ts";
import type {
  DirectoryWritten,
  SharedDirectory,
} from "../../../src/revocations/many-servers/shared-directory.ts";
import { SharedLeases } from "../../../src/revocations/many-servers/shared-leases.ts";
import { createReceipts } from "../../../src/revocations/receipts/receipts.ts";
import { SharedDatabase } from "./shared-database.ts";
import { World } from "./world.ts";

const holder = { clientId: "gateway", name: "g1" };
const secret = leaseSecretOf("g1");
const secretHash = hashOfSecret(secret);
const otherHash = hashOfSecret(leaseSecretOf("g1, another process"));

async function server(directory: Partial<SharedDirectory> = {}) {
  const clock = new FrozenClock();
  const database = new SharedDatabase(new World(7));
  const log = { incarnation: "log", head: () => database.head, onIncarnation: () => () => undefined };
  let published = (): void => undefined;
  let heard = (_message: BusMessage): void => undefined;
  const bus: Bus = {
    publish: () => undefined,
    subscribe: (listener) => {
      heard = listener;
      return () => undefined;
    },
    onResume: () => () => undefined,
    close: async () => undefined,
  };
  const leases = new SharedLeases({
    directory: {
      all: async () => database.all(),
      find: async (holders) => database.find(holders),
      write: async (change) => database.write(change),
      ...directory,
    },
    bus,
    log: {
      ...log,
      subscribe: (listener) => {
        published = listener;
        return () => undefined;
      },
    },
    clock,
    setTimer: clock.setTimer,
    operatorLog: silentLog,
  });
  await leases.open();
  const refresh = async () => log.head();
  const receipts = createReceipts({ clock, leases, head: log.head, refresh, setTimer: clock.setTimer });
  const commit = () => {
    database.append();
    published();
    return database.head;
  };
  const grant = (leaseMs = 5000, applied = database.head) =>
    leases.enter({ holder, secretHash, leaseMs, head: database.head }, async () =>
      leases.grant(holder, {
        secretHash,
        applied,
        head: database.head,
        receivedAt: clock.monotonicMs(),
        leaseMs,
      }),
    );
  return { clock, database, leases, receipts, commit, grant, heard: (message: BusMessage) => heard(message) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("everybody enforces a revocation a lease, and a thousandth, after its commit", async () => {
  const { clock, leases, receipts, commit, grant } = await server();
  await grant(5000);
  clock.advance(300);
  // Renewed: only the time of the commit bounds it.
  await leases.sweep();
  const seq = commit();
  const pending = await receipts.wait(seq, 0);
  assert.deepEqual([pending.state, pending.laggards], ["pending", ["g1"]]);
  assert.deepEqual(
    leases.laggardsOf(seq).map(({ until }) => Math.round(until)),
    [300 + 5005],
  );
  clock.advance(5004);
  assert.equal((await receipts.wait(seq, 0)).state, "pending");
  clock.advance(1);
  assert.equal((await receipts.wait(seq, 0)).state, "enforced");
});

test("nobody is granted a lease before its name is stored, nor when it cannot be", async () => {
  const gate = Promise.withResolvers<DirectoryWritten>();
  const { leases, grant } = await server({ write: () => gate.promise });
  let granted = false;
  const granting = grant().then(() => {
    granted = true;
  });
  await settled();
  assert.deepEqual([granted, leases.held()], [false, []]);
  gate.reject(new Error("disk full"));
  await assert.rejects(granting, /disk full/);
  assert.deepEqual(leases.held(), []);
});

test("a name that was deleted at another server is stored anew before the next grant", async () => {
  const { database, grant } = await server();
  await grant();
  database.rows.clear();
  await grant();
  assert.equal(database.rows.size, 1);
});

test("a longer lease is stored before it is granted", async () => {
  const { database, grant } = await server();
  await grant(5000);
  await grant(9000);
  assert.equal(database.all()[0]?.leaseMs, 9000);
});

test("a row is relied upon for five seconds, and then written anew before the next grant", async () => {
  const { clock, database, grant } = await server();
  await grant();
  const renewal = () => database.all()[0]!.renewal;
  const first = renewal();
  clock.advance(4999);
  await grant();
  assert.equal(renewal(), first);
  clock.advance(1);
  await grant();
  assert.equal(renewal(), first + 1);
});

test("what was acknowledged of another log counts nothing, whoever says it", async () => {
  const { database, receipts, commit, grant, heard } = await server();
  await grant();
  const row = database.all()[0]!;
  database.rows.set("g1 gateway", { ...row, report: { ...row.report!, incarnation: "former", applied: 9 } });
  const seq = commit();
  heard({ type: "applied", incarnation: "former", replicas: [{ ...holder, applied: 9 }] });
  assert.deepEqual((await receipts.wait(seq, 0)).laggards, ["g1"]);
  heard({ type: "applied", incarnation: "log", replicas: [{ ...holder, applied: seq }] });
  assert.equal((await receipts.wait(seq, 0)).state, "enforced");
});

test("without the bus an acknowledgement is found in the directory while a receipt waits", async () => {
  const { clock, database, receipts, commit, grant } = await server();
  await grant(60_000);
  const seq = commit();
  const answers: Receipt[] = [];
  void receipts.wait(seq, 30_000).then((answer) => answers.push(answer));
  await settled();
  const row = database.all()[0]!;
  database.rows.set("g1 gateway", {
    ...row,
    renewal: row.renewal + 1,
    report: { ...row.report!, applied: seq },
  });
  clock.advance(249);
  await settled();
  assert.deepEqual(answers, []);
  clock.advance(1);
  await settled();
  assert.deepEqual(
    answers.map(({ state, acked }) => [state, acked]),
    [["enforced", 1]],
  );
  assert.equal(clock.timers, 0);
});

test("without the database a receipt names nobody and is pending until the longest lease must be over", async () => {
  let isDown = false;
  const database = new SharedDatabase(new World(1));
  const all = async () => (isDown ? Promise.reject(new Error("gone")) : database.all());
  const { clock, receipts, commit } = await server({ all });
  isDown = true;
  const seq = commit();
  const answer = receipts.wait(seq, 0);
  await settled();
  clock.advance(1000);
  assert.deepEqual(await answer, {
    seq,
    state: "pending",
    acked: 0,
    leased: 0,
    laggards: [],
    unnamed: true,
    waitingFor: [],
    enforcedBy: new Date(clock.wallMs() - 1000 + 60_060).toISOString(),
    elapsedMs: 1000,
  });
  clock.advance(59_060);
  assert.equal((await receipts.wait(seq, 0)).state, "enforced");
});

test("a row that nobody writes any more delays no receipt, and is deleted a minute later", async () => {
  const { clock, database, leases, receipts, commit, grant } = await server();
  await grant(5000);
  await leases.sweep();
  clock.advance(10_011);
  await leases.sweep();
  assert.equal((await receipts.wait(commit(), 0)).state, "enforced");
  clock.advance(59_998);
  await leases.sweep();
  assert.equal(database.rows.size, 1);
  clock.advance(2);
  await leases.sweep();
  assert.equal(database.rows.size, 0);
});

test("a reading that began before the commit does not show that nobody holds a lease", async () => {
  const database = new SharedDatabase(new World(1));
  const readings: (() => void)[] = [];
  const all = () => {
    const rows = database.all();
    return new Promise<typeof rows>((resolve) => readings.push(() => resolve(rows)));
  };
  const opening = server({ all });
  await settled();
  readings.shift()!();
  const { leases, receipts, commit } = await opening;
  const sweeping = leases.sweep();
  await settled();
  const report = { incarnation: "log", applied: 0, chain: undefined, live: undefined };
  database.write({ enter: [{ holder, secretHash, since: 0, leaseMs: 5000, report }], renew: [], leave: [] });
  const receipt = receipts.wait(commit(), 0);
  readings.shift()!();
  await sweeping;
  await settled();
  readings.shift()!();
  assert.deepEqual((await receipt).laggards, ["g1"]);
});

test("a row that was renewed since it was looked at is not deleted", async () => {
  const database = new SharedDatabase(new World(1));
  const report = { incarnation: "log", applied: 0, chain: undefined, live: undefined };
  const row = { holder, secretHash, since: 0, leaseMs: 5000, report };
  database.write({ enter: [row], renew: [], leave: [] });
  const { clock, leases } = await server({
    all: async () => database.all(),
    write: async (change) => {
      database.write({ enter: [], renew: [row], leave: [] });
      return database.write(change);
    },
  });
  clock.advance(100_000);
  await leases.sweep();
  assert.equal(database.rows.size, 1);
});

test("a lease given back late does not take the row of who is being granted one", async () => {
  const database = new SharedDatabase(new World(1));
  const gate = Promise.withResolvers<void>();
  const { leases, grant } = await server({
    write: async (change) => {
      await gate.promise;
      return database.write(change);
    },
  });
  const other = { ...holder, name: "other" };
  void leases.enter({ holder: other, secretHash, leaseMs: 5000, head: 0 }, async () => undefined);
  await settled();
  const granting = grant();
  await settled();
  const releasing = leases.release(holder, otherHash);
  gate.resolve();
  await Promise.all([granting, releasing]);
  assert.equal(database.rows.has("g1 gateway"), true);
});

test("a name too many acknowledges nothing, however often it calls", async () => {
  const { clock, database, leases, receipts, commit, grant } = await server();
  await grant();
  const { incarnation } = database;
  const log = {
    incarnation,
    head: () => database.head,
    refresh: async () => database.head,
    position: () => ({ seq: database.head, chain: new Uint8Array(32) }),
  } as unknown as ServedLog;
  const terms = { ...DEFAULT_LEASE_TERMS, namesPerClient: 1 };
  const desk = new LeaseDesk({ log, leases, terms, clock, operatorLog: silentLog });
  const applied = commit();
  const receipt = receipts.wait(applied, 2000);
  await settled();
  for (let at = 0; at < 5; at++) {
    const request = { replica: `invented-${at}`, secret, incarnation, applied, leaseMs: 5000 };
    const call = { clientId: holder.clientId, request, receivedAt: clock.monotonicMs() };
    await assert.rejects(desk.call(call), { code: "too_many_leases" });
  }
  clock.advance(2000);
  const { state, acked, leased, laggards } = await receipt;
  assert.deepEqual(
    { state, acked, leased, laggards },
    { state: "pending", acked: 0, leased: 1, laggards: ["g1"] },
  );
  assert.deepEqual([...database.rows.keys()], ["g1 gateway"]);
});

test("names that came after the commit are no part of a quorum, at whichever server they came", async () => {
  const { database, receipts, commit, grant } = await server();
  await grant();
  const seq = commit();
  const report = { incarnation: "log", applied: seq, chain: undefined, live: undefined };
  for (let at = 0; at < 5; at++) {
    const row = { holder: { ...holder, name: `late-${at}` }, secretHash, since: seq, leaseMs: 5000, report };
    database.write({ enter: [row], renew: [], leave: [] });
  }
  const pending = await receipts.wait(seq, 0, undefined, "quorum");
  assert.deepEqual([pending.state, pending.acked, pending.laggards], ["pending", 5, ["g1"]]);
});

test("another process cannot take a name whose lease may be in force, at whichever server it asks", async () => {
  const { clock, database, leases, grant } = await server();
  await grant();
  const take = () =>
    leases.enter({ holder, secretHash: otherHash, leaseMs: 5000, head: 0 }, async () => "granted");
  await assert.rejects(take(), { code: "lease_of_another_process" }, "known by the call");
  const { leases: elsewhere } = await server({
    all: async () => database.all(),
    find: async (holders) => database.find(holders),
    write: async (change) => database.write(change),
  });
  await assert.rejects(
    elsewhere.enter({ holder, secretHash: otherHash, leaseMs: 5000, head: 0 }, async () => "granted"),
    { code: "lease_of_another_process" },
    "known by the directory",
  );
  await assert.rejects(leases.release(holder, otherHash), { code: "lease_of_another_process" });
  assert.equal(database.all()[0]?.secretHash, secretHash);
  await leases.sweep();
  clock.advance((5000 + 5000) * 1.001 + 1);
  assert.equal(await take(), "granted", "the lease has run out");
  assert.equal(database.all()[0]?.secretHash, otherHash);
});

test("a name that was renewed at another server meanwhile is not taken over", async () => {
  const { clock, database, leases, grant } = await server();
  await grant();
  await leases.sweep();
  clock.advance(20_000);
  const row = database.all()[0]!;
  database.rows.set("g1 gateway", { ...row, renewal: row.renewal + 1 });
  await assert.rejects(
    leases.enter({ holder, secretHash: otherHash, leaseMs: 5000, head: 0 }, async () => "granted"),
    { code: "lease_of_another_process" },
  );
});

test("of two processes that come at once under one new name, one is refused", async () => {
  const { leases } = await server();
  const outcomes = await Promise.allSettled(
    [secretHash, otherHash].map((hash) =>
      leases.enter({ holder, secretHash: hash, leaseMs: 5000, head: 0 }, async () => "granted"),
    ),
  );
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : outcome.reason.code)),
    ["granted", "lease_of_another_process"],
  );
});
