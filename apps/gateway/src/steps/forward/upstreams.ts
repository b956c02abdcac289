import { Pool } from "undici";
import type { Route, UpstreamSettings } from "../../config/configuration.ts";

/** One pool of connections for each service, whichever routes lead to it. */
export class Upstreams {
  readonly #pools: ReadonlyMap<string, Pool>;

  constructor(routes: readonly Route[], settings: UpstreamSettings) {
    const origins = new Set(routes.map((route) => route.upstream));
    this.#pools = new Map([...origins].map((origin) => [origin, openPool(origin, settings)]));
  }

  of(route: Route): Pool {
    return this.#pools.get(route.upstream)!;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()));
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
