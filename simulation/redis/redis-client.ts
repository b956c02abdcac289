import type { RedisStreamClient } from "@portcullis/revocation/redis";
import type { Process } from "../world/process.ts";
import { type SimulatedRedis, type StreamEntry, seqOf } from "./simulated-redis.ts";

const LATENCY_MS = 0.5;

/** Returns the client of one process. It answers in the turns of that process: one that is paused hears nothing. */
export function redisClient(redis: SimulatedRedis, process: Process): RedisStreamClient {
  const answered = () => process.sleep(LATENCY_MS, "redis answers");
  const reply = (entries: readonly StreamEntry[]) =>
    entries.map(({ id, fields }) => ({ id, message: fields }));
  const commands = {
    async xRead({ id }: { id: string }, { BLOCK, COUNT }: { BLOCK: number; COUNT: number }) {
      const seq = Number(id.split("-")[0]);
      const found = () => redis.entries.filter((entry) => seqOf(entry) > seq).slice(0, COUNT);
      if (found().length === 0) await added(redis, process, BLOCK);
      await answered();
      const entries = found();
      redis.read += entries.length;
      return entries.length === 0 ? null : [{ messages: reply(entries) }];
    },
    async xRevRange() {
      await answered();
      return reply(redis.entries.slice(-1));
    },
  };
  return {
    duplicate: () => ({
      on: () => undefined,
      connect: answered,
      destroy: () => undefined,
      withTypeMapping: () => commands,
    }),
  };
}

/** Resolves when there is an entry, and after so long at the latest. */
function added(redis: SimulatedRedis, process: Process, blockMs: number): Promise<void> {
  return new Promise((resolve) => {
    let leave = (): void => {};
    const cancel = process.setTimer(() => {
      leave();
      resolve();
    }, blockMs);
    leave = redis.wait(() =>
      process.after(0, "redis has an entry", () => {
        cancel();
        resolve();
      }),
    );
  });
}
