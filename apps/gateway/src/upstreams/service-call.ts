import type { DenyDecision, Ending, Following } from "@portcullis/guard";
import type { SetTimer } from "@portcullis/protocol";
import { type Answer, denial, refuse } from "../answer.ts";
import type { GatewayErrorCode } from "../errors.ts";
import type { Exchange, Forwarding } from "../exchange.ts";
import { upstreamBusy, type Waiter } from "./connection-queue.ts";
import { RequestBody } from "./request-body.ts";
import { type RelayOptions, ResponseRelay } from "./response-relay.ts";
import { ShortBody } from "./short-body.ts";
import type { Upstream, Upstreams } from "./upstreams.ts";

export interface ForwardOptions extends RelayOptions {
  readonly upstreams: Upstreams;
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
  readonly #upstream: Upstream;
  readonly #relay: ResponseRelay;
  #following: Following | undefined = undefined;
  #shortBody: ShortBody | undefined = undefined;
  #longBody: RequestBody | undefined = undefined;
  #body: Buffer | undefined = undefined;
  #isWaiting = false;
  #holdsConnection = false;

  constructor(exchange: Exchange, options: ForwardOptions) {
    this.#exchange = exchange;
    this.#options = options;
    this.clientKey = exchange.clientKey;
    this.#upstream = options.upstreams.of(exchange.route!);
    this.#relay = new ResponseRelay(exchange, options, this);
  }

  begin(): Answer | undefined {
    this.#following = this.#exchange.decision?.follow(this);
    if (!this.#isShort()) return this.#enter();
    this.#continue();
    this.#shortBody = new ShortBody(this.#exchange, this.#options.buffers);
    this.#shortBody.read(this);
    return undefined;
  }

  #isShort(): boolean {
    const { hasBody, contentLength } = this.#exchange;
    return hasBody && contentLength !== undefined && contentLength <= this.#options.bufferRequestBytes;
  }

  /** Only now: a request that is refused never sends its body. */
  #continue(): void {
    if (this.#exchange.expectsContinue) this.#exchange.response.writeContinue();
  }

  onBody(body: Buffer): void {
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
    const { request, forwarded } = this.#exchange;
    const body = this.#bodyToSend();
    this.#upstream.pool.dispatch(
      {
        // As it came: exactly the bytes that were checked and matched.
        path: request.url!,
        method: request.method as "GET",
        headers: forwarded,
        body,
        // Of a long body it counts from its last byte, which only we know.
        headersTimeout: body instanceof RequestBody ? 0 : this.#options.headersTimeoutMs,
      },
      this.#relay,
    );
  }

  #bodyToSend(): Buffer | RequestBody | null {
    if (!this.#exchange.hasBody) return null;
    if (this.#body !== undefined) return this.#body;
    this.#continue();
    this.#longBody = new RequestBody(this.#exchange.request, {
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
    if (this.#exchange.response.headersSent) this.#exchange.refusal = answer.code;
    this.#refuse(answer);
  }

  abandon(code: GatewayErrorCode | undefined): void {
    this.#refuse(code === undefined ? undefined : refuse(code));
  }

  onExchangeOver(): void {
    if (!this.#exchange.response.writableFinished) this.abandon(undefined);
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
