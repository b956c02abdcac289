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

const freshness = z
  .strictObject({
    policy: z
      .enum(["closed", "online", "open"])
      .default("closed")
      .describe(
        "What to do when the list of revocations was not confirmed in time: `closed` answers 503, `online` asks the issuer about the token (503 if it does not answer), `open` allows the request and counts it.",
      ),
    maxAgeSeconds: z
      .number()
      .min(0)
      .max(60, "must be at most 60: a replica's lease is never longer, and no allow outlives the lease")
      .default(5)
      .describe(
        "How old the last confirmation of the list may be. 0, with `online` alone: the issuer is asked for each request.",
      ),
  })
  .refine(({ policy, maxAgeSeconds }) => policy === "online" || maxAgeSeconds > 0, {
    path: ["maxAgeSeconds"],
    message: "must be more than 0: no list is that fresh; only online can ask the issuer for each request",
  });

const route = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be lower-case letters, digits and hyphens, at most 63")
    .describe("Name of the route in metrics, logs and transaction tokens."),
  path: z
    .string()
    .regex(/^\/$|^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/, {
      error:
        'must begin with "/", not end with one, and have only letters, digits and "-._~" between slashes',
    })
    .describe(
      "Prefix of whole path segments: `/orders` matches `/orders/7`, but not `/orders2`. The longest match wins.",
    ),
  upstream: originSchema.describe("Origin of the service. The path is passed on unchanged."),
  audience: text.optional().describe("Must be in the token's `aud`. Default: the top-level `audience`."),
  public: z
    .boolean()
    .default(false)
    .describe("Whether the route needs no token. A route without an audience must say `true`."),
  scopes: z.array(text).optional().describe("All of them must be in the token's `scope`."),
  freshness: freshness
    .optional()
    .describe("How fresh the list of revocations must be. Default: `closed`, 5 seconds."),
  methods: z
    .array(z.enum(METHODS))
    .min(1)
    .optional()
    .describe(`Methods that the route accepts. Default: ${METHODS.join(", ")}.`),
  forwardAuthorization: z
    .union([z.boolean(), z.literal("all")])
    .default(true)
    .describe(
      "Whether the service gets the access token as well as the transaction token. `true`: a JWT, and never a token for scripts, which lives for months and which the service could use elsewhere. `all`: those as well, for a service with a guard of its own.",
    ),
});

const verifier = z.strictObject({
  clientId: text.describe(
    "The gateway's client at the issuer, with the scope `revocations.read`. To ask about tokens (tokens for scripts, and routes with `online`), it must also have each `audience` among its APIs, with one of its permissions, or be flagged `introspectsAnyToken`.",
  ),
  clientSecret: secret(text.describe("Its secret.")),
  name: z
    .string()
    .regex(/^[\w.@-]{1,80}$/, 'must be letters, digits and "_.@-", at most 80')
    .default("gateway")
    .describe("Name in receipts. A suffix makes it unique for each process."),
  feedEndpoint: httpUrlSchema
    .optional()
    .describe("Base URL of a relay, to get the list from there. Default: what the issuer names."),
});

const transactionToken = z.strictObject({
  issuer: httpUrlSchema.optional().describe("Its `iss`. Default: `http://` and the address of `listen`."),
  audience: text.describe("Its `aud`: the trust domain of the services."),
  lifetimeSeconds: z
    .int()
    .min(15)
    .max(300)
    .default(30)
    .describe("Lifetime. It never lasts longer than the access token is accepted."),
  keyFile: filePath(
    text.describe(
      "File with the private key. It is created at the first start, with mode 0600. Relative to the configuration file, or in the environment to the working directory.",
    ),
  ),
});

const cors = z.strictObject({
  origins: z
    .array(originSchema)
    .min(1)
    .describe("Origins whose scripts may call and read the answers. No wildcard."),
  headers: z
    .array(text)
    .default(["Authorization", "Content-Type"])
    .describe("Request headers that they may send."),
  maxAgeSeconds: z.int().min(0).max(86_400).default(600).describe("How long a preflight answer may be kept."),
});

