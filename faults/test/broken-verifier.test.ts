import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { judgeAftermath } from "../checker/after-round.ts";
import type { Revocation } from "../checker/words.ts";
import { Requests } from "../workload/requests.ts";
import { checkerAt, fixedGateway, liveToken, receipt, sentFor } from "./world.ts";

/** A run in which one revocation was acknowledged as seq 7, at the end of its round. */
async function endOfRound(t: TestContext, status: number, world: { rows?: object[]; head?: number } = {}) {
  const { door, stop } = await fixedGateway(status);
  t.after(stop);
  const { checker, clock } = checkerAt({ monotonic: performance.now() });
  const requests = new Requests(checker);
  t.after(() => requests.stop());
  const revocation: Revocation = sentFor(liveToken());
  checker.acknowledged(revocation, receipt("enforced"));
  clock.monotonic = performance.now();
  const report = { name: "gateway-1-x", clientId: "gateway", applied: 7, behind: 0, leaseMs: 3000, ageMs: 1 };
  const verifiers = { incarnation: "x", head: 7, verifiers: [{ ...report, leased: true, agrees: true }] };
  const workload = {
    checker,
    requests,
    doors: [door],
    revocations: { made: [revocation] },
    pool: { steady: () => [] },
    administrator: { read: async () => ({ status: 200, body: verifiers }) },
  };
  const rows = world.rows ?? [{ seq: 7, scope: "token", key: "a-token" }];
  const bed = {
    sql: { head: async () => world.head ?? 7, rows: async () => rows },
    gateways: [{ replica: async () => ({ name: "gateway-1-x", applied: 7 }) }],
  };
  const aftermath = await judgeAftermath(workload as never, bed as never);
  return { aftermath, rules: checker.violations.map(({ rule }) => rule) };
}

test("a gateway that keeps to what was revoked passes", async (t) => {
  const { aftermath, rules } = await endOfRound(t, 401);
  assert.deepEqual(aftermath, { lost: 0, replicas: "equal" });
  assert.deepEqual(rules, []);
});

test("a gateway that allows everything is found out, request by request and at the end of the round", async (t) => {
  const { rules } = await endOfRound(t, 200);
  assert.deepEqual(rules, [
    "accepted after its receipt",
    "revoked token not refused when all was well again",
  ]);
});

test("a gateway that is still out of order when all is mended is found out", async (t) => {
  const { rules } = await endOfRound(t, 503);
  assert.deepEqual(rules, ["revoked token not refused when all was well again"]);
});

test("an acknowledged revocation that is not in SQL is lost", async (t) => {
  const { aftermath, rules } = await endOfRound(t, 401, { rows: [] });
  assert.equal(aftermath.lost, 1);
  assert.deepEqual(rules, ["acknowledged revocation lost"]);
});

test("a seq that was given to another revocation is a lost one too", async (t) => {
  const rows = [{ seq: 7, scope: "token", key: "another-token" }];
  const { aftermath, rules } = await endOfRound(t, 401, { rows });
  assert.equal(aftermath.lost, 1);
  assert.deepEqual(rules, ["acknowledged revocation changed"]);
});
