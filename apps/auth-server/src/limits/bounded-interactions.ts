import type { InteractionCache } from "../oidc/index.ts";
import type { RateLimit } from "./rate-limit.ts";

/** How long the cache keeps one. */
const LIFE_MINUTES = 60;

/** As many a minute as leaves `most` there at any time. */
export const interactionsPerMinute = (most: number): number => Math.ceil(most / LIFE_MINUTES);

/**
 * The cache, for so many interactions of all callers together: Redis refuses every write when it is full, those of the feed
 * too. More than that are kept in SQL, where the oldest make way.
 */
export function boundedInteractions(cache: InteractionCache, limit: RateLimit): InteractionCache {
  return {
    async save(id, payload, ttlSeconds) {
      const { retryAfterMs } = await limit.take("all");
      return retryAfterMs === 0 && cache.save(id, payload, ttlSeconds);
    },
    find: (id) => cache.find(id),
    destroy: (id) => cache.destroy(id),
  };
}
