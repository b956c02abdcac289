import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { postgresRestarted } from "../causes/postgres.ts";
import { redisKilled } from "../causes/redis.ts";
import type { Fault } from "../rounds/fault.ts";
import { runFault } from "../rounds/run-fault.ts";
import { openStage, type Stage } from "../rounds/stage.ts";

const gatewayPausedShortly: Fault = {
  name: "gateway-paused-shortly",
  title: "One gateway paused a little longer than its lease",
  expected: "Its first answer after waking is not an allow that has meanwhile been revoked.",
  bed: "cluster",
  async strike({ bed, hold }) {
    bed.gateways[0]!.pause();
    await hold(3500).finally(() => bed.gateways[0]!.resume());
  },
};

let stage: Stage;
before(async () => {
  stage = await openStage("cluster", { rates: { requestsASecond: 80, revocationsASecond: 12 } });
});
after(() => stage?.stop());

const hold = async (ms: number) => void (await delay(ms));

/** One round, in which nothing may be wrong. A busy machine does little in its few seconds, so that is counted over rounds. */
async function soundRound(fault: Fault): Promise<{ acknowledged: number; requests: number }> {
  const figures = await runFault({ fault, stage, rounds: 1, hold, onRound: () => undefined });
  const { failure, firstViolations, lost, replicas, rounds } = figures;
  assert.deepEqual(
    { failure, firstViolations, lost, replicas, rounds },
    { failure: undefined, firstViolations: [], lost: 0, replicas: "equal", rounds: 1 },
  );
  return { acknowledged: figures.revocations.acknowledged, requests: figures.requests };
}

const MAX_ROUNDS = 5;

for (const fault of [redisKilled, postgresRestarted, gatewayPausedShortly]) {
  test(`${fault.title}: nothing revoked passes and nothing is lost`, async () => {
    const done = { acknowledged: 0, requests: 0 };
    const isEnough = () => done.acknowledged > 5 && done.requests > 50;
    for (let round = 0; round < MAX_ROUNDS && !isEnough(); round++) {
      const { acknowledged, requests } = await soundRound(fault);
      done.acknowledged += acknowledged;
      done.requests += requests;
    }
    assert.ok(isEnough(), `in ${MAX_ROUNDS} rounds: ${JSON.stringify(done)}`);
  });
}
