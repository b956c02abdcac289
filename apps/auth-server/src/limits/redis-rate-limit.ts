import type { RedisConnection } from "../redis/connect-redis.ts";
import type { RedisDamage } from "../redis/redis-damage.ts";
import { runScript, script } from "../redis/run-script.ts";
import { ALLOWED, type RateLimit, type RateLimitOptions } from "./rate-limit.ts";

export interface RedisRateLimitOptions extends RateLimitOptions {
  readonly redis: RedisConnection;
  /** Of its keys: what is limited. */
  readonly name: string;
  readonly damage: Pick<RedisDamage, "found">;
  /** Asked while Redis is away: a limit of each server alone is better than none, and than no sign-in. */
  readonly without: RateLimit;
}

/** Digits of a count: what is longer was not counted by us, and could not be added to. */
const MAX_COUNT_DIGITS = 15;

/**
 * ARGV: length of the window, milliseconds. Answers with the count, with what is left of the window, and with 1 when
 * something else was there, with which it would never have counted again: a count that begins below nothing, a window
 * without end, another type.
 */
const COUNT = script(`
local function isOurs()
  local kind = redis.call('TYPE', KEYS[1]).ok
  if kind == 'none' then return true end
  if kind ~= 'string' or redis.call('STRLEN', KEYS[1]) > ${MAX_COUNT_DIGITS} then return false end
  if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[1]) then return false end
  return string.match(redis.call('GET', KEYS[1]), '^%d+$') ~= nil
end
local damaged = 0
if not isOurs() then
  redis.call('UNLINK', KEYS[1])
  damaged = 1
end
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return { count, left, damaged }
`);

/** Of all servers together. */
export class RedisRateLimit implements RateLimit {
  readonly #options: RedisRateLimitOptions;

  constructor(options: RedisRateLimitOptions) {
    this.#options = options;
  }

  async take(caller: string): Promise<{ readonly retryAfterMs: number }> {
    const { redis, name, most, windowMs, without, damage } = this.#options;
    const key = `${name}:${caller}`;
    try {
      const reply = await runScript(redis, COUNT, { key, values: [String(windowMs)] });
      const [count, left, damaged] = reply as [number, number, number];
      if (damaged === 1) damage.found("limits");
      return count <= most ? ALLOWED : { retryAfterMs: left };
    } catch {
      return without.take(caller);
    }
  }
}
