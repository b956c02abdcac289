import assert from "node:assert/strict";
import test from "node:test";
import { DEFAULT_LEASE_TERMS, LeaseDesk, LeaseTable } from "@portcullis/feed-server";
import { silentLog } from "@portcullis/protocol";
import { FrozenClock, leaseSecretOf } from "@portcullis/testing";
import { sql } from "kysely";
import { sqlLeaseHolderDirectory } from "../../../src/revocations/many-servers/sql-lease-holder-directory.ts";
import { clockAt } from "../../clocks.ts";
import { temporaryStorage } from "../../storage/temporary-storage.ts";
import { bearer, type RevocationsServer, serveRevocations } from "../revocations-server.ts";

const subject = { scope: "subject", key: "alice" };

async function storedReplicas(server: RevocationsServer): Promise<string[]> {
  const rows = await server.storage.read.selectFrom("replicas").selectAll().orderBy("name").execute();
  return rows.map((row) => `${row.client_id}/${row.name}/${row.lease_ms}`);
}

/** The sweep runs each second; a test that waits for it waits for what it does. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

test("a lease answers with the head at the time it was received, and its length is capped", async (t) => {
  const server = await serveRevocations(t, { clock: clockAt(() => 1000.5) });
  await server.revoke(subject);
  const { incarnation } = server.storage.log;
  assert.deepEqual(await server.lease("gateway", { applied: 0, leaseMs: 300_000 }), {
    incarnation,
    head: 1,
    leaseMs: 20_000,
    issuerTime: { earliestMs: 1_000_500, latestMs: 1_000_500 },
  });
});

test("a verifier of another incarnation, or ahead of the log, must take a new snapshot", async (t) => {
  const server = await serveRevocations(t);
  const errorOf = async (response: Response) => [response.status, (await response.json()).error];
  assert.deepEqual(await errorOf(await server.leaseCall("gateway", { incarnation: "another" })), [
    409,
    "other_incarnation",
  ]);
  assert.deepEqual(await errorOf(await server.leaseCall("gateway", { applied: 1 })), [409, "ahead_of_head"]);
  assert.deepEqual(server.operatorLog.told, ["warn verifier_ahead_of_log"]);
  assert.equal(server.revocations.counters().leases, 0);
});

test("the problems of a lease request are told at once", async (t) => {
  const server = await serveRevocations(t);
  const response = await server.leaseCall("gateway", { replica: "a b", applied: -1, leaseMs: 1.5 });
  assert.equal(response.status, 400);
  const { problems } = await response.json();
  assert.deepEqual(problems.map(({ field }: { field: string }) => field).sort(), [
    "applied",
    "leaseMs",
    "replica",
  ]);
});

test("a name is stored when a verifier appears, asks for longer or leaves, and not at a renewal", async (t) => {
  const server = await serveRevocations(t);
  const { counters } = server.storage;
  await server.lease("gateway", { replica: "g1", leaseMs: 5000 });
  assert.equal(counters.units, 1);
  for (let renewal = 0; renewal < 20; renewal++)
    await server.lease("gateway", { replica: "g1", leaseMs: 4000 });
  assert.equal(counters.units, 1);
  await server.lease("gateway", { replica: "g1", leaseMs: 9000 });
  await server.lease("orders", { replica: "g1" });
  assert.deepEqual(await storedReplicas(server), ["gateway/g1/9000", "orders/g1/5000"]);
  await server.lease("gateway", { replica: "g1", leaseMs: 0 });
  await until(async () => (await storedReplicas(server)).length === 1);
  assert.deepEqual(await storedReplicas(server), ["orders/g1/5000"]);
});

test("a new verifier gets no lease while its name cannot be stored", async (t) => {
  const server = await serveRevocations(t);
  await server.storage.write(({ db }) => sql`drop table replicas`.execute(db));
  assert.equal((await server.leaseCall("gateway", {})).status, 500);
  assert.equal(server.revocations.counters().leases, 0);
});

test("a client may hold a bounded number of leases, and renew those that it has", async (t) => {
  const server = await serveRevocations(t, { leaseTerms: { namesPerClient: 2 } });
  for (const replica of ["a", "b"])
    assert.equal((await server.leaseCall("gateway", { replica })).status, 200);
  const third = await server.leaseCall("gateway", { replica: "c" });
  assert.equal(third.status, 429);
  assert.equal((await third.json()).error, "too_many_leases");
  assert.equal((await server.leaseCall("gateway", { replica: "a" })).status, 200);
  assert.equal((await server.leaseCall("orders", { replica: "c" })).status, 200);
  await server.lease("gateway", { replica: "b", leaseMs: 0 });
  assert.equal((await server.leaseCall("gateway", { replica: "c" })).status, 200);
});

test("names that are given back at once are bounded too", async (t) => {
  const clock = new FrozenClock();
  const server = await serveRevocations(t, { clock, leaseTerms: { namesPerClient: 2 } });
  const comeAndGo = async (replica: string) => {
    const { status } = await server.leaseCall("gateway", { replica });
    await server.lease("gateway", { replica, leaseMs: 0 });
    return status;
  };
  const statuses: number[] = [];
  for (const replica of ["a", "b", "c", "d", "e"]) statuses.push(await comeAndGo(replica));
  assert.deepEqual(statuses, [200, 200, 200, 200, 429]);
  clock.advance(10_000);
  assert.equal(await comeAndGo("e"), 200);
});

test("the operator sets how many names a single client may use", async (t) => {
  const server = await serveRevocations(t, { leaseTerms: { namesByClient: { gateway: 1 } } });
  const statusOf = async (client: string, replica: string) =>
    (await server.leaseCall(client, { replica })).status;
  assert.deepEqual([await statusOf("gateway", "a"), await statusOf("gateway", "b")], [200, 429]);
  assert.deepEqual([await statusOf("orders", "a"), await statusOf("orders", "b")], [200, 200]);
});

test("a lease that is shorter than the server gives is refused, and says so", async (t) => {
  const server = await serveRevocations(t);
  const refused = await server.leaseCall("gateway", { leaseMs: 1 });
  const body = await refused.json();
  assert.deepEqual([refused.status, body.error], [400, "lease_too_short"]);
  assert.match(body.error_description, /leaseMs is 1\. The shortest .* is 500/);
  assert.deepEqual(await storedReplicas(server), []);
});

test("another process with the same credential and name can neither acknowledge, renew nor give back", async (t) => {
  const clock = new FrozenClock();
  const server = await serveRevocations(t, { clock });
  await server.lease("gateway", { replica: "g1" });
  const { seq } = await server.receipt(subject);
  const other = { replica: "g1", secret: leaseSecretOf("another process") };
  for (const change of [{ applied: seq }, { applied: seq, leaseMs: 0 }]) {
    const refused = await server.leaseCall("gateway", { ...other, ...change });
    assert.deepEqual([refused.status, (await refused.json()).error], [409, "lease_of_another_process"]);
  }
  const receipt = await server.revocations.receipts.wait(seq, 0);
  assert.deepEqual([receipt.state, receipt.acked, receipt.laggards], ["pending", 0, ["g1"]]);
  clock.advance(5005);
  assert.equal((await server.leaseCall("gateway", other)).status, 200, "the lease has run out");
  assert.equal((await server.leaseCall("gateway", { replica: "g1" })).status, 409);
});

test("a restarted server knows whose a lease is", async (t) => {
  const before = await serveRevocations(t);
  await before.lease("gateway", { replica: "g1" });
  await before.close();
  const after = await serveRevocations(t, { file: before.file });
  const other = await after.leaseCall("gateway", { replica: "g1", secret: leaseSecretOf("another") });
  assert.equal(other.status, 409);
  assert.equal((await after.leaseCall("gateway", { replica: "g1" })).status, 200);
});

test("of two processes that come at once under one name, one holds the lease", async (t) => {
  const server = await serveRevocations(t);
  const secrets = ["one", "two"].map(leaseSecretOf);
  const answers = await Promise.all(
    secrets.map((secret) => server.leaseCall("gateway", { replica: "g1", secret })),
  );
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
});

test("a verifier that is too old to bring a secret is told to be updated", async (t) => {
  const server = await serveRevocations(t);
  const refused = await server.leaseCall("gateway", { secret: undefined as unknown as string });
  assert.equal(refused.status, 400);
  assert.match(JSON.stringify(await refused.json()), /secret.*too old for this server: update it/);
});

test("a suspended verifier gets no lease and acknowledges nothing, until it is resumed", async (t) => {
  const clock = new FrozenClock();
  const server = await serveRevocations(t, { clock });
  const operate = async (verb: string, body: object) => {
    const response = await fetch(`${server.endpoint}/verifiers/${verb}`, {
      method: "POST",
      headers: { authorization: bearer("admin"), "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  };
  const g1 = { clientId: "gateway", name: "g1" };
  assert.deepEqual((await operate("suspend", g1)).body.error, "verifier_not_found");
  assert.deepEqual((await operate("resume", g1)).body.error, "verifier_not_found");
  await server.lease("gateway", { replica: "g1" });
  const { seq, waitingFor } = await server.receipt(subject);
  assert.deepEqual(waitingFor, [{ name: "g1", clientId: "gateway", address: "127.0.0.1" }]);
  const suspended = await operate("suspend", { ...g1, note: "hangs" });
  assert.equal(suspended.status, 200);
  assert.equal(Date.parse(suspended.body.mayAllowUntil), clock.wallMs() + 5005);
  assert.deepEqual([suspended.body.suspended, suspended.body.changed], [true, true]);
  assert.equal((await operate("suspend", g1)).body.changed, false);
  const refused = await server.leaseCall("gateway", { replica: "g1", applied: seq });
  assert.deepEqual([refused.status, (await refused.json()).error], [403, "verifier_suspended"]);
  assert.equal((await server.revocations.receipts.wait(seq, 0)).acked, 0);
  assert.equal((await server.leaseCall("orders", { replica: "g1" })).status, 200, "another client's");
  clock.advance(5005);
  assert.equal((await server.revocations.receipts.wait(seq, 0)).state, "enforced");
  const again = await operate("resume", g1);
  assert.deepEqual(again.body, { ...g1, suspended: false, changed: true });
  assert.equal((await server.leaseCall("gateway", { replica: "g1" })).status, 200);
  assert.deepEqual(server.operatorLog.told, ["warn verifier_suspended", "warn verifier_resumed"]);
});

test("a suspended verifier stays suspended when the server starts anew", async (t) => {
  const before = await serveRevocations(t);
  await before.lease("gateway", { replica: "g1" });
  await before.storage.write(({ db }) =>
    db
      .insertInto("suspended_verifiers")
      .values({ client_id: "gateway", name: "g1", suspended_at: 1, suspended_by: "admin", note: null })
      .execute(),
  );
  await before.close();
  const after = await serveRevocations(t, { file: before.file });
  assert.equal((await after.leaseCall("gateway", { replica: "g1" })).status, 403);
});

test("one client cannot acknowledge for another", async (t) => {
  const server = await serveRevocations(t);
  await server.lease("gateway", { replica: "g1" });
  await server.revoke(subject);
  await server.lease("orders", { replica: "g1", applied: 1 });
  assert.deepEqual((await server.receipt(subject)).laggards, ["g1", "g1"]);
});

test("after a restart a receipt waits for the verifiers that held leases before it", async (t) => {
  const clock = new FrozenClock();
  const before = await serveRevocations(t, { clock });
  await before.lease("gateway", { replica: "g1", leaseMs: 8000 });
  await before.lease("gateway", { replica: "g2", leaseMs: 8000 });
  await before.lease("gateway", { replica: "gone", leaseMs: 0 });
  await before.close();

  const after = await serveRevocations(t, { file: before.file, clock });
  const first = await after.receipt(subject);
  assert.deepEqual([first.state, first.leased, first.laggards], ["pending", 2, ["g1", "g2"]]);
  await after.lease("gateway", { replica: "g2", applied: 1 });
  clock.advance(8000 * 1.001 - 1);
  assert.deepEqual(
    (await after.receipt(subject)).laggards,
    ["g1", "g2"],
    "the presumed lease of g1, a real one of g2",
  );
  clock.advance(1);
  assert.equal((await after.receipt(subject)).state, "enforced");
  await until(async () => (await storedReplicas(after)).length === 0);
});

test("a lease counts for a thousandth longer here, since a verifier's clock may run slower", async (t) => {
  const clock = new FrozenClock();
  const server = await serveRevocations(t, { clock });
  assert.equal((await server.lease("gateway", { replica: "g1", leaseMs: 5000 })).leaseMs, 5000);
  clock.advance(5004);
  assert.deepEqual((await server.receipt(subject)).laggards, ["g1"]);
  clock.advance(1);
  assert.equal((await server.receipt(subject)).state, "enforced");
});

test("a verifier that comes back after the restart acknowledges as before", async (t) => {
  const before = await serveRevocations(t);
  await before.lease("gateway", { replica: "g1" });
  await before.close();
  const after = await serveRevocations(t, { file: before.file });
  const { seq, state } = await after.receipt(subject);
  assert.equal(state, "pending");
  await after.lease("gateway", { replica: "g1", applied: seq });
  const receipt = await after.revocations.receipts.wait(seq, 0);
  assert.deepEqual([receipt.state, receipt.acked, receipt.leased], ["enforced", 1, 1]);
});

test("verifiers that appear at once do not pass the bound together", async (t) => {
  const server = await temporaryStorage(t);
  const table = new LeaseTable({ monotonicMs: () => 0 });
  const desk = await LeaseDesk.open({
    log: server.log,
    directory: sqlLeaseHolderDirectory(server),
    table,
    terms: { ...DEFAULT_LEASE_TERMS, namesPerClient: 3 },
    clock: { wallMs: () => 0 },
    operatorLog: silentLog,
  });
  const { incarnation } = server.log;
  const call = (replica: string, clientId: string) =>
    desk.call({
      clientId,
      request: { replica, secret: leaseSecretOf(replica), incarnation, applied: 0, leaseMs: 1000 },
      receivedAt: 0,
    });
  const results = await Promise.allSettled([
    ...Array.from({ length: 20 }, (_, at) => call(`g${at}`, "gateway")),
    call("g0", "gateway"),
    call("o", "orders"),
  ]);
  const refused = results.filter((result) => result.status === "rejected");
  assert.deepEqual(
    refused.map(({ reason }) => reason.code),
    Array(17).fill("too_many_leases"),
  );
  assert.deepEqual([table.namesOf("gateway"), table.namesOf("orders")], [3, 1]);
});

test("the more verifiers there are, the less often each is to acknowledge", async (t) => {
  const server = await temporaryStorage(t);
  const desk = await LeaseDesk.open({
    log: server.log,
    directory: sqlLeaseHolderDirectory(server),
    table: new LeaseTable({ monotonicMs: () => 0 }),
    clock: { wallMs: () => 0 },
    operatorLog: silentLog,
  });
  const { incarnation } = server.log;
  const intervals: (number | undefined)[] = [];
  for (let at = 1; at <= 24; at++) {
    const request = { replica: `g${at}`, secret: leaseSecretOf("g"), incarnation, applied: 0, leaseMs: 1000 };
    intervals.push((await desk.call({ clientId: "gateway", request, receivedAt: 0 })).ackIntervalMs);
  }
  assert.deepEqual(intervals.slice(0, 19), Array(19).fill(undefined));
  assert.deepEqual(intervals.slice(19), [5, 5.25, 5.5, 5.75, 6]);
});
