import { resolve } from "node:path";
import { type ConfiguredFrom, resolveManagement } from "@portcullis/service";
import {
  type Configuration,
  type Cors,
  type Limits,
  METHODS,
  type Route,
  type UpstreamSettings,
} from "./configuration.ts";
import { DEFAULT_MANAGEMENT_PORT, type WrittenConfiguration } from "./schema.ts";

const SHORTEST_LEASE_MS = 2_000;
const DEFAULT_FRESHNESS = { policy: "closed", maxAgeSeconds: 5 } as const;

export function resolveConfiguration(
  written: WrittenConfiguration,
  { directory }: ConfiguredFrom,
): Configuration {
  const { listen, transactionToken } = written;
  const routes = written.routes.map((route) => resolveRoute(route, written.audience));
  const ages = routes.map(({ requirements }) => requirements?.freshness?.maxAgeMs ?? 0);
  return {
    issuer: written.issuer,
    listen,
    management: resolveManagement(written.management, DEFAULT_MANAGEMENT_PORT),
    trustedProxies: written.trustedProxies,
    verifier: { ...written.verifier, feedEndpoint: written.verifier.feedEndpoint },
    redis: written.redis,
    transactionToken: {
      ...transactionToken,
      issuer: transactionToken.issuer ?? `http://${listen.host}:${listen.port}`,
      keyFile: resolve(directory, transactionToken.keyFile),
    },
    cors: resolveCors(written.cors),
    limits: resolveLimits(written.limits),
    upstreams: resolveUpstreams(written.upstreams),
    accessLog: written.accessLog,
    drainMs: milliseconds(written.drainSeconds),
    leaseMs: Math.max(SHORTEST_LEASE_MS, ...ages),
    routes,
  };
}

const milliseconds = (seconds: number): number => Math.round(seconds * 1000);

function resolveRoute(route: WrittenConfiguration["routes"][number], audience: string | undefined): Route {
  const { policy, maxAgeSeconds } = route.freshness ?? DEFAULT_FRESHNESS;
  const requirements = {
    audience: (route.audience ?? audience)!,
    scopes: route.scopes ?? [],
    freshness: { policy, maxAgeMs: milliseconds(maxAgeSeconds) },
  };
  return {
    name: route.name,
    path: route.path,
    upstream: route.upstream,
    requirements: route.public ? undefined : requirements,
    methods: new Set<string>(route.methods ?? METHODS),
    forwardAuthorization: route.forwardAuthorization,
  };
}

const resolveCors = (cors: WrittenConfiguration["cors"]): Cors | undefined =>
  cors && { ...cors, origins: new Set(cors.origins) };

function resolveLimits(limits: WrittenConfiguration["limits"]): Limits {
  const { headersTimeoutSeconds, requestTimeoutSeconds, keepAliveSeconds, stallSeconds, ...rest } = limits;
  return {
    ...rest,
    headersTimeoutMs: milliseconds(headersTimeoutSeconds),
    requestTimeoutMs: milliseconds(requestTimeoutSeconds),
    keepAliveMs: milliseconds(keepAliveSeconds),
    stallMs: milliseconds(stallSeconds),
  };
}

const resolveUpstreams = (upstreams: WrittenConfiguration["upstreams"]): UpstreamSettings => ({
  connections: upstreams.connections,
  queueLength: upstreams.queueLength,
  queueTimeoutMs: milliseconds(upstreams.queueTimeoutSeconds),
  connectTimeoutMs: milliseconds(upstreams.connectTimeoutSeconds),
  headersTimeoutMs: milliseconds(upstreams.headersTimeoutSeconds),
  bodyTimeoutMs: milliseconds(upstreams.bodyTimeoutSeconds),
});
