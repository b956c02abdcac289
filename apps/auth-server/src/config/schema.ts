/**
 * The configuration as it is written, before the rules between settings (cross-field-rules.ts). Descriptions and defaults here
 * make docs/reference/auth-server-configuration.md.
 */
import {
  APP_TYPES,
  appKeySetSchema,
  appSessionLimitSchema,
  CLAIMS_WORDS,
  claimsSchema,
  clientIdSchema,
  DEFAULT_SIGNING_ALGORITHM,
  GRANT_TYPES,
  newApiIdentifierSchema,
  permissionsSchema,
  personalTokenPermissionsSchema,
  SHOWN_NAME,
  SHOWN_NAME_WORDS,
  SIGNING_ALGORITHMS,
  sessionTimesShape,
  shownNameSchema,
} from "@portcullis/protocol";
import {
  listenSchema,
  managementSchema,
  redisSettings,
  secret,
  trustedProxiesSchema,
} from "@portcullis/service";
import { z } from "zod";
import { privateTargetsSchema } from "../outgoing/index.ts";
import { passwordSchema } from "../people/password-rule.ts";
import {
  DEFAULT_MAX_LIFETIME_SECONDS,
  GREATEST_MAX_LIFETIME_SECONDS,
  USERINFO_TOKEN_TTL_SECONDS,
} from "./access-token-lifetime.ts";
import { problemOfIssuer } from "./check-issuer.ts";
import { verifiersSchema } from "./verifiers-schema.ts";

export const DEFAULT_MANAGEMENT_PORT = 8410;
const FIVE_MINUTES = 300;
const scopeToken = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/, "must be a scope (RFC 6749, section 3.3)");

const mebibytes = z.int().min(1).max(1_048_576);
const requestsPerMinute = z.int().min(1).max(1_000_000);

const signingAlgorithm = z.enum(SIGNING_ALGORITHMS).default(DEFAULT_SIGNING_ALGORITHM);
const tokenSeconds = z.int().min(5).max(GREATEST_MAX_LIFETIME_SECONDS);
const refreshSeconds = z
  .int()
  .min(60)
  .max(10 * 365 * 86_400);

/** An API that takes our tokens, named by its resource indicator (RFC 8707). */
export const resourceSchema = z.strictObject({
  identifier: newApiIdentifierSchema.describe(
    "Resource indicator of the API (RFC 8707). It is the `aud` of its tokens.",
  ),
  name: shownNameSchema.describe("Name that users see."),
  scopes: permissionsSchema.describe(
    "Each scope, and what it lets an app do. The consent page shows these words, so write them for users.",
  ),
  accessTokenTtlSeconds: tokenSeconds
    .default(FIVE_MINUTES)
    .describe("Lifetime of its access tokens, at most `maxAccessTokenLifetimeSeconds`."),
  algorithm: signingAlgorithm.describe("Algorithm that signs its access tokens."),
  claims: claimsSchema.default({}).describe(CLAIMS_WORDS),
  personalTokenPermissions: personalTokenPermissionsSchema,
  ...sessionTimesShape,
});

