/**
 * The configuration as it is written, before the rules between settings (cross-field-rules.ts). Descriptions and defaults here
 * make docs/reference/auth-server-configuration.md.
 */
import {
  listenSchema,
  managementSchema,
  redisSettings,
  secret,
  trustedProxiesSchema,
} from "@portcullis/service";
import { z } from "zod";

export const DEFAULT_MANAGEMENT_PORT = 8410;
const FIVE_MINUTES = 300;
const scopeToken = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/, "must be a scope (RFC 6749, section 3.3)");
const identifier = z.string().regex(/^[\w.@-]{1,100}$/, "must have letters, digits, and . _ @ - only");

const mebibytes = z.int().min(1).max(1_048_576);
const requestsPerMinute = z.int().min(1).max(1_000_000);

/** An API that takes our tokens, named by its resource indicator (RFC 8707). */
export const resourceSchema = z.strictObject({
  identifier: z.url().describe("Resource indicator (RFC 8707): what tokens for it have as `aud`."),
  name: z.string().min(1).max(100).describe("Shown to users."),
  scopes: z
    .record(scopeToken, z.string().min(1).max(200))
    .describe(
      "Each scope, and what it lets an app do, in words that a user understands: the consent page shows them.",
    ),
  accessTokenTtlSeconds: z
    .int()
    .min(5)
    .max(86_400)
    .default(FIVE_MINUTES)
    .describe("Lifetime of access tokens for it."),
});

export const GRANT_TYPES = ["authorization_code", "refresh_token", "client_credentials"] as const;

export const clientSchema = z.strictObject({
  clientId: identifier.describe("Its name in the protocol."),
  name: z.string().min(1).max(100).describe("Shown on the consent page."),
  clientSecret: secret(
    z
      .string()
      .min(22, "must be random and at least 22 characters long")
      .max(200)
      .optional()
      .describe("None for a public client. Kept as a hash alone, so it must be random: 128 bits or more."),
  ),
  redirectUris: z
    .array(z.string())
    .default([])
    .describe("Where codes may be sent. Compared character by character."),
  postLogoutRedirectUris: z
    .array(z.string())
    .default([])
    .describe("Where a browser may be sent after a logout."),
  grantTypes: z
    .array(z.enum(GRANT_TYPES))
    .min(1)
    .describe("`client_credentials` needs a secret; `refresh_token` comes with `authorization_code` only."),
  type: z
    .enum(["web", "native"])
    .default("web")
    .describe(
      "`native` for an app on the user's own device (RFC 8252): it may have redirect URIs of a private-use scheme, and of `http://127.0.0.1` and `http://[::1]` any port is taken.",
    ),
  firstParty: z
    .boolean()
    .default(false)
    .describe(
      "The operator's own app: users are not asked for consent, nor whether to sign out when it says for which session.",
    ),
  resources: z
    .record(z.string(), z.array(scopeToken).min(1))
    .default({})
    .describe(
      "Resource indicator of an API, and the scopes that it may ask for there. `<issuer>/api` is this server's own API.",
    ),
  introspectsAnyToken: z
    .boolean()
    .default(false)
    .describe(
      "May introspect every token; otherwise its own, and those for the APIs that it is configured for.",
    ),
});

/** A user who is made at the first start. Later changes of the file change nothing: SQL is the truth. */
export const userSchema = z.strictObject({
  username: z
    .string()
    .min(1)
    .max(128)
    .describe("Without `@`, and not spelt like a `sub` (22 characters of base64url)."),
  name: z.string().min(1).max(200).describe("Shown to apps that ask for the profile."),
  email: z.email().optional().describe("Told to apps that ask for it."),
  password: secret(
    z
      .string()
      .min(8)
      .max(1024)
      .describe("At first, 8 to 1,024 characters; later changes of the file change nothing."),
  ),
});

/** SQLite is one file in `dataDirectory` and one server. PostgreSQL may be shared by any number of servers. */
export const databaseSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z
      .literal("sqlite")
      .describe(
        "SQLite is one file in `dataDirectory` and one server. PostgreSQL may be shared by any number of servers.",
      ),
  }),
  z.strictObject({
    kind: z.literal("postgres"),
    url: secret(
      z
        .string()
        .regex(/^postgres(ql)?:\/\//, "must be a postgres:// URL")
        .describe("`postgres://user:password@host:port/database`."),
    ),
    poolSize: z.int().min(4).max(200).default(16).describe("Connections of one server at most."),
  }),
]);

