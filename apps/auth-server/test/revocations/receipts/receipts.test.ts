import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import test from "node:test";
import { LeaseTable } from "@portcullis/feed-server";
import { hasCode, type Receipt } from "@portcullis/protocol";
import { FrozenClock } from "@portcullis/testing";
import { ReceiptWait } from "../../../src/revocations/receipts/receipt-wait.ts";
import { createReceipts } from "../../../src/revocations/receipts/receipts.ts";

function receipts() {
  const clock = new FrozenClock(Date.UTC(2030, 0, 1) / 1000);
  const leases = new LeaseTable(clock);
  const log = { head: 7, committedElsewhere: 7 };
  const refresh = async () => {
    log.head = Math.max(log.head, log.committedElsewhere);
    return log.head;
  };
  const desk = createReceipts({ clock, leases, head: () => log.head, refresh, setTimer: clock.setTimer });
  const grant = (name: string, applied: number, leaseMs = 5000, clientId = "gateway") =>
    leases.grant(
      { clientId, name },
      { secretHash: name, applied, head: log.head, receivedAt: clock.monotonicMs(), leaseMs },
    );
  const commit = () => {
    log.head++;
    return log.head;
  };
  return { clock, leases, log, desk, grant, commit };
}

/** What has been answered by now, without waiting for it. */
async function answered(receipt: Promise<Receipt>): Promise<Receipt | undefined> {
  return Promise.race([receipt, new Promise<undefined>((resolve) => setImmediate(resolve, undefined))]);
}

test("nobody leased: enforced at once", async () => {
  const { desk, commit } = receipts();
  const receipt = await desk.wait(commit(), 2000);
  assert.deepEqual(receipt, { seq: 8, state: "enforced", acked: 0, leased: 0, elapsedMs: 0 });
});

test("pending until the last replica acknowledges, then enforced without more waiting", async () => {
  const { clock, desk, grant, commit } = receipts();
  grant("a", 7);
  grant("b", 7);
  const receipt = desk.wait(commit(), 2000);
  clock.advance(3);
  grant("a", 8);
  assert.equal(await answered(receipt), undefined);
  clock.advance(4);
  grant("b", 8);
  assert.deepEqual(await answered(receipt), { seq: 8, state: "enforced", acked: 2, leased: 2, elapsedMs: 7 });
  assert.equal(clock.timers, 0);
});

test("a replica that is silent is a laggard, by name, and enforcedBy is when its lease ends", async () => {
  const { clock, desk, grant, commit } = receipts();
  grant("a", 7);
  clock.advance(1000);
  grant("b", 7);
  const receipt = desk.wait(commit(), 2000);
  grant("a", 8);
  clock.advance(2000);
  assert.deepEqual(await answered(receipt), {
    seq: 8,
    state: "pending",
    acked: 1,
    leased: 2,
    laggards: ["b"],
    waitingFor: [{ name: "b", clientId: "gateway" }],
    enforcedBy: "2030-01-01T00:00:06.000Z",
    elapsedMs: 2000,
  });
  assert.equal(clock.timers, 0);
});

test("the end of the last lease makes it enforced, though nobody acknowledged", async () => {
  const { clock, desk, grant, commit } = receipts();
  grant("a", 7, 1000);
  grant("b", 7, 3000);
  const receipt = desk.wait(commit(), 10_000);
  clock.advance(2999);
  assert.equal(await answered(receipt), undefined);
  clock.advance(1);
  assert.deepEqual(await answered(receipt), {
    seq: 8,
    state: "enforced",
    acked: 0,
    leased: 2,
    elapsedMs: 3000,
  });
});

test("a renewal that does not acknowledge does not put the end off", async () => {
  const { clock, desk, grant, commit } = receipts();
  grant("stuck", 7, 3000);
  const receipt = desk.wait(commit(), 10_000);
  clock.advance(2000);
  grant("stuck", 7, 3000);
  clock.advance(1000);
  assert.equal((await answered(receipt))?.state, "enforced");
});

test("an acknowledgement of less than the seq does not count", async () => {
  const { desk, grant, commit } = receipts();
  grant("a", 6);
  const receipt = desk.wait(commit(), 10_000);
  grant("a", 7);
  assert.equal(await answered(receipt), undefined);
  grant("a", 9);
  assert.equal((await answered(receipt))?.acked, 1);
});

test("a lease given back counts its holder out", async () => {
  const { leases, desk, grant, commit } = receipts();
  grant("a", 7);
  const receipt = desk.wait(commit(), 10_000);
  leases.release({ clientId: "gateway", name: "a" });
  assert.equal((await answered(receipt))?.state, "enforced");
});

