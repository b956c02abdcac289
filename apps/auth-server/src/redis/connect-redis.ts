import { type Log, systemTimer } from "@portcullis/protocol";
import type { RedisConfiguration } from "../config/schema.ts";
import { redisError } from "./errors.ts";
import { createRedisClient, type RedisClient, type RedisWord, retryMs } from "./redis-client.ts";

/**
 * A connection that is there when Redis is. Nothing waits for it: a command fails with `redis_unavailable`, at once
 * while Redis is away and after two seconds when it does not answer.
 */
export interface RedisConnection {
  /** `key` names the node of a Cluster that the command goes to: the first key that it touches. */
  call(key: string, ...command: readonly RedisWord[]): Promise<unknown>;
  isUp(): boolean;
  /** Called whenever Redis is there again; and at once, when it is there now. */
  onUp(listener: () => void): () => void;
  /** For the life of the connection, over every break. Messages that came meanwhile are lost. */
  subscribe(channel: string, listener: (message: string) => void): void;
  close(): Promise<void>;
}

export interface RedisConnectionOptions {
  readonly configuration: RedisConfiguration;
  readonly operatorLog: Log;
  /** What it is for, in the log. */
  readonly use: "keys" | "bus";
  readonly random?: () => number;
}

const ANSWER_MS = 2000;
/** A break is reported once, and then once in so many failures. */
const FAILURES_PER_REPORT = 20;

/** Comes back at once; connects in the background, for ever. */
export function connectRedis(options: RedisConnectionOptions): RedisConnection {
  return new ReconnectingRedis(options);
}

class ReconnectingRedis implements RedisConnection {
  readonly #options: RedisConnectionOptions;
  readonly #random: () => number;
  readonly #listeners = new Set<() => void>();
  readonly #subscriptions: { channel: string; listener: (message: string) => void }[] = [];
  #client: RedisClient | undefined;
  #connected = false;
  #closed = false;
  #failures = 0;
  #wake = (): void => {};

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    void this.#connect();
  }

  isUp(): boolean {
    return this.#connected && (this.#client?.isReady() ?? false);
  }

  onUp(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (this.isUp()) listener();
    return () => this.#listeners.delete(listener);
  }

  subscribe(channel: string, listener: (message: string) => void): void {
    this.#subscriptions.push({ channel, listener });
    if (this.isUp()) this.#client!.subscribe(channel, listener).catch(this.#failed);
  }

  async call(key: string, ...command: readonly RedisWord[]): Promise<unknown> {
    const client = this.#client;
    if (client === undefined || !this.isUp()) throw redisError("redis_unavailable");
    const { answer, cancel } = withinTime(client.send(key, command));
    try {
      return await answer;
    } catch (error) {
      // One that holds its connections and says nothing would take every command with it.
      if (error === SILENT) this.#replace(client);
      else if (isReply(error)) throw error;
      throw redisError("redis_unavailable", { cause: error });
    } finally {
      cancel();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    await destroyQuietly(this.#client);
  }

  /** A new client for each attempt: those of a group are of no use after an attempt that failed. */
  async #connect(): Promise<void> {
    while (!this.#closed) {
      const client = createRedisClient(this.#options.configuration.connection, this.#random);
      this.#client = client;
      client.on("error", this.#failed);
      client.on("ready", () => this.#announce(client));
      try {
        await client.connect();
        await Promise.all(
          this.#subscriptions.map(({ channel, listener }) => client.subscribe(channel, listener)),
        );
        this.#connected = true;
        this.#announce(client);
        return;
      } catch (error) {
        this.#failed(error);
        await destroyQuietly(client);
        await this.#pause();
      }
    }
  }

  #replace(client: RedisClient): void {
    if (this.#client !== client || this.#closed) return;
    this.#connected = false;
    this.#client = undefined;
    void destroyQuietly(client);
    void this.#connect();
  }

  #announce(client: RedisClient): void {
    if (client !== this.#client || !this.isUp()) return;
    const { operatorLog, use } = this.#options;
    if (this.#failures > 0) operatorLog.info({ event: "redis_connected", use });
    this.#failures = 0;
    for (const listener of this.#listeners) listener();
  }

  /** Never thrown: Redis is a shortcut, and a server that cannot take it goes the long way. */
  readonly #failed = (error: unknown): void => {
    if (this.#closed) return;
    const { operatorLog, use } = this.#options;
    if (this.#failures++ % FAILURES_PER_REPORT === 0) {
      operatorLog.warn({ event: "redis_unavailable", use, error });
    }
  };

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = systemTimer(resolve, retryMs(this.#failures, this.#random));
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

const SILENT = new Error("Redis does not answer.");

function withinTime(work: Promise<unknown>): { answer: Promise<unknown>; cancel: () => void } {
  let cancel = (): void => {};
  const silence = new Promise<never>((_resolve, reject) => {
    cancel = systemTimer(() => reject(SILENT), ANSWER_MS);
  });
  return { answer: Promise.race([work, silence]), cancel };
}

/** An answer that says no (a mistake in a command, a missing right) is no outage. */
function isReply(error: unknown): boolean {
  return (
    error instanceof Error &&
    /^[A-Z]+ /.test(error.message) &&
    !/^(LOADING|MASTERDOWN|READONLY|CLUSTERDOWN|TRYAGAIN|BUSY) /.test(error.message)
  );
}

async function destroyQuietly(client: RedisClient | undefined): Promise<void> {
  try {
    await client?.destroy();
  } catch {
    // Closed already.
  }
}
