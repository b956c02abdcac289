import { type FeedRoutesOptions, feedRoutes } from "@portcullis/feed-server";
import {
  type Authenticate,
  collectRoutes,
  createErrorHandler,
  declaredRoutes,
  describedOnce,
  type ErrorHandlerOptions,
  MAX_PARAMETER_CHARACTERS,
  type MountedRoute,
  mountRoutes,
  OAUTH_ERROR,
  OPENAPI_PREFIX,
  openApiRoute,
  PROBLEM_DETAILS,
  refuseMalformedPaths,
  refuseUnknownPaths,
  routedUrlOf,
} from "@portcullis/http-api";
import { type Log, type LogEvent, type PortcullisError, parseCursor } from "@portcullis/protocol";
import { fastifyServer, refuseUnparsable } from "@portcullis/service";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { type DescribedRelay, describeRelay } from "./api-description.ts";
import { relayError } from "./errors.ts";
import type { ServedCopy } from "./log/served-copy.ts";
import type { Status } from "./status.ts";

interface RelayAppOptions extends Omit<FeedRoutesOptions, "snapshots"> {
  readonly authenticate: Authenticate;
  readonly copy: ServedCopy;
  readonly status: () => Status;
  readonly log: Log;
  readonly described: DescribedRelay;
}

interface RelayApp {
  readonly app: FastifyInstance;
  /** Everything that is mounted, declared or not. */
  readonly routes: readonly MountedRoute[];
}

/** As at the authorization server: a verifier needs no more than another host. */
const REVOCATIONS_PATH = "/revocations";

/** The mount list of the relay. Numbers about it are for operators, on the management listener alone. */
export function createRelayApp(options: RelayAppOptions): RelayApp {
  const app = Fastify({
    serverFactory: fastifyServer,
    clientErrorHandler: refuseUnparsable,
    logger: false,
    requestTimeout: 30_000,
    bodyLimit: 16 * 1024,
    rewriteUrl: routedUrlOf,
    routerOptions: { maxParamLength: MAX_PARAMETER_CHARACTERS },
  });
  refuseMalformedPaths(app);
  const routes = collectRoutes(app);
  const log = withoutOutages(options.log);
  app.setErrorHandler(createErrorHandler({ form: OAUTH_ERROR, log }));
  refuseUnknownPaths(app, { form: OAUTH_ERROR, log });
  void app.register(feed(options), { prefix: REVOCATIONS_PATH });
  void app.register(description(options, { routes, log }), { prefix: OPENAPI_PREFIX });
  app.get("/health/live", async () => ({ status: "live" }));
  app.get("/health/ready", async (_request, reply) => {
    if (options.status().ready) return { status: "ready" };
    return reply.code(503).header("retry-after", "1").send({ status: "not_ready" });
  });
  return { app, routes };
}

interface DescriptionParts extends Pick<RelayApp, "routes"> {
  readonly log: ErrorHandlerOptions["log"];
}

function description({ authenticate, described }: RelayAppOptions, { routes, log }: DescriptionParts) {
  const document = describedOnce(() => describeRelay(described, routes));
  const mount = declaredRoutes([openApiRoute(document)], { authenticate, log, form: PROBLEM_DETAILS });
  return async (app: FastifyInstance): Promise<void> => {
    // A declaration that cannot be described stops the start, and not a reader.
    app.addHook("onReady", async () => void document());
    await mount(app);
  };
}

function feed(options: RelayAppOptions) {
  const { copy, authenticate, leases, streams, clock } = options;
  return async (app: FastifyInstance): Promise<void> => {
    app.addHook("preHandler", async (request) => checkNotAhead(request, copy));
    const get = () => copy.current?.snapshots.get() ?? Promise.reject(relayError("relay_not_fresh"));
    const routes = feedRoutes({ leases, streams, clock, snapshots: { get } });
    mountRoutes(app, routes, { authenticate, form: OAUTH_ERROR });
  };
}

/** A verifier that has more than we do is not to be sent back to a snapshot: what it lacks here is on its way to us. */
function checkNotAhead(request: FastifyRequest, { current }: ServedCopy): void {
  if (!request.routeOptions.url?.endsWith("/stream")) return;
  if (current === undefined) throw relayError("relay_not_fresh");
  const cursor = parseCursor(String(request.headers["last-event-id"] ?? ""));
  if (cursor?.incarnation === current.log.incarnation && cursor.seq > current.log.head()) {
    throw relayError("relay_behind");
  }
}

/** Ten thousand verifiers that are told to come again are one event, which the replica reports. */
function withoutOutages(log: Log): ErrorHandlerOptions["log"] {
  const unlessOutage = (level: "warn" | "error") => (event: LogEvent) => {
    if (!String((event.error as Partial<PortcullisError>).code).startsWith("relay_")) log[level](event);
  };
  return { warn: unlessOutage("warn"), error: unlessOutage("error") };
}
