import type { Requirements } from "@portcullis/guard";
import type { Address, ManagementAddress, RedisSettings, TrustedProxies } from "@portcullis/service";

/** Methods that a route can take. CONNECT and TRACE never pass a gateway; others are not defined for services. */
export const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/** The gateway's settings: resolved, complete, frozen. Durations carry their unit. */
export interface Configuration {
  readonly issuer: string;
  readonly listen: Address;
  readonly management: ManagementAddress;
  /** In front of the proxy's listener. */
  readonly trustedProxies: TrustedProxies | undefined;
  readonly verifier: {
    readonly clientId: string;
    readonly clientSecret: string;
    readonly name: string;
    /** Of a relay; undefined: where the issuer says. */
    readonly feedEndpoint: string | undefined;
  };
  readonly redis: RedisSettings | undefined;
  readonly transactionToken: {
    readonly issuer: string;
    readonly audience: string;
    readonly lifetimeSeconds: number;
    readonly keyFile: string;
  };
  readonly cors: Cors | undefined;
  readonly limits: Limits;
  readonly upstreams: UpstreamSettings;
  readonly accessLog: "off" | "refused" | "all";
  readonly drainMs: number;
  /** What the replica asks for: as long as the most patient route, so that a lease covers them all. */
  readonly leaseMs: number;
  readonly routes: readonly Route[];
}

export interface Cors {
  readonly origins: ReadonlySet<string>;
  readonly headers: readonly string[];
  readonly maxAgeSeconds: number;
}

export interface Limits {
  readonly maxHeaders: number;
  readonly maxHeaderBytes: number;
  readonly maxTargetLength: number;
  readonly maxBodyBytes: number;
  readonly maxConnections: number;
  readonly maxRequestsPerConnection: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly bufferRequestBytes: number;
  readonly bufferResponseBytes: number;
  readonly bufferedBytes: number;
  readonly minBytesPerSecond: number;
  readonly stallMs: number;
  readonly clientShare: number;
}

export interface UpstreamSettings {
  readonly connections: number;
  readonly queueLength: number;
  readonly queueTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
}

export interface Route {
  readonly name: string;
  /** Prefix, on segment boundaries. */
  readonly path: string;
  /** Origin: scheme, host and port. */
  readonly upstream: string;
  /** Undefined: public, no token is asked for. */
  readonly requirements: Requirements | undefined;
  readonly methods: ReadonlySet<string>;
  /** `true`: of JWTs alone. */
  readonly forwardAuthorization: boolean | "all";
}
