import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock, SetTimer } from "@portcullis/protocol";
import { type ClientAddresses, createHttpServer } from "@portcullis/service";
import { refuse } from "../../answer.ts";
import type { Limits } from "../../config/configuration.ts";
import type { DecisionCore } from "../../decision-core.ts";
import { Connection } from "./connection.ts";
import { Pace } from "./pace.ts";
import { writeToSocket } from "./refuse-unparsable.ts";

const TIMEOUT_CHECKS_MS = 1_000;

interface ProxyListenerOptions {
  readonly limits: Limits;
  readonly clientAddresses: ClientAddresses;
  readonly core: DecisionCore;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly setTimer: SetTimer;
}

/** Returns the server that clients connect to, before it listens. */
export function proxyListener(options: ProxyListenerOptions): Server {
  const { limits, clientAddresses, core } = options;
  const connections = new WeakMap<Duplex, Connection>();
  const pace = paceOf(options);
  const server = strictServer(limits);
  clientAddresses.watch(server);
  server.on("connection", (socket: Socket) => {
    const connection = new Connection(socket, { core, clientAddresses });
    connections.set(socket, connection);
    pace.watch(connection);
  });
  const accept = (expectsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) =>
    connections.get(request.socket)!.take(request, response, expectsContinue);
  server.on("request", accept(false));
  // Without these two Node would answer 100 before anybody has authenticated, and 417 without a word.
  server.on("checkContinue", accept(true));
  server.on("checkExpectation", accept(false));
  server.on("connect", (_request, socket) => writeToSocket(socket, refuse("method_not_allowed")));
  // Each connection is known before a byte of it is read.
  server.on("clientError", (error, socket) => connections.get(socket)!.refuse(error));
  return server;
}

const paceOf = ({ limits, clock, setTimer }: ProxyListenerOptions): Pace<Connection> =>
  new Pace({
    minBytesPerSecond: limits.minBytesPerSecond,
    stallMs: limits.stallMs,
    clock,
    setTimer,
    onTooSlow: (connection, direction) => connection.endTooSlow(direction),
  });

function strictServer(limits: Limits): Server {
  const server = createHttpServer({
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: TIMEOUT_CHECKS_MS,
    insecureHTTPParser: false,
    // Most requests have no body, and a stream that says so costs as much as a step of the pipeline.
    optimizeEmptyRequests: true,
    // Ours says which of the Host headers is wrong, in JSON.
    requireHostHeader: false,
  });
  server.maxConnections = limits.maxConnections;
  // Node would drop what is over its own limit and go on, and with it a second Host header; we count and refuse.
  server.maxHeadersCount = 0;
  server.maxRequestsPerSocket = limits.maxRequestsPerConnection;
  return server;
}
