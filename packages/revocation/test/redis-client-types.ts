/** Compiles only while all three kinds of clients of `@redis/client` can be given to `redisFeed`. */
import type { RedisClientType, RedisClusterType, RedisSentinelType } from "@redis/client";
import type { RedisStreamClient } from "../src/redis/index.ts";

type Fits<Client extends RedisStreamClient> = Client;
export type Single = Fits<RedisClientType>;
export type Cluster = Fits<RedisClusterType>;
export type Sentinel = Fits<RedisSentinelType>;