test("a replica that registers after the commit is counted as leased, and not waited for", async () => {
  const { desk, grant, commit } = receipts();
  grant("a", 7);
  const receipt = desk.wait(commit(), 10_000);
  grant("late", 5);
  grant("a", 8);
  const { state, acked, leased } = (await answered(receipt))!;
  assert.deepEqual({ state, acked, leased }, { state: "enforced", acked: 1, leased: 2 });
});

test("without a wait the answer is what is known now", async () => {
  const { desk, grant, commit } = receipts();
  grant("a", 7);
  const seq = commit();
  assert.equal((await desk.wait(seq, 0)).state, "pending");
  grant("a", 8);
  assert.equal((await desk.wait(seq, 0)).state, "enforced");
});

test("a caller that hangs up, and a server that stops, end the waiting with what is known", async () => {
  const { clock, desk, grant, commit } = receipts();
  grant("a", 7);
  const seq = commit();
  const caller = new AbortController();
  const first = desk.wait(seq, 10_000, caller.signal);
  const second = desk.wait(seq, 10_000);
  caller.abort();
  assert.equal((await answered(first))?.state, "pending");
  assert.equal(await answered(second), undefined);
  desk.close();
  assert.equal((await answered(second))?.state, "pending");
  assert.equal(clock.timers, 0);
});

test("a receipt that was given is not kept by a signal that lives as long as the server", async () => {
  const { clock, leases, grant, commit } = receipts();
  grant("a", 7);
  const { signal } = new AbortController();
  const question = { seq: commit(), waitMs: 2000, require: "all" } as const;
  const wait = new ReceiptWait({ clock, leases, setTimer: clock.setTimer }, question);
  const receipt = wait.finish(signal);
  assert.equal(getEventListeners(signal, "abort").length, 1);
  grant("a", 8);
  assert.equal((await receipt).state, "enforced");
  assert.deepEqual(getEventListeners(signal, "abort"), []);
});

test("a seq that is not committed has no receipt", async () => {
  const { desk } = receipts();
  await assert.rejects(desk.wait(8, 0), (error) => hasCode(error, "revocation_not_found"));
});

test("a seq that another server has committed is read before it is judged", async () => {
  const { desk, grant, log } = receipts();
  grant("a", 7);
  log.committedElsewhere = 9;
  const { seq, state, laggards } = await desk.wait(9, 0);
  assert.deepEqual({ seq, state, laggards }, { seq: 9, state: "pending", laggards: ["a"] });
  await assert.rejects(desk.wait(10, 0), (error) => hasCode(error, "revocation_not_found"));
});

test("with a quorum it answers once more than half have acknowledged, and names the others", async () => {
  const { desk, grant, commit } = receipts();
  for (const name of ["a", "b", "c", "d"]) grant(name, 7);
  const receipt = desk.wait(commit(), 10_000, undefined, "quorum");
  grant("a", 8);
  grant("b", 8);
  assert.equal(await answered(receipt), undefined, "half is not more than half");
  grant("d", 8);
  assert.deepEqual(await answered(receipt), {
    seq: 8,
    state: "quorum",
    acked: 3,
    leased: 4,
    laggards: ["c"],
    waitingFor: [{ name: "c", clientId: "gateway" }],
    enforcedBy: "2030-01-01T00:00:05.000Z",
    elapsedMs: 0,
  });
  assert.equal((await desk.wait(8, 0)).state, "pending");
});

test("names that came after the commit are no part of a quorum, however many", async () => {
  const { desk, grant, commit } = receipts();
  for (const name of ["a", "b", "c"]) grant(name, 7);
  const receipt = desk.wait(commit(), 10_000, undefined, "quorum");
  for (let at = 0; at < 20; at++) grant(`late-${at}`, 8);
  grant("a", 8);
  assert.equal(await answered(receipt), undefined);
  grant("b", 8);
  const { state, laggards } = (await answered(receipt))!;
  assert.deepEqual([state, laggards], ["quorum", ["c"]]);
});

test("the verifiers of one client, however many, make no quorum of another client's", async () => {
  const { desk, grant, commit } = receipts();
  for (const name of ["a", "b"]) grant(name, 7, 5000, "gateway");
  for (let at = 0; at < 20; at++) grant(`invented-${at}`, 7, 5000, "reporting");
  const receipt = desk.wait(commit(), 10_000, undefined, "quorum");
  for (let at = 0; at < 20; at++) grant(`invented-${at}`, 8, 5000, "reporting");
  grant("a", 8);
  assert.equal(await answered(receipt), undefined, "half of the gateways");
  grant("b", 8);
  assert.equal((await answered(receipt))?.state, "enforced");
});

test("when nobody is left who may allow it, that is said, though only a quorum was asked for", async () => {
  const { desk, grant, commit } = receipts();
  grant("a", 7);
  const receipt = desk.wait(commit(), 10_000, undefined, "quorum");
  grant("a", 8);
  assert.equal((await answered(receipt))?.state, "enforced");
});
