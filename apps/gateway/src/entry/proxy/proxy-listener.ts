import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock, SetTimer } from "@portcullis/protocol";
import { addressGroup, type ClientAddresses, createHttpServer } from "@portcullis/service";
import { type Answer, refuse } from "../../answer.ts";
import { type AnswerWriter, writeAnswer } from "../../answer-writer.ts";
import type { Limits } from "../../config/configuration.ts";
import { Exchange } from "../../exchange.ts";
import { type Direction, Pace, type PacedConnection } from "./pace.ts";
import { unparsableAnswer, writeToSocket } from "./refuse-unparsable.ts";

/** Requests that may wait on one connection behind the one being answered. */
const MAX_WAITING = 8;
const TIMEOUT_CHECKS_MS = 1_000;

export interface ProxyListenerOptions {
  readonly limits: Limits;
  readonly clientAddresses: ClientAddresses;
  readonly writer: AnswerWriter;
  readonly run: (exchange: Exchange) => Answer | undefined | Promise<Answer | undefined>;
  /** The answer is complete, or the client is gone. */
  readonly onEnd: (exchange: Exchange) => void;
  readonly onInternalError: (error: unknown) => void;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly setTimer: SetTimer;
}

interface Connection extends PacedConnection {
  current: Exchange | undefined;
  waiting: number;
  /** Of the last request; behind a proxy the next one may be another's. */
  clientAddress: string;
  clientKey: string;
}

export function proxyListener(options: ProxyListenerOptions): Server {
  const connections = new WeakMap<Duplex, Connection>();
  const server = createHttpServer(serverSettings(options.limits));
  options.clientAddresses.watch(server);
  server.maxConnections = options.limits.maxConnections;
  // Node would drop what is over its own limit and go on, and with it a second Host header; we count and refuse.
  server.maxHeadersCount = 0;
  server.maxRequestsPerSocket = options.limits.maxRequestsPerConnection;
  const pace = new Pace({
    minBytesPerSecond: options.limits.minBytesPerSecond,
    stallMs: options.limits.stallMs,
    clock: options.clock,
    setTimer: options.setTimer,
    onTooSlow: endTooSlow,
  });
  server.on("connection", (socket: Socket) => {
    const connection = {
      socket,
      current: undefined,
      waiting: 0,
      clientAddress: "unknown",
      clientKey: "unknown",
    };
    connections.set(socket, connection);
    pace.watch(connection);
  });

  const accept = (expectsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => {
    const connection = connections.get(request.socket)!;
    inTurn(connection, response, () => {
      const exchange = new Exchange(request, response, expectsContinue);
      nameClient(exchange, connection, options.clientAddresses.of(request));
      connection.current = exchange;
      begin(exchange, options);
    });
  };
  server.on("request", accept(false));
  // Without these two Node would answer 100 before anybody has authenticated, and 417 without a word.
  server.on("checkContinue", accept(true));
  server.on("checkExpectation", accept(false));
  server.on("connect", (_request, socket) => writeToSocket(socket, refuse("method_not_allowed")));
  server.on("clientError", (error, socket) =>
    refuseUnparsable(error, socket, connections.get(socket)?.current),
  );
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
    connection.current?.request.socket.destroy();
    return;
  }
  response.once("socket", () => {
    connection.waiting -= 1;
    start();
  });
}

function nameClient(exchange: Exchange, connection: Connection, clientAddress: string): void {
  if (connection.clientAddress !== clientAddress) {
    connection.clientAddress = clientAddress;
    connection.clientKey = addressGroup(clientAddress);
  }
  exchange.clientAddress = clientAddress;
  exchange.clientKey = connection.clientKey;
}

/** Half an answer is cut off by a reset, so that it is not taken for a whole one. */
function endTooSlow({ socket, current }: PacedConnection, direction: Direction): void {
  const mayAnswer = direction === "receiving" && current?.response.headersSent === false;
  if (mayAnswer && current.forwarding !== undefined) {
    current.forwarding.abandon("client_too_slow");
    return;
  }
  if (current !== undefined && !current.isOver) current.refusal = "client_too_slow";
  socket.resetAndDestroy();
}

function begin(exchange: Exchange, options: ProxyListenerOptions): void {
  exchange.response.on("close", () => {
    exchange.isOver = true;
    exchange.forwarding?.onExchangeOver();
    options.onEnd(exchange);
  });
  const fail = (error: unknown): void => {
    options.onInternalError(error);
    writeAnswer(exchange, refuse("internal_error"), options.writer);
  };
  try {
    const result = options.run(exchange);
    if (result instanceof Promise) {
      result.then((answer) => settle(exchange, answer, options)).catch(fail);
    } else settle(exchange, result, options);
  } catch (error) {
    fail(error);
  }
}

function settle(exchange: Exchange, answer: Answer | undefined, { writer }: ProxyListenerOptions): void {
  if (answer !== undefined) writeAnswer(exchange, answer, writer);
}

function refuseUnparsable(error: Error, socket: Duplex, current: Exchange | undefined): void {
  const answer = unparsableAnswer(error);
  if (!socket.writable) {
    socket.destroy();
  } else if (current === undefined || current.isOver) {
    writeToSocket(socket, answer);
  } else if (current.request.complete || current.response.headersSent) {
    // An answer is under way or owed to the request before: these bytes would be taken for a part of it.
    socket.destroy();
  } else {
    // The body of the current request broke the rules: what has gone to the service is broken off.
    current.isOver = true;
    current.forwarding?.abandon(undefined);
    writeToSocket(socket, answer);
  }
}
