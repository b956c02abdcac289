import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock, SetTimer } from "@portcullis/protocol";
import { addressGroup, type ClientAddresses, createHttpServer } from "@portcullis/service";
import { refuse } from "../../answer.ts";
import type { Limits } from "../../config/configuration.ts";
import type { DecisionCore } from "../../decision-core.ts";
import { Exchange, type Peer } from "../../exchange.ts";
import { IncomingBody } from "./incoming-body.ts";
import { type Direction, Pace, type PacedConnection } from "./pace.ts";
import { unparsableAnswer, writeToSocket } from "./refuse-unparsable.ts";
import { ResponseSink } from "./response-sink.ts";

/** Requests that may wait on one connection behind the one being answered. */
const MAX_WAITING = 8;
const TIMEOUT_CHECKS_MS = 1_000;

export interface ProxyListenerOptions {
  readonly limits: Limits;
  readonly clientAddresses: ClientAddresses;
  readonly core: DecisionCore;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly setTimer: SetTimer;
}

/** One of a client's, with the request that is being answered on it. */
interface Connection extends PacedConnection {
  exchange: Exchange | undefined;
  body: IncomingBody | undefined;
  waiting: number;
  /** Of the last request; behind a proxy the next one may be another's. */
  peer: Peer;
}

const UNKNOWN: Peer = { address: "unknown", group: "unknown" };

/** Returns the server that clients connect to, before it listens. */
export function proxyListener({
  limits,
  clientAddresses,
  core,
  clock,
  setTimer,
}: ProxyListenerOptions): Server {
  const connections = new WeakMap<Duplex, Connection>();
  const server = createHttpServer(serverSettings(limits));
  clientAddresses.watch(server);
  server.maxConnections = limits.maxConnections;
  // Node would drop what is over its own limit and go on, and with it a second Host header; we count and refuse.
  server.maxHeadersCount = 0;
  server.maxRequestsPerSocket = limits.maxRequestsPerConnection;
  const pace = new Pace({
    minBytesPerSecond: limits.minBytesPerSecond,
    stallMs: limits.stallMs,
    clock,
    setTimer,
    onTooSlow: (connection, direction) => endTooSlow(connection, direction, core),
  });
  server.on("connection", (socket: Socket) => {
    const connection = { socket, exchange: undefined, body: undefined, waiting: 0, peer: UNKNOWN };
    connections.set(socket, connection);
    pace.watch(connection);
  });

  const accept = (expectsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => {
    const connection = connections.get(request.socket)!;
    inTurn(connection, response, () => {
      const body = new IncomingBody(request, expectsContinue ? response : undefined);
      const exchange = new Exchange({
        method: request.method!,
        target: request.url!,
        fields: request.rawHeaders,
        isHttp10: request.httpVersionMinor === 0,
        peer: peerOf(connection, clientAddresses.of(request)),
        body,
        sink: new ResponseSink(response),
      });
      connection.exchange = exchange;
      connection.body = body;
      response.on("close", () => core.end(exchange));
      core.begin(exchange);
    });
  };
  server.on("request", accept(false));
  // Without these two Node would answer 100 before anybody has authenticated, and 417 without a word.
  server.on("checkContinue", accept(true));
  server.on("checkExpectation", accept(false));
  server.on("connect", (_request, socket) => writeToSocket(socket, refuse("method_not_allowed")));
  server.on("clientError", (error, socket) => refuseUnparsable(error, socket, connections.get(socket), core));
  return server;
}

const serverSettings = (limits: Limits) => ({
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

/**
 * Pipelined requests run one after another. Were they run side by side, a finished answer would wait in a
 * buffer behind a slow one, and leave later than the recheck that let it go.
 */
function inTurn(connection: Connection, response: ServerResponse, start: () => void): void {
  if (response.socket !== null) {
    start();
    return;
  }
  connection.waiting += 1;
  if (connection.waiting > MAX_WAITING) {
    connection.socket.destroy();
    return;
  }
  response.once("socket", () => {
    connection.waiting -= 1;
    start();
  });
}

function peerOf(connection: Connection, address: string): Peer {
  if (connection.peer.address !== address) connection.peer = { address, group: addressGroup(address) };
  return connection.peer;
}

/** Half an answer is cut off by a reset, so that it is not taken for a whole one. */
function endTooSlow({ socket, exchange }: PacedConnection, direction: Direction, core: DecisionCore): void {
  const mayAnswer = direction === "receiving" && exchange?.status === undefined;
  if (mayAnswer && exchange?.forwarding !== undefined) {
    exchange.forwarding.abandon("client_too_slow");
    return;
  }
  if (exchange !== undefined) core.end(exchange, "client_too_slow");
  socket.resetAndDestroy();
}

function refuseUnparsable(
  error: Error,
  socket: Duplex,
  connection: Connection | undefined,
  core: DecisionCore,
): void {
  const exchange = connection?.exchange;
  if (!socket.writable) {
    socket.destroy();
  } else if (exchange === undefined || exchange.isOver) {
    writeToSocket(socket, unparsableAnswer(error));
  } else if (exchange.body.hasArrived || exchange.status !== undefined) {
    // An answer is under way or owed to the request before: these bytes would be taken for a part of it.
    socket.destroy();
  } else {
    // The body of the current request broke the rules: what has gone to the service is broken off.
    core.end(exchange);
    writeToSocket(socket, unparsableAnswer(error));
  }
}
