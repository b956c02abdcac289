/** Everything that a server does with Redis, wired; nothing, when there is none in the configuration. */

import type { LogPosition } from "@portcullis/feed-server";
import { type Log, systemTimer } from "@portcullis/protocol";
import type { Configuration } from "../config/load.ts";
import type { InteractionCache } from "../oidc/index.ts";
import type { Bus } from "../revocations/index.ts";
import type { Storage } from "../storage/storage.ts";
import { connectRedis, type RedisConnection } from "./connect-redis.ts";
import { FeedPublisher } from "./feed-publisher.ts";
import { PlainKeys } from "./plain-keys.ts";
import { redisBus } from "./redis-bus.ts";
import { RedisDamage, type RedisHealth } from "./redis-damage.ts";
import { redisInteractions } from "./redis-interactions.ts";

export interface RedisOptions {
  readonly configuration: Pick<Configuration, "redis">;
  readonly storage: Storage;
  readonly operatorLog: Log;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly signHead: (position: LogPosition) => Promise<string>;
  /** Shared by all servers on one database, through SQL. */
  readonly secrets: readonly string[];
}

export interface Redis {
  readonly bus?: Bus;
  readonly connection?: RedisConnection;
  readonly damage: RedisDamage;
  readonly health?: RedisHealth;
  readonly interactions?: InteractionCache;
  /** Before the storage's. */
  close(): Promise<void>;
}

/** Waits for nothing: a server starts and works while Redis is away. */
export function composeRedis(options: RedisOptions): Redis {
  const { redis: configuration } = options.configuration;
  const damage = new RedisDamage();
  if (configuration === undefined) return { damage, close: async () => undefined };
  const { storage, operatorLog, secrets, randomBytes } = options;
  const { keyPrefix } = configuration;
  const connection = connectRedis({ configuration, operatorLog, use: "keys" });
  // Apart: Redis cuts a connection that listens to a channel at 32 MB of what was not read yet, whatever that is.
  const busConnection = connectRedis({ configuration, operatorLog, use: "bus" });
  const bus = redisBus({ redis: busConnection, keyPrefix, secrets, damage });
  const { log, read } = storage;
  const writers: { close(): Promise<void> }[] = [];
  if (configuration.feed) {
    const { signHead } = options;
    const setTimer = systemTimer;
    writers.push(
      new FeedPublisher({ redis: connection, keyPrefix, log, signHead, setTimer, operatorLog, damage }),
    );
  }
  if (configuration.plainKeys) {
    const { retention } = log;
    writers.push(new PlainKeys({ redis: connection, keyPrefix, log, read, retention, operatorLog, damage }));
  }
  return {
    bus,
    connection,
    damage,
    health: { isUp: () => connection.isUp(), damage },
    interactions: redisInteractions({ redis: connection, keyPrefix, secrets, damage, randomBytes }),
    async close() {
      await bus.close();
      await Promise.all(writers.map((writer) => writer.close()));
      await Promise.all([connection.close(), busConnection.close()]);
    },
  };
}
