import { resolve } from "node:path";
import { type Configuration, type Cors, METHODS, type Route } from "./configuration.ts";
import type { WrittenConfiguration } from "./schema.ts";

const SHORTEST_LEASE_MS = 2_000;
const DEFAULT_FRESHNESS = { policy: "closed", maxAgeSeconds: 5 } as const;

export function resolveConfiguration(
  written: WrittenConfiguration,
  from: { readonly directory: string; readonly clientSecret: string },
): Configuration {
  const routes = written.routes.map((route) => resolveRoute(route, written.audience));
  const ages = routes.map(({ requirements }) => requirements?.freshness?.maxAgeMs ?? 0);
  return Object.freeze({
    issuer: written.issuer,
    listen: Object.freeze(written.listen),
    management: Object.freeze(written.management),
    trustedProxies: written.trustedProxies && Object.freeze(written.trustedProxies),
    verifier: Object.freeze({
      clientId: written.verifier.clientId,
      clientSecret: from.clientSecret,
      name: written.verifier.name,
      feedEndpoint: written.verifier.feedEndpoint,
    }),
    redis: written.redis,
    transactionToken: Object.freeze({
      issuer: written.transactionToken.issuer ?? `http://${written.listen.host}:${written.listen.port}`,
      audience: written.transactionToken.audience,
      lifetimeSeconds: written.transactionToken.lifetimeSeconds,
      keyFile: resolve(from.directory, written.transactionToken.keyFile),
    }),
    cors: resolveCors(written.cors),
    limits: resolveLimits(written.limits),
    upstreams: resolveUpstreams(written.upstreams),
    accessLog: written.accessLog,
    drainMs: milliseconds(written.drainSeconds),
    leaseMs: Math.max(SHORTEST_LEASE_MS, ...ages),
    routes: Object.freeze(routes),
  });
}

const milliseconds = (seconds: number): number => Math.round(seconds * 1000);

function resolveRoute(route: WrittenConfiguration["routes"][number], audience: string | undefined): Route {
  const { policy, maxAgeSeconds } = route.freshness ?? DEFAULT_FRESHNESS;
  const requirements = Object.freeze({
    audience: (route.audience ?? audience)!,
    scopes: Object.freeze(route.scopes ?? []),
    freshness: Object.freeze({ policy, maxAgeMs: milliseconds(maxAgeSeconds) }),
  });
  return Object.freeze({
    name: route.name,
    path: route.path,
    upstream: route.upstream,
    requirements: route.public ? undefined : requirements,
    methods: new Set<string>(route.methods ?? METHODS),
    forwardAuthorization: route.forwardAuthorization,
  });
}

function resolveCors(cors: WrittenConfiguration["cors"]): Cors | undefined {
  if (cors === undefined) return undefined;
  return Object.freeze({ ...cors, origins: new Set(cors.origins), headers: Object.freeze(cors.headers) });
}

function resolveLimits(limits: WrittenConfiguration["limits"]) {
  const { headersTimeoutSeconds, requestTimeoutSeconds, keepAliveSeconds, stallSeconds, ...rest } = limits;
  return Object.freeze({
    ...rest,
    headersTimeoutMs: milliseconds(headersTimeoutSeconds),
    requestTimeoutMs: milliseconds(requestTimeoutSeconds),
    keepAliveMs: milliseconds(keepAliveSeconds),
    stallMs: milliseconds(stallSeconds),
  });
}

function resolveUpstreams(upstreams: WrittenConfiguration["upstreams"]) {
  return Object.freeze({
    connections: upstreams.connections,
    queueLength: upstreams.queueLength,
    queueTimeoutMs: milliseconds(upstreams.queueTimeoutSeconds),
    connectTimeoutMs: milliseconds(upstreams.connectTimeoutSeconds),
    headersTimeoutMs: milliseconds(upstreams.headersTimeoutSeconds),
    bodyTimeoutMs: milliseconds(upstreams.bodyTimeoutSeconds),
  });
}