const limits = z.strictObject({
  maxHeaders: atLeastOne.default(100).describe("Header fields in one request. More get 431."),
  maxHeaderBytes: z
    .int()
    .min(1024)
    .max(1_048_576)
    .default(16_384)
    .describe("Size of all header fields together. More gets 431."),
  maxTargetLength: atLeastOne.default(8192).describe("Length of path and query. Longer ones get 414."),
  maxBodyBytes: z.int().min(0).default(10_485_760).describe("Size of a request body. Larger ones get 413."),
  maxConnections: atLeastOne.default(10_000).describe("Open client connections. Further ones are closed."),
  maxRequestsPerConnection: z.int().min(0).default(0).describe("Requests on one connection. 0: no limit."),
  headersTimeoutSeconds: z
    .number()
    .positive()
    .default(10)
    .describe("Time for the whole header to arrive. Then 408."),
  requestTimeoutSeconds: z
    .number()
    .positive()
    .default(300)
    .describe("Time for header and body to arrive. Then 408."),
  keepAliveSeconds: z.number().positive().default(60).describe("How long an idle client connection is kept."),
  bufferRequestBytes: z
    .int()
    .min(0)
    .max(1_048_576)
    .default(65_536)
    .describe(
      "A body with a Content-Length of at most this is read whole before anything is sent to the service. Other bodies are passed on as they come.",
    ),
  bufferResponseBytes: z
    .int()
    .min(0)
    .max(1_048_576)
    .default(65_536)
    .describe("How much of an answer is taken from the service while its client does not read."),
  bufferedBytes: z
    .int()
    .min(0)
    .default(134_217_728)
    .describe(
      "How much may be buffered in all. Beyond it a body gets 503, and an answer waits at the service.",
    ),
  minBytesPerSecond: z
    .int()
    .min(0)
    .default(500)
    .describe(
      "A client that sends a body or reads an answer more slowly is cut off. 0: it may be as slow as it likes.",
    ),
  stallSeconds: z
    .number()
    .positive()
    .default(20)
    .describe(
      "How long a client may do nothing, or be slower than that. Then a body gets 408, and an answer is reset.",
    ),
  clientShare: z
    .number()
    .positive()
    .max(1)
    .default(0.25)
    .describe(
      "The share that one client may have of the connections to a service, of the queue for them, and of `bufferedBytes`. One client is an IPv4 address, or the /64 of an IPv6 address. Behind a proxy, name the proxy in `trustedProxies`: otherwise all clients are one.",
    ),
});

const upstreams = z.strictObject({
  connections: atLeastOne.default(256).describe("Open connections to one service."),
  queueLength: z
    .int()
    .min(0)
    .default(1_000)
    .describe(
      "Requests that may wait for a connection to one service. Further ones get 503 `upstream_busy`.",
    ),
  queueTimeoutSeconds: z
    .number()
    .positive()
    .default(5)
    .describe("How long they may wait. Then 503 `upstream_busy`."),
  connectTimeoutSeconds: z.number().positive().default(5).describe("Time to open a connection. Then 504."),
  headersTimeoutSeconds: z
    .number()
    .positive()
    .default(30)
    .describe(
      "Time from the last byte of the request that is sent to the service to the header of the answer. Then 504. It is also how long the service may read nothing of a body.",
    ),
  bodyTimeoutSeconds: z
    .number()
    .min(0)
    .default(300)
    .describe(
      "Time between two parts of an answer's body. 0: no limit. While it is the client that does not read, `limits.stallSeconds` counts.",
    ),
});

export const configurationSchema = z.strictObject({
  issuer: httpUrlSchema.describe("Issuer of the access tokens: the authorization server."),
  audience: text.optional().describe("Audience of the routes that name none."),
  listen: listenSchema.describe("Where clients connect."),
  management: managementSchema(DEFAULT_MANAGEMENT_PORT).describe(
    "Where operators connect: `/livez`, `/readyz`, `/status`, `/metrics`. On another port than `listen`.",
  ),
  trustedProxies: trustedProxiesSchema
    .optional()
    .describe(
      "Proxies in front of `listen`. Without this setting, a client's address is the one that its connection comes from.",
    ),
  verifier: verifier.describe("How the gateway gets the list of revocations."),
  redis: redisSchema
    .optional()
    .describe("Read the list of revocations from Redis while Redis works, and over HTTP while it does not."),
  transactionToken: transactionToken.describe("The identity that services get, in the header `Txn-Token`."),
  cors: cors.optional().describe("For browser apps on other origins. Without it they cannot call."),
  limits: limits.prefault({}).describe("Limits on what clients can use."),
  upstreams: upstreams.prefault({}).describe("Connections to services."),
  accessLog: z
    .enum(["off", "refused", "all"])
    .default("off")
    .describe(
      "Which requests get a line in the log, without query and credentials. The counters in `/metrics` are always there.",
    ),
  drainSeconds: z
    .number()
    .min(0)
    .default(10)
    .describe("How long requests under way may take when the gateway is told to stop."),
  routes: z.array(route).min(1).describe("What is forwarded, where to, and on which conditions."),
});

export type WrittenConfiguration = z.output<typeof configurationSchema>;
