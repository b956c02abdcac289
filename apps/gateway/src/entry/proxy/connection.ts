import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { addressGroup, type ClientAddresses } from "@portcullis/service";
import type { DecisionCore } from "../../decision-core.ts";
import { Exchange, type Peer } from "../../exchange.ts";
import { IncomingBody } from "./incoming-body.ts";
import type { Direction, PacedConnection } from "./pace.ts";
import { unparsableAnswer, writeToSocket } from "./refuse-unparsable.ts";
import { ResponseSink } from "./response-sink.ts";

/** Requests that may wait on one connection behind the one being answered. */
const MAX_WAITING = 8;
const UNKNOWN: Peer = { address: "unknown", group: "unknown" };

interface ConnectionParts {
  readonly core: DecisionCore;
  readonly clientAddresses: Pick<ClientAddresses, "of">;
}

/** A client's connection, and the request that is being answered on it. */
export class Connection implements PacedConnection {
  readonly socket: Socket;
  exchange: Exchange | undefined = undefined;
  body: IncomingBody | undefined = undefined;
  readonly #parts: ConnectionParts;
  #waiting = 0;
  /** Of the last request; behind a proxy the next one may be another's. */
  #peer = UNKNOWN;

  constructor(socket: Socket, parts: ConnectionParts) {
    this.socket = socket;
    this.#parts = parts;
  }

  /**
   * Pipelined requests run one after another. Were they run side by side, a finished answer would wait in a
   * buffer behind a slow one, and leave later than the recheck that let it go.
   */
  take(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    if (response.socket !== null) {
      this.#begin(request, response, expectsContinue);
      return;
    }
    this.#waiting += 1;
    if (this.#waiting > MAX_WAITING) {
      this.socket.destroy();
      return;
    }
    response.once("socket", () => {
      this.#waiting -= 1;
      this.#begin(request, response, expectsContinue);
    });
  }

  #begin(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const { core, clientAddresses } = this.#parts;
    const body = new IncomingBody(request, expectsContinue ? response : undefined);
    const exchange = new Exchange({
      method: request.method!,
      target: request.url!,
      fields: request.rawHeaders,
      isHttp10: request.httpVersionMinor === 0,
      peer: this.#peerAt(clientAddresses.of(request)),
      body,
      sink: new ResponseSink(response),
    });
    this.exchange = exchange;
    this.body = body;
    response.on("close", () => core.end(exchange));
    core.begin(exchange);
  }

  #peerAt(address: string): Peer {
    if (this.#peer.address !== address) this.#peer = { address, group: addressGroup(address) };
    return this.#peer;
  }

  /** Half an answer is cut off by a reset, so that it is not taken for a whole one. */
  endTooSlow(direction: Direction): void {
    const { exchange } = this;
    if (direction === "receiving" && exchange?.status === undefined && exchange?.forwarding !== undefined) {
      exchange.forwarding.abandon("client_too_slow");
      return;
    }
    if (exchange !== undefined) this.#parts.core.end(exchange, "client_too_slow");
    this.socket.resetAndDestroy();
  }

  /** What came cannot be read as HTTP. */
  refuse(error: Error): void {
    const { socket, exchange } = this;
    if (!socket.writable) {
      socket.destroy();
    } else if (exchange === undefined || exchange.isOver) {
      writeToSocket(socket, unparsableAnswer(error));
    } else if (exchange.body.hasArrived || exchange.status !== undefined) {
      // An answer is under way or owed to the request before: these bytes would be taken for a part of it.
      socket.destroy();
    } else {
      // The body of the current request broke the rules: what has gone to the service is broken off.
      this.#parts.core.end(exchange);
      writeToSocket(socket, unparsableAnswer(error));
    }
  }
}
