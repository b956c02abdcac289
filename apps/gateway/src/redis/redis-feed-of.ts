import type { Log } from "@portcullis/protocol";
import type { Feed } from "@portcullis/revocation";
import { type RedisStreamClient, redisFeed } from "@portcullis/revocation/redis";
import type { RedisSettings } from "@portcullis/service";
import { createClient, createCluster, createSentinel, type RedisClientOptions } from "@redis/client";

/** The feed out of Redis beside the one over HTTP. Which of them is used goes to the log. */
export function redisFeedOf({ connection, keyPrefix }: RedisSettings, log: Pick<Log, "info">) {
  return (http: Feed): Feed =>
    redisFeed({
      http,
      client: clientOf(connection),
      keyPrefix,
      onSource: ({ source, why }) => log.info({ event: "feed_source", source, why }),
    });
}

/** A connection that fails is left, and another one opened when it is time: nothing is to be sent again. */
const SOCKET = { connectTimeout: 1500, reconnectStrategy: false } as const;

function clientOf(connection: RedisSettings["connection"]): RedisStreamClient {
  const options = connectionOptions(connection);
  switch (connection.kind) {
    case "single": {
      const { host, port } = connection;
      return createClient({ ...options, socket: { ...options.socket, host, port } });
    }
    case "sentinel": {
      const { name, sentinels } = connection;
      // Sentinels have a login of their own, or none.
      const sentinelClientOptions = { socket: options.socket };
      return createSentinel({
        ...{ name, sentinelRootNodes: [...sentinels], sentinelClientOptions },
        nodeClientOptions: options,
      });
    }
    case "cluster": {
      const rootNodes = connection.nodes.map((node) => ({
        ...options,
        socket: { ...options.socket, ...node },
      }));
      return createCluster({ rootNodes, defaults: options, minimizeConnections: true });
    }
  }
}

function connectionOptions({ username, password, tls }: RedisSettings["connection"]) {
  return {
    socket: tls ? { ...SOCKET, tls } : SOCKET,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  } satisfies RedisClientOptions;
}
