import type { ServerResponse } from "node:http";
import type { Dispatcher } from "undici";
import { type Answer, refuse } from "../../answer.ts";
import type { GatewayErrorCode } from "../../errors.ts";
import type { Exchange, Forwarding } from "../../exchange.ts";
import { failureCode } from "./upstream-failure.ts";

export interface UpstreamHead {
  readonly status: number;
  /** By lower-case name; several values when the field came several times. */
  readonly fields: Readonly<Record<string, string | string[] | undefined>>;
}

export interface RelayOptions {
  /** Asked right before the first byte of the answer: an answer of its own replaces the service's. */
  readonly beforeHead: (exchange: Exchange) => Answer | undefined;
  readonly headFields: (exchange: Exchange, head: UpstreamHead) => string[];
  readonly answer: (exchange: Exchange, answer: Answer) => void;
}

type Controller = Dispatcher.DispatchController;

/**
 * Carries one answer from a service to its client. The head waits until there is something to send with it,
 * or until the end of the tick: usually head and body leave in one write, and `beforeHead` runs at the last moment.
 */
export class ResponseRelay implements Dispatcher.DispatchHandler, Forwarding {
  readonly #exchange: Exchange;
  readonly #options: RelayOptions;
  readonly #response: ServerResponse;
  #controller: Controller | undefined = undefined;
  #head: UpstreamHead | undefined = undefined;
  /** The client has its answer, or will get no more of it: nothing may be written any more. */
  #isSettled = false;

  constructor(exchange: Exchange, options: RelayOptions) {
    this.#exchange = exchange;
    this.#options = options;
    this.#response = exchange.response;
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    // Gone while the request waited for a connection.
    if (this.#isSettled || this.#exchange.isOver) controller.abort(ABANDONED);
  }

  onResponseStart(_controller: Controller, status: number, fields: UpstreamHead["fields"]): void {
    if (status < 200) return;
    this.#head = { status, fields };
    process.nextTick(flushHead, this);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (!this.#sendHead()) return;
    if (this.#head!.fields["content-length"] === String(chunk.length)) {
      this.#isSettled = true;
      endWith(this.#response, chunk);
    } else if (!this.#response.write(chunk)) {
      controller.pause();
      this.#response.once("drain", () => controller.resume());
    }
  }

  onResponseEnd(): void {
    if (!this.#sendHead()) return;
    this.#isSettled = true;
    this.#response.end();
  }

  onResponseError(_controller: Controller, error: Error): void {
    this.#fail(failureCode(error));
  }

  abandon(code: GatewayErrorCode | undefined): void {
    if (code !== undefined) this.#fail(code);
    this.#isSettled = true;
    this.#controller?.abort(ABANDONED);
  }

  /** A head without a body so far: the client may be waiting for it, as for an event stream's. */
  flushHead(): void {
    if (this.#response.headersSent || !this.#sendHead()) return;
    this.#response.flushHeaders();
  }

  /** False when there is nothing to send: the answer was replaced, or the client is gone. */
  #sendHead(): boolean {
    if (this.#isSettled || this.#head === undefined) return false;
    if (this.#response.headersSent) return true;
    const replacement = this.#options.beforeHead(this.#exchange);
    if (replacement === undefined) {
      this.#response.writeHead(this.#head.status, this.#options.headFields(this.#exchange, this.#head));
      return true;
    }
    this.#isSettled = true;
    this.#options.answer(this.#exchange, replacement);
    this.#controller?.abort(ABANDONED);
    return false;
  }

  #fail(code: GatewayErrorCode): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    // Half an answer cannot be taken back; cut short, the client at least sees that it is not whole.
    if (this.#response.headersSent) this.#response.destroy();
    else this.#options.answer(this.#exchange, refuse(code));
  }
}

/**
 * A short body goes out as text with its head, in one plain write: gathering two buffers costs twice as much.
 * latin1 takes bytes to characters and back unchanged.
 */
function endWith(response: ServerResponse, body: Buffer): void {
  if (body.length <= SHORT_BODY_BYTES) response.end(body.toString("latin1"), "latin1");
  else response.end(body);
}

const SHORT_BODY_BYTES = 16_384;

const flushHead = (relay: ResponseRelay): void => relay.flushHead();

const ABANDONED = new Error("the exchange was abandoned");