export const clientSchema = z.strictObject({
  clientId: clientIdSchema.describe(
    "Name of the client in the protocol. It does not look like a `sub` (22 characters of base64url, or a UUID).",
  ),
  name: shownNameSchema.describe("Name on the consent page."),
  clientSecret: secret(
    z
      .string()
      .min(22, "must be random and at least 22 characters long")
      .max(200)
      .optional()
      .describe(
        "Leave it out for a public client. Only a hash is stored, so it must be random: 128 bits or more.",
      ),
  ),
  jwks: appKeySetSchema
    .optional()
    .describe(
      "In place of a secret: public keys (a JWK Set) that verify what the client signs (`private_key_jwt`, RFC 7523).",
    ),
  jwksUri: z
    .string()
    .max(2000)
    .optional()
    .describe(
      "In place of a secret: where the client publishes such keys. They are fetched again after a minute.",
    ),
  redirectUris: z
    .array(z.string())
    .default([])
    .describe("Where codes may be sent. They are compared character by character."),
  postLogoutRedirectUris: z
    .array(z.string())
    .default([])
    .describe("Where a browser may be sent after a logout."),
  grantTypes: z
    .array(z.enum(GRANT_TYPES))
    .min(1)
    .describe("`client_credentials` needs a secret; `refresh_token` comes with `authorization_code` only."),
  type: z
    .enum(APP_TYPES)
    .default("web")
    .describe(
      "`web` runs on a server, `spa` in a browser, `service` acts for itself alone. `web` without a secret counts as `spa`, and with `client_credentials` alone as `service`. `native` is for an app on the user's own device (RFC 8252). It may have redirect URIs with a private-use scheme. For `http://127.0.0.1` and `http://[::1]` any port is accepted.",
    ),
  firstParty: z
    .boolean()
    .default(false)
    .describe(
      "The operator's own app. Users are not asked for consent. They are not asked whether to sign out either, if the app says for which session.",
    ),
  jsonSignIn: z
    .boolean()
    .default(false)
    .describe(
      "Whether it may sign people in with a form of its own, by JSON ([first-party sign-in](first-party-sign-in.md)). Only an app with `firstParty` may.",
    ),
  resources: z
    .record(z.string(), z.array(scopeToken).min(1))
    .default({})
    .describe(
      "For each API (its resource indicator), the scopes that the client may ask for. `<issuer>/api` is this server's own API.",
    ),
  optionalScopes: z
    .array(scopeToken)
    .default([])
    .describe(
      "Scopes that it can do without: `profile`, `email`, `address`, `phone`, and those of its `resources`. A user may untick them on the consent page, and the app then gets the rest.",
    ),
  introspectsAnyToken: z
    .boolean()
    .default(false)
    .describe(
      "Whether it may introspect every token. Otherwise it may introspect its own tokens, and those for the APIs that it is configured for.",
    ),
  requirePkce: z
    .boolean()
    .default(true)
    .describe(
      "Whether it must use PKCE. Only an app with a secret may go without. It must send a `nonce` then (RFC 9700, section 2.1.1).",
    ),
  defaultApi: z
    .string()
    .optional()
    .describe("One of its `resources`. A request without `resource` gets a token for it."),
  userinfoWithApiToken: z
    .boolean()
    .default(false)
    .describe(
      "Whether its tokens for an API open `/userinfo` too, if `openid` was asked for. For a client library that has one access token for everything. The API can read what the user gave the app, too.",
    ),
  idTokenAlgorithm: signingAlgorithm.describe("Algorithm that signs its ID tokens."),
  accessTokenTtlSeconds: tokenSeconds
    .optional()
    .describe("Lifetime of its access tokens. If the API has a shorter one, that counts."),
  refreshTokenIdleSeconds: refreshSeconds
    .optional()
    .describe("How long a refresh token may stay unused. It never outlives its session."),
  refreshTokenAbsoluteSeconds: refreshSeconds
    .optional()
    .describe(
      "How long tokens may be refreshed after a sign-in. A refresh token never outlives its session.",
    ),
  ...sessionTimesShape,
  sessionLimit: appSessionLimitSchema
    .optional()
    .describe("In how many sessions of a user the app may be at once. Left out: as the policy says."),
  backchannelLogoutUri: z
    .string()
    .max(2000)
    .optional()
    .describe(
      "Where this server tells it that a session is over (OpenID Connect Back-Channel Logout 1.0). Left out: it is not told.",
    ),
  backchannelLogoutSessionRequired: z
    .boolean()
    .default(true)
    .describe("Whether a logout token must name the session. It always does."),
  frontchannelLogoutUri: z
    .string()
    .optional()
    .describe(
      "A page of the app that the browser loads in a hidden frame when the user signs out here (OpenID Connect Front-Channel Logout 1.0). Its origin is that of one of `redirectUris`.",
    ),
  frontchannelLogoutSessionRequired: z
    .boolean()
    .default(true)
    .describe(
      "Whether that page is given `iss` and `sid`. Without them any site can sign the user out of the app.",
    ),
});

/** A user who is made at the first start. Later changes of the file change nothing: SQL is the truth. */
export const userSchema = z.strictObject({
  username: z
    .string()
    .min(1)
    .max(128)
    .describe("It has no `@`, and does not look like a `sub` (22 characters of base64url, or a UUID)."),
  name: z
    .string()
    .min(1)
    .max(200)
    .regex(SHOWN_NAME, SHOWN_NAME_WORDS)
    .describe("Given to apps that ask for the profile."),
  email: z.email().optional().describe("Given to apps that ask for the e-mail address."),
  emailVerified: z
    .boolean()
    .default(true)
    .describe(
      "Whether it is known to be the user's. Only then may the user be named by it, and nobody else have it.",
    ),
  password: secret(
    passwordSchema.describe(
      "The first password, 8 to 1,024 characters. Later changes in the file have no effect.",
    ),
  ),
});

