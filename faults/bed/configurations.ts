import type { Addresses } from "./addresses.ts";
import { HOST } from "./addresses.ts";
import {
  ADMIN_SCOPES,
  RESOURCE,
  SCOPE,
  type Secrets,
  THROW_AWAY_CLIENTS,
  throwAwayClient,
  USERNAME,
} from "./secrets.ts";

/** Longer than a round, so that what was revoked in it could still verify at its end. */
const TOKEN_SECONDS = 600;
/** Short: a lease is what the slowest receipts wait for. */
const FRESHNESS_SECONDS = 3;
export const KEY_PREFIX = "faults";

export interface Ingredients {
  readonly addresses: Addresses;
  readonly secrets: Secrets;
  readonly folder: string;
  /** Where each server writes what it says. */
  readonly logFolder: string;
  readonly postgresUrl?: string;
  readonly redisPort?: number;
}

export function authServerConfiguration(
  from: Ingredients & { readonly port: number; readonly dataDirectory: string },
): object {
  const { addresses, postgresUrl, redisPort } = from;
  return {
    issuer: addresses.issuer,
    listen: { host: HOST, port: from.port },
    dataDirectory: from.dataDirectory,
    maxAccessTokenLifetimeSeconds: TOKEN_SECONDS,
    // All users of a round sign in from one address, as fast as they can.
    limits: { authorizationRequestsPerMinute: 100_000, signInAttemptsPerMinute: 100_000 },
    ...(postgresUrl === undefined ? {} : { database: { kind: "postgres", url: postgresUrl } }),
    ...(redisPort === undefined ? {} : { redis: { connection: redisAt(redisPort), keyPrefix: KEY_PREFIX } }),
    resources: [
      {
        identifier: RESOURCE,
        name: "Orders",
        scopes: { [SCOPE]: "See your orders" },
        accessTokenTtlSeconds: TOKEN_SECONDS,
      },
    ],
    clients: clients(from),
    users: [{ username: USERNAME, name: "Frida", password: from.secrets.password }],
  };
}

const redisAt = (port: number) => ({ kind: "single", host: HOST, port });

function clients({ addresses, secrets }: Ingredients): object[] {
  const api = `${addresses.issuer}/api`;
  const orders = { [RESOURCE]: [SCOPE] };
  const throwAway = Array.from({ length: THROW_AWAY_CLIENTS }, (_, at) =>
    machine(throwAwayClient(at), secrets.throwAway, orders),
  );
  return [
    machine("machine", secrets.machine, orders),
    machine("admin", secrets.admin, { [api]: ADMIN_SCOPES.split(" ") }),
    machine("gateway", secrets.gateway, { [api]: ["revocations.read"] }),
    {
      clientId: "web",
      name: "Web app",
      redirectUris: [addresses.redirectUri],
      grantTypes: ["authorization_code", "refresh_token"],
      resources: orders,
    },
    ...throwAway,
  ];
}

function machine(clientId: string, clientSecret: string, resources: Record<string, string[]>): object {
  return { clientId, name: clientId, clientSecret, grantTypes: ["client_credentials"], resources };
}

export function gatewayConfiguration(
  from: Ingredients & {
    readonly name: string;
    readonly port: number;
    readonly management: number;
    readonly readsRedis: boolean;
  },
): object {
  const { addresses, secrets, redisPort } = from;
  const redis = from.readsRedis && redisPort !== undefined;
  return {
    issuer: addresses.issuer,
    audience: RESOURCE,
    listen: { host: HOST, port: from.port },
    management: { host: HOST, port: from.management },
    verifier: { clientId: "gateway", clientSecret: secrets.gateway, name: from.name },
    ...(redis ? { redis: { connection: redisAt(redisPort), keyPrefix: KEY_PREFIX } } : {}),
    transactionToken: { audience: "portcullis.example", keyFile: `${from.name}-key.json` },
    drainSeconds: 1,
    routes: [
      {
        name: "orders",
        path: "/orders",
        upstream: `http://${HOST}:${addresses.upstream}`,
        methods: ["GET"],
        freshness: { policy: "closed", maxAgeSeconds: FRESHNESS_SECONDS },
      },
    ],
  };
}