/** Optional. What is in it may be lost at any time: the truth is in SQL. */
export const redisSchema = z.strictObject({
  ...redisSettings,
  feed: z
    .boolean()
    .default(true)
    .describe(
      "Publish the log as the stream `<keyPrefix>:feed`, which verifiers can read instead of the HTTP stream.",
    ),
  plainKeys: z
    .boolean()
    .default(false)
    .describe(
      "Keep `revoked:jti:<jti>` and `revoked:sid:<sid>` for gateways that look tokens up themselves.",
    ),
});

const limits = z.strictObject({
  authorizationRequestsPerMinute: requestsPerMinute
    .default(1200)
    .describe("`/authorize`, and the way back from its pages, each."),
  pushedRequestsPerMinute: requestsPerMinute.default(3000).describe("`/par`. They live for a minute."),
  signOutsPerMinute: requestsPerMinute.default(1200).describe("`/logout` and its answer, each."),
  signInAttemptsPerMinute: requestsPerMinute
    .default(6000)
    .describe(
      "Passwords that are sent, whatever account they are for. It bounds what is stored; guessing is slowed down sooner.",
    ),
  requestBytes: z
    .int()
    .min(1024)
    .max(57_344)
    .default(8192)
    .describe(
      "What one such request may have stored, and the length of its address; more is answered 400 or 414.",
    ),
  rowsOfStrangers: z
    .int()
    .min(100)
    .max(100_000_000)
    .default(100_000)
    .describe("Rows of each kind that name nobody. The oldest make way for new ones."),
});

const diskSpace = z.strictObject({
  reserveMiB: mebibytes
    .default(16)
    .describe("Held for revoking, signing out and pruning when nothing else is left."),
  refuseStrangersBelowMiB: mebibytes
    .default(64)
    .describe("Free space below which sign-ins cannot be begun: 503 `storage_full`."),
  alarmBelowMiB: mebibytes.default(256).describe("Free space below which the log says `storage_space_low`."),
});

export const configurationSchema = z.strictObject({
  issuer: z
    .url()
    .describe(
      "Where browsers and apps reach this server, and `iss` of its tokens: scheme, host and port, as in `https://login.example`.",
    ),
  listen: listenSchema.describe("Where clients connect. Plain HTTP: a proxy in front ends TLS."),
  management: managementSchema(DEFAULT_MANAGEMENT_PORT).describe(
    "Where operators connect: `/livez`, `/readyz`, `/metrics`. On another port than `listen`.",
  ),
  trustedProxies: trustedProxiesSchema
    .optional()
    .describe("Proxies in front. Without it, a client is where its connection comes from."),
  dataDirectory: z
    .string()
    .min(1)
    .describe("Where the server keeps its files, for its owner alone. Relative to where it was started."),
  database: databaseSchema.default({ kind: "sqlite" }).describe("Where everything true is kept."),
  redis: redisSchema.optional().describe("Optional: all servers of one installation name the same."),
  limits: limits
    .prefault({})
    .describe(
      "Each from one client address (of IPv6 a /64) in a minute; more get 429. An office behind one address must fit in.",
    ),
  diskSpace: diskSpace.prefault({}).describe("With SQLite. On a small disk at most shares of it."),
  maxLiveRevocations: z
    .int()
    .min(1000)
    .default(10_000_000)
    .describe(
      "Live revocations that may be kept; an alarm is reported at four fifths of it. Verifiers hold as many.",
    ),
  // At least what verifiers allow by default: with less, a revocation could leave the log before its token dies.
  clockSkewSeconds: z.int().min(5).max(60).default(5).describe("How far clocks of verifiers may be off."),
  resources: z.array(resourceSchema).default([]).describe("APIs that take tokens of this server."),
  clients: z.array(clientSchema).default([]).describe("Apps, services and verifiers."),
  users: z
    .array(userSchema)
    .default([])
    .describe("Users who are made at the first start. Later changes of the file change nothing."),
});

export type ConfigurationFile = z.infer<typeof configurationSchema>;
export type ResourceConfiguration = z.infer<typeof resourceSchema>;
export type ClientConfiguration = z.infer<typeof clientSchema>;
export type DatabaseConfiguration = z.infer<typeof databaseSchema>;
export type DiskSpaceConfiguration = ConfigurationFile["diskSpace"];
export type LimitsConfiguration = ConfigurationFile["limits"];
export type RedisConfiguration = z.infer<typeof redisSchema>;
export type UserConfiguration = z.infer<typeof userSchema>;
