import assert from "node:assert/strict";
import test, { after, type TestContext } from "node:test";
import type { Receipt } from "@portcullis/protocol";
import { startPostgres } from "@portcullis/testing/servers";
import pg from "pg";
import { readinessOf } from "../../../src/management/readiness.ts";
import { sqlSharedDirectory } from "../../../src/revocations/many-servers/sql-shared-directory.ts";
import { draft, oneTo } from "../../storage/temporary-storage.ts";
import { type RevocationsServer, serveRevocations } from "../revocations-server.ts";

const postgres = await startPostgres({ fsync: false });
after(() => postgres.stop());

/** Longer than a busy machine keeps the process waiting between a lease and the receipt that names its holder. */
const LEASE_MS = 3000;
const subject = { scope: "subject", key: "alice" };

async function twoServers(t: TestContext): Promise<[RevocationsServer, RevocationsServer]> {
  const database = { kind: "postgres", url: await postgres.createDatabase(), poolSize: 4 } as const;
  return [await serveRevocations(t, { database }), await serveRevocations(t, { database })];
}

const about = ({ state, acked, leased, laggards }: Receipt) => ({ state, acked, leased, laggards });

test("a revocation at one server is enforced as soon as the other got the acknowledgement", async (t) => {
  const [a, b] = await twoServers(t);
  await a.lease("gateway", { replica: "g1", leaseMs: 60_000 });
  const first = await b.receipt(subject);
  assert.deepEqual(about(first), { state: "pending", acked: 0, leased: 1, laggards: ["g1"] });
  const receipt = b.receipt(subject, "wait=20");
  const { head } = await a.lease("gateway", { replica: "g1", applied: 0, leaseMs: 60_000 });
  await a.lease("gateway", { replica: "g1", applied: head, leaseMs: 60_000 });
  while (a.storage.log.head() < first.seq + 1) await a.storage.log.refresh();
  await a.lease("gateway", { replica: "g1", applied: a.storage.log.head(), leaseMs: 60_000 });
  const { elapsedMs, ...rest } = await receipt;
  assert.deepEqual(rest, { seq: first.seq + 1, state: "enforced", acked: 1, leased: 1 });
  assert.ok(elapsedMs < 20_000, `before its wait was over: ${elapsedMs} ms`);
});

test("a lease whose server was killed is waited for until it must have ended, by name", async (t) => {
  const [a, b] = await twoServers(t);
  const beforeMs = Date.now();
  await a.lease("gateway", { replica: "g1", leaseMs: LEASE_MS });
  await a.close();
  const pending = await b.receipt(subject);
  assert.deepEqual(about(pending), { state: "pending", acked: 0, leased: 1, laggards: ["g1"] });
  const endsMs = Date.parse(pending.enforcedBy!);
  assert.ok(beforeMs + LEASE_MS <= endsMs, "not before the lease ends");
  assert.ok(endsMs <= Date.now() + LEASE_MS + 2, "a lease from now at most");
  const enforced = await b.receipt(subject, "wait=20");
  assert.equal(enforced.state, "enforced");
  assert.ok(Date.now() >= endsMs, "not before the lease has ended");
});

test("a verifier may talk to another server each time, and is in the list of each", async (t) => {
  const [a, b] = await twoServers(t);
  await a.lease("gateway", { replica: "g1", leaseMs: 20_000 });
  const { seq } = await a.receipt(subject);
  const { head } = await b.lease("gateway", { replica: "g1", applied: 0, leaseMs: 20_000 });
  assert.equal(head, seq, "read after the request arrived, whoever committed it");
  await b.lease("gateway", { replica: "g1", applied: seq, leaseMs: 20_000 });
  assert.equal((await a.receipt(subject)).laggards?.length, 1);
  const receipt = await a.revocations.receipts.wait(seq, 5000);
  assert.deepEqual(about(receipt), { state: "enforced", acked: 1, leased: 1, laggards: undefined });
  for (const server of [a, b]) {
    const [verifier, ...others] = await server.revocations.verifiers.list();
    assert.deepEqual(others, []);
    assert.deepEqual([verifier?.name, verifier?.applied, verifier?.leased], ["g1", seq, true]);
  }
});

test("a lease given back at another server is waited for by nobody, and the next of that name is", async (t) => {
  const [a, b] = await twoServers(t);
  await a.lease("gateway", { replica: "g1", leaseMs: 60_000 });
  await b.lease("gateway", { replica: "g1", leaseMs: 0 });
  assert.equal((await a.receipt(subject)).state, "enforced");
  // The first server remembers to have stored the name a moment ago, and must not rely on it.
  await a.lease("gateway", { replica: "g1", leaseMs: 60_000 });
  assert.deepEqual((await b.receipt(subject)).laggards, ["g1"]);
});

test("a quorum is enough when it was asked for, and those that are missing are named", async (t) => {
  const [a, b] = await twoServers(t);
  for (const replica of ["g1", "g2", "g3"]) await a.lease("gateway", { replica, leaseMs: 60_000 });
  const { seq } = await a.receipt(subject);
  await a.lease("gateway", { replica: "g1", applied: seq, leaseMs: 60_000 });
  const receipt = b.revocations.receipts.wait(seq, 20_000, undefined, "quorum");
  await a.lease("gateway", { replica: "g2", applied: seq, leaseMs: 60_000 });
  assert.deepEqual(about(await receipt), { state: "quorum", acked: 2, leased: 3, laggards: ["g3"] });
  assert.equal((await b.revocations.receipts.wait(seq, 0)).state, "pending");
});

const ALL_WRITTEN = { gone: [], taken: [] };

