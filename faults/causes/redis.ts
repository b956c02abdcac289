import type { Bed } from "../bed/bed.ts";
import type { Fault } from "../rounds/fault.ts";

const DOWN_MS = 2500;
/** How far the older copy of the data is behind. */
const BEHIND_MS = 1500;
const PAUSED_MS = 5000;

const redisOf = ({ redis }: Bed) => {
  if (redis === undefined) throw new Error("this bed has no Redis");
  return redis;
};

export const redisKilled: Fault = {
  name: "redis-killed",
  title: "Redis killed (`kill -9`) and started empty",
  expected: "Revoking and refusing go on by SQL and HTTP; the feed in Redis is filled again.",
  bed: "cluster",
  async strike({ bed, hold }) {
    const redis = redisOf(bed);
    await redis.kill("SIGKILL");
    await hold(DOWN_MS).finally(() => redis.restart());
    await hold(1000);
  },
};

export const redisFlushed: Fault = {
  name: "redis-flushed",
  title: "Redis wiped (`FLUSHALL`)",
  expected: "Verifiers notice the gap and catch up from SQL.",
  bed: "cluster",
  async strike({ bed, hold }) {
    await redisOf(bed).command("FLUSHALL");
    await hold(1500);
    await redisOf(bed).command("FLUSHALL");
    await hold(1500);
  },
};

export const redisRolledBack: Fault = {
  name: "redis-rolled-back",
  title: "Redis: stale replica promoted",
  expected: "An older state of the feed is noticed, and nothing that it lacks is forgotten.",
  bed: "cluster",
  async strike({ bed, hold }) {
    const redis = redisOf(bed);
    const snapshot = await redis.snapshot();
    await hold(BEHIND_MS);
    await redis.kill("SIGKILL");
    await redis.restart({ snapshot });
    await hold(2000);
  },
};

export const redisPaused: Fault = {
  name: "redis-paused",
  title: "Redis paused 5 s (`SIGSTOP`)",
  expected: "A feed that hangs holds up no revocation and no refusal.",
  bed: "cluster",
  async strike({ bed, hold }) {
    const redis = redisOf(bed);
    redis.pause();
    await hold(PAUSED_MS).finally(() => redis.resume());
  },
};
