/** The configuration as it is written. Descriptions and defaults here make docs/reference/gateway-configuration.md. */
import {
  filePath,
  httpUrlSchema,
  listenSchema,
  managementSchema,
  originSchema,
  redisSchema,
  secret,
  trustedProxiesSchema,
} from "@portcullis/service";
import { z } from "zod";
import { METHODS } from "./configuration.ts";

const text = z.string().min(1);
const atLeastOne = z.int().min(1);
export const DEFAULT_MANAGEMENT_PORT = 8411;

const freshness = z.strictObject({
  policy: z
    .enum(["closed", "open"], { error: policyMessage })
    .default("closed")
    .describe(
      "When the list of revocations is older than allowed: `closed` answers 503, `open` allows and counts.",
    ),
  maxAgeSeconds: z
    .number()
    .positive()
    .max(60, "must be at most 60: a replica's lease is never longer, and no allow outlives the lease")
    .default(5)
    .describe("How old the last confirmation may be; at most 60."),
});

const route = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be lower-case letters, digits and hyphens, at most 63")
    .describe("Name in metrics, logs and transaction tokens."),
  path: z
    .string()
    .regex(/^\/$|^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/, {
      error:
        'must begin with "/", not end with one, and have only letters, digits and "-._~" between slashes',
    })
    .describe(
      "Prefix, matched on segment boundaries: `/orders` takes `/orders/7`, not `/orders2`. The longest wins.",
    ),
  upstream: originSchema.describe("Origin of the service. The path is forwarded as it came."),
  audience: text.optional().describe("Must be in the token's `aud`. Default: the top-level `audience`."),
  public: z
    .boolean()
    .default(false)
    .describe("No token is asked for. Must be said for a route without audience."),
  scopes: z.array(text).optional().describe("All of them must be in the token's `scope`."),
  freshness: freshness.optional().describe("Default: closed, 5 seconds."),
  methods: z
    .array(z.enum(METHODS))
    .min(1)
    .optional()
    .describe(`Default: ${METHODS.join(", ")}.`),
  forwardAuthorization: z
    .boolean()
    .default(true)
    .describe("Whether the service gets the access token as well as the transaction token."),
});

const verifier = z.strictObject({
  clientId: text.describe("Client registered for the feed, with scope `revocations.read`."),
  clientSecret: secret(text.describe("Its secret.")),
  name: z
    .string()
    .regex(/^[\w.@-]{1,80}$/, 'must be letters, digits and "_.@-", at most 80')
    .default("gateway")
    .describe("Shown in receipts; a suffix makes it unique for each process."),
  feedEndpoint: httpUrlSchema
    .optional()
    .describe("Base URL of a relay that carries the list. Default: where the issuer says."),
});

const transactionToken = z.strictObject({
  issuer: httpUrlSchema.optional().describe("Its `iss`. Default: `http://` and the address of `listen`."),
  audience: text.describe("Its `aud`: the trust domain of the services."),
  lifetimeSeconds: z
    .int()
    .min(15)
    .max(300)
    .default(30)
    .describe("Never past the time when the access token is accepted no more."),
  keyFile: filePath(
    text.describe(
      "Private key, made at the first start with mode 0600; relative to this file, in the environment to the working directory.",
    ),
  ),
});

const cors = z.strictObject({
  origins: z
    .array(originSchema)
    .min(1)
    .describe("Origins whose scripts may call and read answers; no wildcard."),
  headers: z
    .array(text)
    .default(["Authorization", "Content-Type"])
    .describe("Request headers they may send."),
  maxAgeSeconds: z.int().min(0).max(86_400).default(600).describe("How long a preflight answer may be kept."),
});

