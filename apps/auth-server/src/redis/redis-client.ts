import { createClient, createCluster, createSentinel, type RedisClientOptions } from "@redis/client";
import type { RedisConfiguration } from "../config/schema.ts";

export type RedisWord = string | Buffer;

/** What the rest needs of a client, whether it talks to one server, to a group with Sentinels or to a Cluster. */
export interface RedisClient {
  connect(): Promise<unknown>;
  /** False while a command would have to wait for a connection. */
  isReady(): boolean;
  send(key: string, command: readonly RedisWord[]): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  on(event: "error" | "ready", listener: (error: unknown) => void): void;
  destroy(): Promise<void>;
}

const CONNECT_MS = 2000;
/** A connection that is silent for so long is dead: a ping goes out every two seconds. */
const SILENCE_MS = 5000;
const PING_MS = 2000;
/** Commands that may be under way: far more than one server ever sends at once. */
const MAX_COMMANDS = 10_000;
const LONGEST_RETRY_MS = 5000;

type Connection = RedisConfiguration["connection"];

export function createRedisClient(connection: Connection, random: () => number): RedisClient {
  const options = connectionOptions(connection, random);
  switch (connection.kind) {
    case "single":
      return singleClient(connection, options);
    case "sentinel":
      return sentinelClient(connection, options);
    case "cluster":
      return clusterClient(connection, options);
  }
}

/** Doubles, and half of it is chance: servers that lost Redis together do not come back together. */
export function retryMs(failures: number, random: () => number): number {
  const delayMs = Math.min(LONGEST_RETRY_MS, 50 * 2 ** Math.min(failures, 10));
  return delayMs / 2 + (delayMs / 2) * random();
}

function connectionOptions({ username, password, tls }: Connection, random: () => number) {
  const socket = {
    connectTimeout: CONNECT_MS,
    socketTimeout: SILENCE_MS,
    reconnectStrategy: (failures: number) => retryMs(failures, random),
  };
  return {
    // What cannot be sent now is read out of SQL later: nothing may pile up here.
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_COMMANDS,
    pingInterval: PING_MS,
    socket: tls ? { ...socket, tls } : socket,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  } satisfies RedisClientOptions;
}

type Options = ReturnType<typeof connectionOptions>;
type Of<Kind extends Connection["kind"]> = Extract<Connection, { kind: Kind }>;

function singleClient({ host, port }: Of<"single">, options: Options): RedisClient {
  const client = createClient({ ...options, socket: { ...options.socket, host, port } });
  return {
    connect: () => client.connect(),
    isReady: () => client.isReady,
    send: (_key, command) => client.sendCommand(command),
    subscribe: (channel, listener) => client.subscribe(channel, listener),
    on: (event, listener) => void client.on(event, listener),
    destroy: async () => client.destroy(),
  };
}

function sentinelClient({ name, sentinels }: Of<"sentinel">, options: Options): RedisClient {
  const { username: _username, password: _password, ...sentinelOptions } = options;
  const client = createSentinel({
    name,
    sentinelRootNodes: [...sentinels],
    // Sentinels have a login of their own, or none.
    sentinelClientOptions: sentinelOptions,
    nodeClientOptions: options,
    passthroughClientErrorEvents: true,
    scanInterval: 2000,
  });
  return {
    connect: () => client.connect(),
    isReady: () => client.isReady,
    send: (_key, command) => client.sendCommand(false, [...command]),
    subscribe: (channel, listener) => client.subscribe(channel, listener),
    on: (event, listener) => void client.on(event, listener),
    destroy: async () => client.destroy(),
  };
}

function clusterClient({ nodes }: Of<"cluster">, options: Options): RedisClient {
  const rootNodes = nodes.map(({ host, port }) => ({
    ...options,
    socket: { ...options.socket, host, port },
  }));
  const client = createCluster({ rootNodes, defaults: options });
  return {
    connect: () => client.connect(),
    isReady: () => client.isOpen,
    send: (key, command) => client.sendCommand(key, false, [...command]),
    subscribe: (channel, listener) => client.subscribe(channel, listener),
    on: (event, listener) => void client.on(event === "ready" ? "node-ready" : event, listener),
    destroy: async () => client.destroy(),
  };
}
