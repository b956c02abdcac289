import type { Dispatcher } from "undici";
import { type Answer, refuse } from "../answer.ts";
import type { AnswerWriter } from "../answer-writer.ts";
import type { Exchange, Sink } from "../exchange.ts";
import type { Buffers } from "./buffers.ts";
import { failureCode } from "./upstream-failure.ts";

export interface UpstreamHead {
  readonly status: number;
  /** By lower-case name; several values when the field came several times. */
  readonly fields: Readonly<Record<string, string | string[] | undefined>>;
}

export interface RelayOptions {
  /** Asked right before the first byte of the request is written: an answer keeps it from being sent. */
  readonly beforeSending: (exchange: Exchange) => Answer | undefined;
  /** Asked right before the first byte of the answer: an answer of its own replaces the service's. */
  readonly beforeHead: (exchange: Exchange) => Answer | undefined;
  /** What the client gets of the service's header fields. */
  readonly responseFields: (head: UpstreamHead) => string[];
  readonly answers: AnswerWriter;
  readonly buffers: Buffers;
  /** What is taken of an answer that its client does not read yet, so that the service is done with it. */
  readonly bufferResponseBytes: number;
}

interface RelayedCall {
  /** Asked before each part of an answer that has begun. */
  stands(): boolean;
  onAnswer(): void;
  /** Once, after the request was given to the connections: whatever became of it. */
  onEnd(): void;
}

type Controller = Dispatcher.DispatchController;

/**
 * Carries one answer from a service to its client. The head waits until there is something to send with it,
 * or until the end of the tick: usually head and body leave in one write, and `beforeHead` runs at the last moment.
 */
export class ResponseRelay implements Dispatcher.DispatchHandler {
  readonly #exchange: Exchange;
  readonly #options: RelayOptions;
  readonly #call: RelayedCall;
  readonly #sink: Sink;
  #controller: Controller | undefined = undefined;
  #head: UpstreamHead | undefined = undefined;
  /** The client has its answer, or will get no more of it: nothing may be written any more. */
  #isSettled = false;
  /** What the client has of an answer is the service's, and not ours. */
  #hasBegun = false;
  #isPaused = false;
  #bufferedBytes = 0;

  constructor(exchange: Exchange, options: RelayOptions, call: RelayedCall) {
    this.#exchange = exchange;
    this.#options = options;
    this.#call = call;
    this.#sink = exchange.sink;
  }

  /** Nothing has been written yet; an abort here keeps it so, and closes the connection. */
  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    // Gone while the request waited for a connection.
    const isGone = this.#isSettled || this.#exchange.isOver;
    const refused = isGone ? undefined : this.#options.beforeSending(this.#exchange);
    if (isGone || refused !== undefined) this.stop(refused);
  }

  onResponseStart(_controller: Controller, status: number, fields: UpstreamHead["fields"]): void {
    if (status < 200) return;
    this.#head = { status, fields };
    this.#call.onAnswer();
    process.nextTick(flushHead, this);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#hasBegun && !this.#call.stands()) return;
    if (!this.#sendHead()) return;
    if (this.#head!.fields["content-length"] === String(chunk.length)) {
      this.#isSettled = true;
      this.#sink.end(chunk);
    } else if (!this.#sink.write(chunk) && !this.#buffer(chunk.length)) {
      this.#isPaused = true;
      controller.pause();
    }
  }

  onResponseEnd(): void {
    this.#call.onEnd();
    if (!this.#sendHead()) return;
    this.#isSettled = true;
    this.#sink.end();
  }

  onResponseError(_controller: Controller, error: Error): void {
    this.#call.onEnd();
    if (!this.#isSettled) this.#close(refuse(failureCode(error)));
  }

  /** Ends it here, both ways. Without an answer the client is gone and gets nothing. */
  stop(answer: Answer | undefined): void {
    if (answer !== undefined) this.#close(answer);
    this.#isSettled = true;
    this.#controller?.abort(ABANDONED);
  }

  /** A head without a body so far: the client may be waiting for it, as for an event stream's. */
  flushHead(): void {
    try {
      if (this.#exchange.status === undefined && this.#sendHead()) this.#sink.flushHead();
    } catch (error) {
      // Nobody else would: a head that cannot be written must not end the process.
      this.stop(refuse(failureCode(error)));
    }
  }

  /** The client has taken what was kept for it, or is gone. */
  release(): void {
    this.#options.buffers.giveBack(this.#exchange.peer.group, this.#bufferedBytes);
    this.#bufferedBytes = 0;
  }

  /** True when there is room for what the client does not read yet. */
  #buffer(bytes: number): boolean {
    const { buffers, bufferResponseBytes } = this.#options;
    if (this.#bufferedBytes === 0) this.#sink.onceTaken(() => this.#onTaken());
    const hasRoom =
      this.#sink.untakenBytes <= bufferResponseBytes && buffers.take(this.#exchange.peer.group, bytes);
    if (hasRoom) this.#bufferedBytes += bytes;
    return hasRoom;
  }

  #onTaken(): void {
    this.release();
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#controller!.resume();
  }

  /** False when there is nothing to send: the answer was replaced, or the client is gone. */
  #sendHead(): boolean {
    if (this.#isSettled || this.#head === undefined) return false;
    if (this.#exchange.status !== undefined) return true;
    const replacement = this.#options.beforeHead(this.#exchange);
    if (replacement === undefined) {
      this.#options.answers.begin(
        this.#exchange,
        this.#head.status,
        this.#options.responseFields(this.#head),
      );
      this.#hasBegun = true;
      return true;
    }
    this.stop(replacement);
    return false;
  }

  /**
   * What has not left cannot leave any more. Half an answer cannot be taken back; cut short, by a reset, the client at
   * least sees that it is not whole.
   */
  #close(answer: Answer): void {
    if (this.#hasBegun) this.#sink.cutOff();
    else if (!this.#isSettled) this.#options.answers.answer(this.#exchange, answer);
    this.#isSettled = true;
  }
}

const flushHead = (relay: ResponseRelay): void => relay.flushHead();

const ABANDONED = new Error("the exchange was abandoned");