test("the directory keeps what was acknowledged most, and brings nobody back by a renewal", async (t) => {
  const [{ storage }] = await twoServers(t);
  const directory = sqlSharedDirectory(storage);
  const holder = { clientId: "gateway", name: "g1" };
  const row = (applied: number, incarnation = "log", leaseMs = 5000) => ({
    holder,
    secretHash: "hash",
    since: applied,
    leaseMs,
    report: { incarnation, applied, chain: `chain ${applied}`, live: undefined },
  });
  const write = (change: Partial<Parameters<typeof directory.write>[0]>) =>
    directory.write({ enter: [], renew: [], leave: [], ...change });
  assert.deepEqual(await write({ renew: [row(1)] }), { gone: ["g1 gateway"], taken: [] });
  assert.deepEqual(await directory.all(), []);
  assert.deepEqual(await write({ enter: [row(7)] }), ALL_WRITTEN);
  const [first] = await directory.all();
  assert.deepEqual(await write({ renew: [row(6, "log", 2000)] }), ALL_WRITTEN);
  const [second] = await directory.all();
  assert.deepEqual(second, { ...first, renewal: first!.renewal + 1 });
  await write({ renew: [row(2, "restored log", 9000)] });
  const [third] = await directory.all();
  assert.deepEqual(
    [third?.report?.applied, third?.report?.incarnation, third?.leaseMs],
    [2, "restored log", 9000],
  );
  assert.deepEqual(
    [...(await directory.find([holder, { ...holder, name: "g2" }]))],
    [["g1 gateway", { leaseMs: 9000, secretHash: "hash" }]],
  );
  await write({ leave: [{ holder, renewal: second!.renewal }] });
  assert.equal((await directory.all()).length, 1, "it was renewed since it was looked at");
  await write({ leave: [{ holder, renewal: third!.renewal }] });
  assert.deepEqual(await directory.all(), []);
  await write({ enter: [row(7)] });
  const taken = { ...row(7), secretHash: "other" };
  assert.deepEqual(await write({ enter: [taken] }), { gone: [], taken: ["g1 gateway"] });
  await write({ leave: [{ holder, secretHash: "other" }] });
  const [own] = await directory.all();
  assert.deepEqual([own?.secretHash, own?.since], ["hash", 7]);
  assert.deepEqual(await write({ enter: [{ ...taken, over: own!.renewal, since: 9 }] }), ALL_WRITTEN);
  const [other] = await directory.all();
  assert.deepEqual([other?.secretHash, other?.since], ["other", 9]);
  const next = { ...row(8), secretHash: "next" };
  assert.deepEqual(await write({ leave: [{ holder, secretHash: "other" }], enter: [next] }), ALL_WRITTEN);
});

test("a receipt of what was committed while leases were closed says who is waited for, and until when", async (t) => {
  const [a] = await twoServers(t);
  await a.lease("gateway", { replica: "g1", leaseMs: 20_000 });
  await a.receipt(subject);
  await a.revocations.close();
  const { seq } = await a.storage.write((transaction) => transaction.append([draft("bob")]));
  const { state, laggards, enforcedBy } = await a.revocations.receipts.wait(seq, 0);
  assert.deepEqual([state, laggards], ["pending", ["g1"]]);
  assert.ok(Date.parse(enforcedBy!) > 0, String(enforcedBy));
});

/** Requests for tokens, as many as there are, that read apps or lock them. Gives how many have been answered, and how to wait for all. */
function tokenRequests({ storage }: RevocationsServer, count: number) {
  const answered = { count: 0, all: Promise.resolve<unknown>(undefined) };
  const appOf = (db: typeof storage.read) => db.selectFrom("oidc_clients").select("client_id").execute();
  const requests = oneTo(count).flatMap(() => [
    appOf(storage.read),
    storage.write(({ db }) => appOf(db), { onBehalfOf: "client" }),
  ]);
  answered.all = Promise.allSettled(requests.map((request) => request.finally(() => answered.count++)));
  return answered;
}

/** Somebody else, who holds a table until the test lets it go. */
async function holdTable(t: TestContext, url: string, table: string) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  let isHeld = true;
  const letGo = async () => {
    if (isHeld) await client.query("rollback");
    isHeld = false;
  };
  t.after(async () => {
    await letGo();
    await client.end();
  });
  await client.query(`begin; lock table ${table} in access exclusive mode`);
  return {
    letGo,
    /** Resolves once so many connections wait for it. */
    async isWaitedForBy(count: number) {
      for (;;) {
        const { rows } = await client.query(
          "select count(*)::int as waiting from pg_locks where not granted and relation = $1::regclass",
          [table],
        );
        if (rows[0].waiting >= count) return;
      }
    },
  };
}

test("while requests for tokens wait for a locked table, revocations, leases and readiness do not", async (t) => {
  const url = await postgres.createDatabase();
  const server = await serveRevocations(t, { database: { kind: "postgres", url, poolSize: 8 } });
  const table = await holdTable(t, url, "oidc_clients");
  const requests = tokenRequests(server, 40);
  await table.isWaitedForBy(3);
  await server.lease("gateway", { replica: "g1", leaseMs: 60_000 });
  const { seq, laggards } = await server.receipt(subject);
  assert.deepEqual(laggards, ["g1"]);
  await server.lease("gateway", { replica: "g1", applied: seq, leaseMs: 60_000 });
  assert.equal((await server.revocations.receipts.wait(seq, 20_000)).state, "enforced");
  assert.equal((await readinessOf(server.storage)).ready, true);
  assert.ok(requests.count < 40, `${requests.count} of 80 requests were answered first`);
  await table.letGo();
  await requests.all;
});
