export { type RedisFeedOptions, redisFeed, type SourceChange } from "./redis-feed.ts";
export type { RedisStreamClient, RedisStreamCommands, RedisStreamConnection } from "./stream-client.ts";
