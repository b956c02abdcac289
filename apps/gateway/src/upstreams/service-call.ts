import type { DenyDecision, Ending, Following } from "@portcullis/guard";
import type { SetTimer } from "@portcullis/protocol";
import type { Pool } from "undici";
import { type Answer, denial, refuse } from "../answer.ts";
import type { Route } from "../config/configuration.ts";
import type { GatewayErrorCode } from "../errors.ts";
import type { Exchange, Forwarding } from "../exchange.ts";
import { type ConnectionQueue, upstreamBusy, type Waiter } from "./connection-queue.ts";
import { RequestBody } from "./request-body.ts";
import { type RelayOptions, ResponseRelay } from "./response-relay.ts";
import { ShortBody } from "./short-body.ts";

/** What of a service a call to it uses. */
interface CalledUpstream {
  readonly pool: Pick<Pool, "dispatch">;
  readonly queue: ConnectionQueue;
}

export interface ForwardOptions extends RelayOptions {
  readonly upstreams: { of(route: Route): CalledUpstream };
  readonly maxBodyBytes: number;
  /** A body that says to be no longer is read whole before anything is sent. */
  readonly bufferRequestBytes: number;
  readonly headersTimeoutMs: number;
  readonly setTimer: SetTimer;
  /** When there is a connection, and before it is used: what must not have grown old while the request waited. */
  readonly beforeDispatch: (exchange: Exchange) => void;
}

/**
 * One request on its way to its service, through all that can end it: a short body is read, a connection is waited for,
 * the request is sent, its answer carried back. It follows its token all the way, and what ends it ends it wherever it
 * stands.
 */
export class ServiceCall implements Forwarding, Ending, Waiter {
  readonly clientKey: string;
  readonly #exchange: Exchange;
  readonly #options: ForwardOptions;
  readonly #upstream: CalledUpstream;
  readonly #relay: ResponseRelay;
  #following: Following | undefined = undefined;
  #shortBody: ShortBody | undefined = undefined;
  #longBody: RequestBody | undefined = undefined;
  #body: Uint8Array | undefined = undefined;
  #isWaiting = false;
  #holdsConnection = false;

  constructor(exchange: Exchange, options: ForwardOptions) {
    this.#exchange = exchange;
    this.#options = options;
    this.clientKey = exchange.peer.group;
    this.#upstream = options.upstreams.of(exchange.route!);
    this.#relay = new ResponseRelay(exchange, options, this);
  }

  begin(): Answer | undefined {
    this.#following = this.#exchange.decision?.follow(this);
    if (!this.#isShort()) return this.#enter();
    this.#shortBody = new ShortBody(this.#exchange, this.#options.buffers);
    this.#shortBody.read(this);
    return undefined;
  }

  #isShort(): boolean {
    const { hasBody, contentLength } = this.#exchange;
    return hasBody && contentLength !== undefined && contentLength <= this.#options.bufferRequestBytes;
  }

  onBody(body: Uint8Array): void {
    this.#body = body;
    const answer = this.#enter();
    if (answer !== undefined) this.#refuse(answer);
  }

  onNoRoom(): void {
    this.#refuse(refuse("buffers_full", { headers: ["retry-after", "1"] }));
  }

  #enter(): Answer | undefined {
    this.#isWaiting = true;
    return this.#upstream.queue.enter(this);
  }

  onConnection(): void {
    this.#isWaiting = false;
    this.#holdsConnection = true;
    this.#options.beforeDispatch(this.#exchange);
    this.#dispatch();
  }

  onTimeout(): void {
    this.#refuse(upstreamBusy());
  }

  #dispatch(): void {
    const { method, target, forwarded } = this.#exchange;
    const body = this.#bodyToSend();
    this.#upstream.pool.dispatch(
      {
        // As it came: exactly the bytes that were checked and matched.
        path: target,
        method: method as "GET",
        headers: forwarded,
        body,
        // Of a long body it counts from its last byte, which only we know.
        headersTimeout: body instanceof RequestBody ? 0 : this.#options.headersTimeoutMs,
      },
      this.#relay,
    );
  }

  #bodyToSend(): Uint8Array | RequestBody | null {
    if (!this.#exchange.hasBody) return null;
    if (this.#body !== undefined) return this.#body;
    this.#longBody = new RequestBody(this.#exchange.body, {
      maxBodyBytes: this.#options.maxBodyBytes,
      headersTimeoutMs: this.#options.headersTimeoutMs,
      stands: () => this.stands(),
      onTimeout: () => this.abandon("upstream_timeout"),
      setTimer: this.#options.setTimer,
    });
    return this.#longBody;
  }

  stands(): boolean {
    return this.#following === undefined || this.#following.stands();
  }

  onAnswer(): void {
    this.#longBody?.stopTimer();
    this.#releaseBody();
  }

  /** The service has answered, or never will: its connection is free for another, or closed. */
  onEnd(): void {
    this.onAnswer();
    if (!this.#holdsConnection) return;
    this.#holdsConnection = false;
    this.#upstream.queue.giveBack(this.clientKey);
  }

  /** The token is dead, or nobody can say that it is not: nothing more is passed on, either way. */
  end(decision: DenyDecision): void {
    const answer = denial(decision);
    if (this.#exchange.status !== undefined) this.#exchange.refusal = answer.code;
    this.#refuse(answer);
  }

  abandon(code: GatewayErrorCode | undefined): void {
    this.#refuse(code === undefined ? undefined : refuse(code));
  }

  onExchangeOver(): void {
    if (!this.#exchange.sink.isFinished) this.abandon(undefined);
    this.#following?.stop();
    this.#relay.release();
  }

  #refuse(answer: Answer | undefined): void {
    this.#relay.stop(answer);
    if (this.#isWaiting) this.#upstream.queue.leave(this);
    this.#isWaiting = false;
    this.onAnswer();
  }

  #releaseBody(): void {
    this.#shortBody?.release();
    this.#shortBody = undefined;
    this.#body = undefined;
  }
}
