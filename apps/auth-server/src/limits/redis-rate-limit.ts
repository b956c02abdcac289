import type { RedisConnection } from "../redis/connect-redis.ts";
import { runScript, script } from "../redis/run-script.ts";
import { ALLOWED, type RateLimit, type RateLimitOptions } from "./rate-limit.ts";

export interface RedisRateLimitOptions extends RateLimitOptions {
  readonly redis: RedisConnection;
  /** Of its keys: what is limited. */
  readonly name: string;
  /** Asked while Redis is away: a limit of each server alone is better than none, and than no sign-in. */
  readonly without: RateLimit;
}

/** ARGV: length of the window, milliseconds. Answers with the count and with what is left of the window. */
const COUNT = script(`
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return { count, left }
`);

/** Of all servers together. */
export class RedisRateLimit implements RateLimit {
  readonly #options: RedisRateLimitOptions;

  constructor(options: RedisRateLimitOptions) {
    this.#options = options;
  }

  async take(caller: string): Promise<{ readonly retryAfterMs: number }> {
    const { redis, name, most, windowMs, without } = this.#options;
    const key = `${name}:${caller}`;
    try {
      const reply = await runScript(redis, COUNT, { key, values: [String(windowMs)] });
      const [count, left] = reply as [number, number];
      return count <= most ? ALLOWED : { retryAfterMs: left };
    } catch {
      return without.take(caller);
    }
  }
}
