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

for (const fault of [redisKilled, postgresRestarted, gatewayPausedShortly]) {
  test(`${fault.title}: nothing revoked passes and nothing is lost`, async () => {
    const hold = async (ms: number) => void (await delay(ms));
    const figures = await runFault({ fault, stage, rounds: 1, hold, onRound: () => undefined });
    const { failure, firstViolations, lost, replicas, rounds } = figures;
    const found = { failure, firstViolations, lost, replicas, rounds };
    assert.deepEqual(found, {
      failure: undefined,
      firstViolations: [],
      lost: 0,
      replicas: "equal",
      rounds: 1,
    });
    assert.ok(
      figures.revocations.acknowledged > 5,
      `only ${figures.revocations.acknowledged} were acknowledged`,
    );
    assert.ok(figures.requests > 50, `only ${figures.requests} requests were made`);
  });
}