/** Made at the start if there is no administrator. Later changes of it change nothing: SQL is the truth. */
export const adminSchema = z.strictObject({
  username: userSchema.shape.username,
  password: secret(
    passwordSchema.describe(
      "The first password, 8 to 1,024 characters. A user who is there already keeps his own.",
    ),
  ),
});

/** SQLite is one file in `dataDirectory` and one server. PostgreSQL may be shared by any number of servers. */
export const databaseSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z
      .literal("sqlite")
      .describe(
        "`sqlite` is one file in `dataDirectory`, for one server. Any number of servers can share `postgres`.",
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
    poolSize: z.int().min(4).max(200).default(16).describe("How many connections one server may open."),
  }),
]);

/** Optional. What is in it may be lost at any time: the truth is in SQL. */
export const redisSchema = z.strictObject({
  ...redisSettings,
  feed: z
    .boolean()
    .default(true)
    .describe(
      "Whether to publish the log as the stream `<keyPrefix>:feed`. Verifiers can read it instead of the HTTP stream.",
    ),
  plainKeys: z
    .boolean()
    .default(false)
    .describe(
      "Whether to write the keys `revoked:jti:<jti>` and `revoked:sid:<sid>`, for gateways that look tokens up in Redis themselves.",
    ),
});

const limits = z.strictObject({
  authorizationRequestsPerMinute: requestsPerMinute
    .default(1200)
    .describe(
      "Requests to `/authorize`. Requests that come back from its pages count separately, up to the same number.",
    ),
  pushedRequestsPerMinute: requestsPerMinute
    .default(3000)
    .describe("Requests to `/par`. What they store lives for a minute."),
  signOutsPerMinute: requestsPerMinute
    .default(1200)
    .describe("Requests to `/logout`. Answers on its page count separately, up to the same number."),
  signInAttemptsPerMinute: requestsPerMinute
    .default(6000)
    .describe(
      "Passwords that are sent, for any account. This limits what is stored. Guessing is slowed down sooner.",
    ),
  sessionStreams: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(10_000)
    .describe(
      "Streams of `/session/events` that one server has open at once. Each is a connection: allow the process more open files than that. One app has nine tenths of them at most, one session 20.",
    ),
  sessionStreamsPerAddress: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(1000)
    .describe("Of these, from one client address. A browser has one open for each app."),
  requestBytes: z
    .int()
    .min(1024)
    .max(57_344)
    .default(8192)
    .describe("How much one such request may store, and how long its URL may be. More gets 400 or 414."),
  rowsOfStrangers: z
    .int()
    .min(100)
    .max(100_000_000)
    .default(100_000)
    .describe(
      "How many rows that belong to no user are kept, of each kind. New rows replace the oldest ones.",
    ),
});

const outgoing = z.strictObject({
  privateTargets: privateTargetsSchema
    .default([])
    .describe(
      "Hosts of your own network that may be asked: `crm.internal`, `crm.internal:8443`, `127.0.0.1:3000`, or `10.20.0.0/16`. Plain HTTP is allowed there too. Whoever may edit apps can make this server send requests to them.",
    ),
});

const diskSpace = z.strictObject({
  reserveMiB: mebibytes
    .default(16)
    .describe("Space that is kept free for revoking, signing out and pruning."),
  refuseStrangersBelowMiB: mebibytes
    .default(64)
    .describe("With less free space, nobody can begin to sign in: 503 `storage_full`."),
  alarmBelowMiB: mebibytes.default(256).describe("With less free space, the log says `storage_space_low`."),
});