const limits = z.strictObject({
  maxHeaders: atLeastOne.default(100).describe("Header fields a request; more get 431."),
  maxHeaderBytes: z
    .int()
    .min(1024)
    .max(1_048_576)
    .default(16_384)
    .describe("All of them together; more get 431."),
  maxTargetLength: atLeastOne.default(8192).describe("Path and query; longer gets 414."),
  maxBodyBytes: z.int().min(0).default(10_485_760).describe("Request body; larger gets 413."),
  maxConnections: atLeastOne.default(10_000).describe("Open client connections; further ones are closed."),
  maxRequestsPerConnection: z.int().min(0).default(0).describe("0: no limit."),
  headersTimeoutSeconds: z
    .number()
    .positive()
    .default(10)
    .describe("For the whole header to arrive; then 408."),
  requestTimeoutSeconds: z
    .number()
    .positive()
    .default(300)
    .describe("For header and body to arrive; then 408."),
  keepAliveSeconds: z.number().positive().default(60).describe("How long an idle client connection is kept."),
  bufferRequestBytes: z
    .int()
    .min(0)
    .max(1_048_576)
    .default(65_536)
    .describe(
      "A body whose Content-Length is no more is read whole before anything is sent to the service; others are passed on as they come.",
    ),
  bufferResponseBytes: z
    .int()
    .min(0)
    .max(1_048_576)
    .default(65_536)
    .describe("What is taken from the service of an answer that its client does not read yet."),
  bufferedBytes: z
    .int()
    .min(0)
    .default(134_217_728)
    .describe("All that is kept so; beyond it a body gets 503 and an answer waits at the service."),
  minBytesPerSecond: z
    .int()
    .min(0)
    .default(500)
    .describe(
      "A client that sends a body, or reads an answer, more slowly is cut off; 0: as slowly as it likes.",
    ),
  stallSeconds: z
    .number()
    .positive()
    .default(20)
    .describe("How long it may do nothing, or be slower, before that: a body gets 408, an answer is reset."),
  clientShare: z
    .number()
    .positive()
    .max(1)
    .default(0.25)
    .describe(
      "What one client may have of the connections to a service, of the queue for them and of `bufferedBytes`. One client is an IPv4 address, or the /64 of an IPv6 one: behind a proxy, name it in `trustedProxies`, or all clients are one.",
    ),
});

const upstreams = z.strictObject({
  connections: atLeastOne.default(256).describe("Open connections to one service."),
  queueLength: z
    .int()
    .min(0)
    .default(1_000)
    .describe("Requests that wait for a connection to one service; further ones get 503 `upstream_busy`."),
  queueTimeoutSeconds: z
    .number()
    .positive()
    .default(5)
    .describe("How long they wait; then 503 `upstream_busy`."),
  connectTimeoutSeconds: z.number().positive().default(5).describe("Then 504."),
  headersTimeoutSeconds: z
    .number()
    .positive()
    .default(30)
    .describe(
      "From the last byte of the request, as it is sent to the service, to the response header; then 504. Also how long the service may take nothing of a body.",
    ),
  bodyTimeoutSeconds: z
    .number()
    .min(0)
    .default(300)
    .describe(
      "Between two parts of a response body; 0: for ever. While the client is the one that does not read, `limits.stallSeconds` counts.",
    ),
});

export const configurationSchema = z.strictObject({
  issuer: httpUrlSchema.describe("Issuer of the access tokens: the authorization server."),
  audience: text.optional().describe("Default for routes that name none."),
  listen: listenSchema.describe("Where clients connect."),
  management: managementSchema(DEFAULT_MANAGEMENT_PORT).describe(
    "Where operators connect: `/livez`, `/readyz`, `/status`, `/metrics`. On another port than `listen`.",
  ),
  trustedProxies: trustedProxiesSchema
    .optional()
    .describe("Proxies in front of `listen`. Without it, a client is where its connection comes from."),
  verifier: verifier.describe("How the gateway gets the list of revocations."),
  redis: redisSchema
    .optional()
    .describe("Read the list of revocations out of Redis while it is well, and over HTTP while it is not."),
  transactionToken: transactionToken.describe("The identity that services get, in `Txn-Token`."),
  cors: cors.optional().describe("Browser apps on other origins; without it they cannot call."),
  limits: limits.prefault({}).describe("Bounds of what one client can take."),
  upstreams: upstreams.prefault({}).describe("Connections to services."),
  accessLog: z
    .enum(["off", "refused", "all"])
    .default("off")
    .describe(
      "One line a request, without query and credentials. The counters in `/metrics` are always there.",
    ),
  drainSeconds: z
    .number()
    .min(0)
    .default(10)
    .describe("For requests under way when the gateway is told to stop."),
  routes: z.array(route).min(1).describe("What is forwarded where, and what for."),
});

export type WrittenConfiguration = z.output<typeof configurationSchema>;

function policyMessage(issue: { readonly input?: unknown }): string | undefined {
  if (issue.input !== "online") return undefined;
  return "online (introspection) comes in a later version; use closed, or open to allow while unconfirmed";
}
