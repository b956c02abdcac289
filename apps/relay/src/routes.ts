import { type FeedRoutesOptions, feedRoutes } from "@portcullis/feed-server";
import {
  type Authenticate,
  createErrorHandler,
  type ErrorHandlerOptions,
  mountRoutes,
  OAUTH_ERROR,
} from "@portcullis/http-api";
import { type Log, type PortcullisError, parseCursor } from "@portcullis/protocol";
import { fastifyServer, PROMETHEUS_TYPE } from "@portcullis/service";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { relayError } from "./errors.ts";
import type { ServedCopy } from "./log/served-copy.ts";
import { createRelayMetrics } from "./metrics.ts";
import type { Status } from "./status.ts";

export interface RelayAppOptions extends Omit<FeedRoutesOptions, "snapshots"> {
  readonly authenticate: Authenticate;
  readonly copy: ServedCopy;
  readonly status: () => Status;
  readonly log: Log;
  readonly droppedLogLines: () => number;
}

/** As at the authorization server: a verifier needs no more than another host. */
const REVOCATIONS_PATH = "/revocations";

/** The mount list of the relay. */
export function createRelayApp(options: RelayAppOptions): FastifyInstance {
  const app = Fastify({
    serverFactory: fastifyServer,
    logger: false,
    requestTimeout: 30_000,
    bodyLimit: 16 * 1024,
  });
  app.setErrorHandler(createErrorHandler({ form: OAUTH_ERROR, report: withoutOutages(options.log) }));
  void app.register(feed(options), { prefix: REVOCATIONS_PATH });
  app.get("/health/live", async () => ({ status: "live" }));
  app.get("/health/ready", async (_request, reply) => {
    if (options.status().ready) return { status: "ready" };
    return reply.code(503).header("retry-after", "1").send({ status: "not_ready" });
  });
  const metrics = createRelayMetrics(options);
  app.get("/metrics", async (_request, reply) => reply.type(PROMETHEUS_TYPE).send(await metrics.metrics()));
  return app;
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
const withoutOutages =
  (log: Log): ErrorHandlerOptions["report"] =>
  (event) => {
    if (!String((event.error as Partial<PortcullisError>).code).startsWith("relay_")) log.error(event);
  };
