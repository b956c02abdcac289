import type { Clock } from "@portcullis/protocol";
import type { RedisConnection } from "../redis/connect-redis.ts";
import type { RedisDamage } from "../redis/redis-damage.ts";
import { LIMIT_WINDOW_MS, type OpenLimit } from "./limit-storing-requests.ts";
import { MemoryRateLimit } from "./memory-rate-limit.ts";
import { RedisRateLimit } from "./redis-rate-limit.ts";

export interface SharedCounters {
  readonly connection: RedisConnection;
  readonly keyPrefix: string;
  readonly damage: Pick<RedisDamage, "found">;
}

/** Returns what opens a counter: of all servers together where there is a Redis, and otherwise of this one alone. */
export function openLimits(clock: Pick<Clock, "monotonicMs">, shared?: SharedCounters): OpenLimit {
  return (name, most) => {
    const own = new MemoryRateLimit({ most, windowMs: LIMIT_WINDOW_MS, clock });
    if (shared === undefined) return own;
    return new RedisRateLimit({
      most,
      windowMs: LIMIT_WINDOW_MS,
      redis: shared.connection,
      damage: shared.damage,
      name: `${shared.keyPrefix}:limit:${name}`,
      without: own,
    });
  };
}
