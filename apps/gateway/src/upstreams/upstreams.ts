import { Pool } from "undici";
import type { Route, UpstreamSettings } from "../config/configuration.ts";
import { ConnectionQueue, type QueueOptions } from "./connection-queue.ts";

/** A service: its connections, and who may use one. */
interface Upstream {
  readonly pool: Pool;
  readonly queue: ConnectionQueue;
}

export interface UpstreamUse {
  readonly origin: string;
  readonly connections: number;
  readonly waiting: number;
}

/** One pool of connections for each service, whichever routes lead to it. */
export class Upstreams {
  readonly #byOrigin: ReadonlyMap<string, Upstream>;

  constructor(
    routes: readonly Route[],
    settings: UpstreamSettings,
    share: Pick<QueueOptions, "clientShare" | "setTimer">,
  ) {
    const { connections, queueLength, queueTimeoutMs } = settings;
    const { clientShare, setTimer } = share;
    const open = (origin: string): Upstream => ({
      pool: openPool(origin, settings),
      queue: new ConnectionQueue({ connections, queueLength, queueTimeoutMs, clientShare, setTimer }),
    });
    const origins = new Set(routes.map((route) => route.upstream));
    this.#byOrigin = new Map([...origins].map((origin) => [origin, open(origin)]));
  }

  of(route: Route): Upstream {
    return this.#byOrigin.get(route.upstream)!;
  }

  inUse(): UpstreamUse[] {
    return [...this.#byOrigin].map(([origin, { queue }]) => ({
      origin,
      connections: queue.held,
      waiting: queue.waiting,
    }));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#byOrigin.values()].map(({ pool }) => pool.destroy()));
  }
}

const openPool = (origin: string, settings: UpstreamSettings): Pool =>
  new Pool(origin, {
    connections: settings.connections,
    // No pipelining: an answer can then belong to one request only, and a slow one holds up no other.
    pipelining: 1,
    allowH2: false,
    connect: { timeout: settings.connectTimeoutMs },
    headersTimeout: settings.headersTimeoutMs,
    bodyTimeout: settings.bodyTimeoutMs,
  });
