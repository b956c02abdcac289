import type { IncomingMessage } from "node:http";
import { MAX_PARAMETER_CHARACTERS, refuseMalformedPaths, routedUrlOf } from "@portcullis/http-api";
import type { Log } from "@portcullis/protocol";
import { type ClientAddresses, fastifyServer, refuseUnparsable } from "@portcullis/service";
import Fastify, { type FastifyInstance } from "fastify";
import { RefusedRequests } from "./limits/refused-requests.ts";
import type { RequestCounters } from "./management/request-counters.ts";
import { pinHost } from "./oidc/index.ts";
import { answerErrors } from "./pages/answer-errors.ts";
import { serveBelowIssuer, urlWithin } from "./pages/below-issuer.ts";
import { leadToIssuerHost } from "./pages/lead-to-issuer-host.ts";
import { REVOCATIONS_PATH } from "./paths.ts";

/** Every verifier calls it about once a second, and at every revocation: lines of these would bury all others. */
const LEASE_ROUTE = `${REVOCATIONS_PATH}/lease`;

/** Connections that have got their last answer are closed so soon. Their clients would keep them, and the server, for more than a minute. */
const IDLE_MS = 50;

/** Takes no more requests, and resolves when all that are under way have been answered. */
export async function closeApp(app: FastifyInstance): Promise<void> {
  const closingIdle = setInterval(() => app.server.closeIdleConnections(), IDLE_MS);
  try {
    await app.close();
  } finally {
    clearInterval(closingIdle);
  }
}

export interface AppOptions {
  readonly issuer: string;
  readonly clientAddresses: ClientAddresses;
  readonly requests: Pick<RequestCounters, "count">;
  readonly operatorLog: Log;
}

/** The HTTP server before anything is mounted: whom it takes itself for, how it answers errors, and what it logs and counts of requests. */
export function createApp({ issuer, clientAddresses, requests, operatorLog }: AppOptions): FastifyInstance {
  const app = Fastify({
    serverFactory: clientAddresses.watching(fastifyServer),
    clientErrorHandler: refuseUnparsable,
    logger: false,
    rewriteUrl: ({ url }) => routedUrlOf({ url: urlWithin(issuer, url) } as IncomingMessage),
    routerOptions: { maxParamLength: MAX_PARAMETER_CHARACTERS },
    requestTimeout: 30_000,
    bodyLimit: 64 * 1024,
  });
  refuseMalformedPaths(app);
  leadToIssuerHost(app, issuer);
  pinHost(app, issuer);
  serveBelowIssuer(app, issuer);
  answerErrors(app, operatorLog);
  const refused = new RefusedRequests(operatorLog);
  app.addHook("onResponse", async (request, reply) => {
    // The route's pattern and not its URL: URLs carry codes and identifiers.
    const route = request.routeOptions.url ?? "(none)";
    const status = reply.raw.statusCode;
    requests.count(request.method, route, status);
    if (route === LEASE_ROUTE && status < 400) return;
    const ms = Math.round(reply.elapsedTime);
    if (status === 429) refused.count(status, route);
    else operatorLog.info({ event: "request", method: request.method, route, status, ms });
  });
  app.addHook("onClose", async () => refused.close());
  return app;
}