export const configurationSchema = z.strictObject({
  issuer: z
    .url()
    .refine((issuer) => problemOfIssuer(issuer) === undefined, {
      error: ({ input }) => problemOfIssuer(String(input)),
    })
    .describe(
      "Where browsers and apps reach this server: scheme, host and port, and perhaps a path, such as `https://login.example` or `https://example.com/auth`. Everything of this server is below that path, and a proxy in front takes nothing off. It is the `iss` of its tokens.",
    ),
  listen: listenSchema.describe("Where clients connect. Plain HTTP: a proxy in front ends TLS."),
  management: managementSchema(DEFAULT_MANAGEMENT_PORT).describe(
    "Where operators connect: `/livez`, `/readyz`, `/metrics`. On another port than `listen`.",
  ),
  trustedProxies: trustedProxiesSchema
    .optional()
    .describe(
      "Proxies in front of this server. Without this setting, a client's address is the one that its connection comes from.",
    ),
  dataDirectory: z
    .string()
    .min(1)
    .describe(
      "Folder for the server's files. Only its owner can read it. Relative to the working directory, wherever it is written.",
    ),
  database: databaseSchema
    .default({ kind: "sqlite" })
    .describe("Where users, sessions, keys and revocations are stored."),
  redis: redisSchema.optional().describe("Optional. All servers of one installation name the same Redis."),
  limits: limits
    .prefault({})
    .describe(
      "Limits on what strangers can store. Those per minute count requests from one client address (for IPv6, a /64). More get 429. Leave room for an office behind one address.",
    ),
  outgoing: outgoing
    .prefault({})
    .describe(
      "Requests that this server sends to URLs that apps are configured with, such as `jwksUri`. They go to public addresses by https, and to no others.",
    ),
  diskSpace: diskSpace
    .prefault({})
    .describe("With SQLite only. On a small disk, smaller numbers apply: see Disk space below."),
  verifiers: verifiersSchema
    .prefault({})
    .describe(
      "What a verifier may take: leases are its right to let tokens pass, and receipts wait for them.",
    ),
  maxLiveRevocations: z
    .int()
    .min(1000)
    .default(10_000_000)
    .describe(
      "How many live revocations may be kept. At four fifths of it the log has an alarm. Every verifier holds as many in memory.",
    ),
  maxAccessTokenLifetimeSeconds: z
    .int()
    .min(USERINFO_TOKEN_TTL_SECONDS)
    .max(GREATEST_MAX_LIFETIME_SECONDS)
    .default(DEFAULT_MAX_LIFETIME_SECONDS)
    .describe(
      "No access token lives longer, whatever its API says, and revocations are kept for so long. If you revoke much, set it to the longest lifetime that you need. A lower value counts once the last token of the time before has ended.",
    ),
  stopGraceSeconds: z
    .int()
    .min(0)
    .max(300)
    .default(1)
    .describe(
      "After SIGTERM the server says that it is not ready, and goes on for so long: until a load balancer has noticed, and sends nobody here any more.",
    ),
  // At least what verifiers allow by default: with less, a revocation could leave the log before its token dies.
  clockSkewSeconds: z.int().min(5).max(60).default(5).describe("How far the clocks of verifiers may be off."),
  resources: z
    .array(resourceSchema)
    .default([])
    .describe(
      "APIs to create at the start, if they do not exist yet. Later changes in the file have no effect.",
    ),
  clients: z
    .array(clientSchema)
    .default([])
    .describe(
      "Apps, services and verifiers to create at the start, if they do not exist yet. Later changes in the file have no effect.",
    ),
  admin: adminSchema
    .optional()
    .describe(
      "The first administrator, for a server that nobody sets up by hand. Used at the start, and only if there is no administrator. Without it, the log has a one-time link.",
    ),
  users: z
    .array(userSchema)
    .default([])
    .describe(
      "Users to create at the start, if they do not exist yet. Later changes in the file have no effect.",
    ),
});

export type AdminConfiguration = z.infer<typeof adminSchema>;
export type ConfigurationFile = z.infer<typeof configurationSchema>;
export type ResourceConfiguration = z.infer<typeof resourceSchema>;
export type ClientConfiguration = z.infer<typeof clientSchema>;
export type DatabaseConfiguration = z.infer<typeof databaseSchema>;
export type DiskSpaceConfiguration = ConfigurationFile["diskSpace"];
export type VerifiersConfiguration = ConfigurationFile["verifiers"];
export type LimitsConfiguration = ConfigurationFile["limits"];
export type OutgoingConfiguration = ConfigurationFile["outgoing"];
export type RedisConfiguration = z.infer<typeof redisSchema>;
export type UserConfiguration = z.infer<typeof userSchema>;
