import type { Socket } from "node:net";
import type { Field } from "../headers/field-kind.ts";
import { BodySender } from "./body-sender.ts";
import type { Call } from "./call.ts";
import { malformed } from "./response-head.ts";
import { ResponseReader } from "./response-reader.ts";

/** Opens a socket that gives what it reads to this function. A chunk is good only until the function returns. */
export type OpenSocket = (onData: (chunk: Buffer) => void) => Socket;

export interface ConnectionOwner {
  readonly fieldNamed: (spelling: string) => Field;
  /** Ticks of the owner's coarse clock. */
  now(): number;
  /** The answer is complete and the connection can take another call. */
  onFree(connection: UpstreamConnection): void;
  onClosed(connection: UpstreamConnection): void;
}

/** One connection to a service, with one call at a time. Whatever is not as it should be closes it for good. */
export class UpstreamConnection {
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  #call: Call | undefined = undefined;
  #reader: ResponseReader | undefined = undefined;
  #sender: BodySender | undefined = undefined;
  /** Tick of the last sign of life: made, sent, received, or free. */
  lastActive: number;
  keepAliveSeconds: number | undefined = undefined;

  constructor(open: OpenSocket, owner: ConnectionOwner) {
    const socket = open((chunk) => this.#receive(chunk));
    this.#socket = socket;
    this.#owner = owner;
    this.lastActive = owner.now();
    socket.on("end", () => this.#receiveEnd());
    socket.on("error", (error) => this.fail(error));
    socket.on("close", () => {
      this.fail(malformed("the connection closed"));
      owner.onClosed(this);
    });
  }

  get isIdle(): boolean {
    return this.#call === undefined;
  }

  get isConnecting(): boolean {
    return this.#socket.connecting;
  }

  get isAnswering(): boolean {
    return this.#reader?.hasHead ?? false;
  }

  /** The client is slow, not the service. */
  get isPaused(): boolean {
    return this.#socket.isPaused();
  }

  begin(call: Call): void {
    this.#call = call;
    this.#reader = new ResponseReader(call.method, call.handler, this.#owner.fieldNamed);
    this.lastActive = this.#owner.now();
    this.#socket.write(call.head, "latin1");
    if (call.body === undefined) return;
    this.#sender = new BodySender(call.body, this.#socket, {
      onProgress: () => {
        this.lastActive = this.#owner.now();
      },
      onFailure: (error) => this.fail(error),
    });
  }

  /** Both do nothing once the call is over: the connection may be serving another by then. */
  resume(call: Call): void {
    if (this.#call !== call) return;
    this.lastActive = this.#owner.now();
    this.#socket.resume();
  }

  abort(call: Call): void {
    if (this.#call === call) this.destroy();
  }

  /** Ends the call, if there is one, and the connection; tells nobody. */
  destroy(): void {
    this.#forgetCall();
    this.#socket.destroy();
  }

  /** Ends the call with this error, and the connection. */
  fail(error: unknown): void {
    const call = this.#call;
    this.#forgetCall();
    this.#socket.destroy();
    call?.handler.onError(error);
  }

  #receive(chunk: Buffer): void {
    const call = this.#call;
    if (call === undefined) {
      // Bytes that nobody asked for could be taken for the next call's answer.
      this.destroy();
      return;
    }
    this.lastActive = this.#owner.now();
    try {
      this.#read(call, chunk);
    } catch (error) {
      this.fail(error);
    }
  }

  #read(call: Call, chunk: Buffer): void {
    const reader = this.#reader!;
    const wantsMore = reader.read(chunk);
    // The handler may have aborted the call meanwhile.
    if (this.#call !== call) return;
    if (reader.isComplete) {
      this.#complete(call);
      return;
    }
    if (!wantsMore) this.#socket.pause();
    call.handler.onIdle();
  }

  #receiveEnd(): void {
    const call = this.#call;
    if (call === undefined) {
      this.destroy();
      return;
    }
    try {
      this.#reader!.end();
      this.#complete(call);
    } catch (error) {
      this.fail(error);
    }
  }

  #complete(call: Call): void {
    // A body that the service did not wait for would run into the next request.
    const isFree = this.#reader!.keepsAlive && (this.#sender === undefined || this.#sender.isSent);
    this.keepAliveSeconds = this.#reader!.keepAliveSeconds;
    this.#forgetCall();
    if (!isFree) this.#socket.destroy();
    call.handler.onEnd();
    if (isFree) this.#owner.onFree(this);
  }

  #forgetCall(): void {
    this.#sender?.stop();
    this.#sender = undefined;
    this.#reader = undefined;
    this.#call = undefined;
  }
}
