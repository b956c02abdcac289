import type { Guard, Principal, Requirements } from "@portcullis/guard";
import { fastifyGuard } from "@portcullis/guard/fastify";
import { fastifyServer } from "@portcullis/service";
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from "fastify";
import { checkTransactionToken, type TransactionTokenCheck } from "./check-transaction-token.ts";
import { CATALOGUE, type OrderRequest, Orders } from "./orders.ts";

export interface OrdersServiceOptions {
  readonly guard: Guard;
  /** Whether the guard can answer: what /health says. */
  readonly isReady: () => boolean;
  readonly gateway?: TransactionTokenCheck | undefined;
  /** Default: nothing is logged. */
  readonly log?: FastifyBaseLogger;
}

const STRICT = { policy: "closed", maxAgeMs: 5_000 } as const;
const READ: Requirements = { scopes: ["orders.read"], freshness: STRICT };
const WRITE: Requirements = { scopes: ["orders.write"], freshness: STRICT };
/** Prices are no secret: an outage of the authorization server need not hide them. */
const LENIENT: Requirements = { freshness: { policy: "open", maxAgeMs: 5_000 } };

const ORDER_REQUEST = {
  type: "object",
  required: ["item", "quantity"],
  additionalProperties: false,
  properties: {
    item: { type: "string", minLength: 1, maxLength: 100 },
    quantity: { type: "integer", minimum: 1, maximum: 99 },
  },
};

export async function createOrdersService(options: OrdersServiceOptions): Promise<FastifyInstance> {
  const app = Fastify({
    serverFactory: fastifyServer,
    ...(options.log === undefined ? { logger: false } : { loggerInstance: options.log }),
    // One line a request, below: without query and fields.
    logController: new LogController({ disableRequestLogging: true }),
    requestTimeout: 30_000,
    bodyLimit: 16_384,
  });
  app.addHook("onError", async (request, _reply, error) => {
    if ((error.statusCode ?? 500) >= 500) request.log.error({ event: "request_failed", error });
  });
  app.addHook("onResponse", async (request, reply) => {
    const { method, routeOptions } = request;
    request.log.info({ event: "request", method, route: routeOptions.url, status: reply.statusCode });
  });
  const orders = new Orders();
  app.decorateRequest("transaction", null);
  await app.register(fastifyGuard, { guard: options.guard });

  app.get("/health", { config: { guard: false } }, (_request, reply) => {
    const ready = options.isReady();
    return reply.code(ready ? 200 : 503).send({ ready });
  });

  await app.register(async (guarded) => {
    guarded.addHook("preHandler", checkTransactionToken(options.gateway));
    guarded.get("/orders", { config: { guard: READ } }, (request) => ({
      ...callOf(request),
      orders: orders.of(request.principal.subject),
    }));
    guarded.post<{ Body: OrderRequest }>(
      "/orders",
      { config: { guard: WRITE }, schema: { body: ORDER_REQUEST } },
      (request, reply) =>
        reply
          .code(201)
          .send({ ...callOf(request), order: orders.place(request.principal.subject, request.body) }),
    );
    guarded.get("/catalogue", { config: { guard: LENIENT } }, (request) => ({
      ...callOf(request),
      catalogue: CATALOGUE,
    }));
  });
  return app;
}

/** Who called, and by which way. */
function callOf({ principal, transaction }: FastifyRequest) {
  return {
    principal: shown(principal),
    ...(transaction === null ? { via: "direct" } : { via: "gateway", txn: transaction }),
  };
}

function shown({ subject, clientId, scopes, sessionId }: Principal) {
  return {
    subject,
    clientId,
    scopes: [...scopes],
    // Enough to tell two sessions apart, not enough to name one to the revocations API.
    ...(sessionId === undefined ? {} : { session: `${sessionId.slice(0, 6)}…` }),
  };
}
