/** The configuration file as it is written, before the rules across its fields (cross-field-rules.ts). */
import { trustedProxiesSchema } from "@portcullis/service";
import { z } from "zod";

const FIVE_MINUTES = 300;
const scopeToken = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/, "is not a scope (RFC 6749, section 3.3)");
const identifier = z.string().regex(/^[\w.@-]{1,100}$/, "may have letters, digits, and . _ @ - only");

const mebibytes = z.int().min(1).max(1_048_576);
const requestsPerMinute = z.int().min(1).max(1_000_000);

export const listenSchema = z.strictObject({
  host: z.string().min(1).default("127.0.0.1"),
  /** 0 takes a free port: for tests. */
  port: z.int().min(0).max(65_535),
});

/** An API that takes our tokens, named by its resource indicator (RFC 8707). */
export const resourceSchema = z.strictObject({
  identifier: z.url(),
  name: z.string().min(1).max(100),
  /** Scope to what it lets an app do, in words that a user understands: the consent page shows them. */
  scopes: z.record(scopeToken, z.string().min(1).max(200)),
  accessTokenTtlSeconds: z.int().min(5).max(86_400).default(FIVE_MINUTES),
});

export const GRANT_TYPES = ["authorization_code", "refresh_token", "client_credentials"] as const;

export const clientSchema = z.strictObject({
  clientId: identifier,
  /** Shown on the consent page. */
  name: z.string().min(1).max(100),
  /** Absent for a public client. Kept as a hash only, so it must be random: 128 bits or more. */
  clientSecret: z.string().min(22, "must be random and at least 22 characters long").max(200).optional(),
  redirectUris: z.array(z.string()).default([]),
  postLogoutRedirectUris: z.array(z.string()).default([]),
  grantTypes: z.array(z.enum(GRANT_TYPES)).min(1),
  /**
   * `native` for an app on the user's own device (RFC 8252): it may have redirect URIs of a private-use scheme, and of
   * `http://127.0.0.1` and `http://[::1]` any port is taken.
   */
  type: z.enum(["web", "native"]).default("web"),
  /** The operator's own app: users are not asked for consent, nor whether to sign out when it says for which session. */
  firstParty: z.boolean().default(false),
  /** Resource indicator to the scopes that this client may ask for there. */
  resources: z.record(z.string(), z.array(scopeToken).min(1)).default({}),
  /** May introspect every token; without it, its own and those for the resources that it is configured for. */
  introspectsAnyToken: z.boolean().default(false),
});

/** A user who is made at the first start. Later changes of the file change nothing: SQL is the truth. */
export const userSchema = z.strictObject({
  username: z.string().min(1).max(128),
  name: z.string().min(1).max(200),
  email: z.email().optional(),
  password: z.string().min(8).max(1024),
});

/** SQLite is one file in `dataDirectory` and one server. PostgreSQL may be shared by any number of servers. */
export const databaseSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("sqlite") }),
  z.strictObject({
    kind: z.literal("postgres"),
    /** `postgres://user:password@host:port/database`. */
    url: z.string().regex(/^postgres(ql)?:\/\//, "is not a postgres:// URL"),
    /** Connections of one server at most. */
    poolSize: z.int().min(4).max(200).default(16),
  }),
]);

const redisNode = z.strictObject({ host: z.string().min(1), port: z.int().min(1).max(65_535).default(6379) });
const redisLogin = {
  username: z.string().min(1).optional(),
  password: z.string().min(1).optional(),
  tls: z.boolean().default(false),
};

/** Optional. What is in it may be lost at any time: the truth is in SQL. */
export const redisSchema = z.strictObject({
  connection: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("single"), ...redisNode.shape, ...redisLogin }),
    z.strictObject({
      kind: z.literal("sentinel"),
      name: z.string().min(1),
      sentinels: z.array(redisNode).min(1),
      ...redisLogin,
    }),
    z.strictObject({ kind: z.literal("cluster"), nodes: z.array(redisNode).min(1), ...redisLogin }),
  ]),
  /** Of every key except the plain ones, whose names are fixed. */
  keyPrefix: z
    .string()
    .regex(/^[\w.-]{1,64}$/, "may have letters, digits, and . _ - only")
    .default("portcullis"),
  /** Publish the log as a stream that verifiers can read instead of the HTTP stream. */
  feed: z.boolean().default(true),
  /** Keep `revoked:jti:*` and `revoked:sid:*` for gateways that look tokens up themselves. */
  plainKeys: z.boolean().default(false),
});

export const configurationSchema = z.strictObject({
  issuer: z.url(),
  listen: listenSchema,
  /** Without it, a client is where its connection comes from. */
  trustedProxies: trustedProxiesSchema.optional(),
  dataDirectory: z.string().min(1),
  database: databaseSchema.default({ kind: "sqlite" }),
  redis: redisSchema.optional(),
  limits: z
    .strictObject({
      /** Each from one client address (of IPv6 a /64); more get 429. An office behind one address must fit in. */
      authorizationRequestsPerMinute: requestsPerMinute.default(1200),
      pushedRequestsPerMinute: requestsPerMinute.default(3000),
      signOutsPerMinute: requestsPerMinute.default(1200),
      signInAttemptsPerMinute: requestsPerMinute.default(6000),
      /** What one request may have stored. Real ones take a tenth of it. */
      requestBytes: z.int().min(1024).max(57_344).default(8192),
      /** Of each kind that strangers make; the oldest make way. */
      rowsOfStrangers: z.int().min(100).max(100_000_000).default(100_000),
    })
    .prefault({}),
  /** With SQLite. Mebibytes; on a small disk smaller shares of it (storage/sqlite/disk-room.ts). */
  diskSpace: z
    .strictObject({
      /** Held for revoking, signing out and pruning when nothing else is left. */
      reserveMiB: mebibytes.default(16),
      refuseStrangersBelowMiB: mebibytes.default(64),
      alarmBelowMiB: mebibytes.default(256),
    })
    .prefault({}),
  /** Live revocations that may be kept; an alarm is reported at four fifths of it. Verifiers hold as many. */
  mostLiveRevocations: z.int().min(1000).default(10_000_000),
  /**
   * How far clocks of verifiers may be off. At least what verifiers allow by default: with less, a revocation could
   * leave the log before its token dies.
   */
  clockSkewSeconds: z.int().min(5).max(60).default(5),
  resources: z.array(resourceSchema).default([]),
  clients: z.array(clientSchema).default([]),
  users: z.array(userSchema).default([]),
});

export type ConfigurationFile = z.infer<typeof configurationSchema>;
export type ResourceConfiguration = z.infer<typeof resourceSchema>;
export type ClientConfiguration = z.infer<typeof clientSchema>;
export type DatabaseConfiguration = z.infer<typeof databaseSchema>;
export type DiskSpaceConfiguration = ConfigurationFile["diskSpace"];
export type LimitsConfiguration = ConfigurationFile["limits"];
export type RedisConfiguration = z.infer<typeof redisSchema>;
export type UserConfiguration = z.infer<typeof userSchema>;
