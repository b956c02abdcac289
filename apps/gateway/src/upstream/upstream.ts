import type { UpstreamSettings } from "../config/configuration.ts";
import { gatewayError } from "../errors.ts";
import type { Field } from "../headers/field-kind.ts";
import type { Call, CallControl } from "./call.ts";
import { UpstreamConnection } from "./connection.ts";
import { socketTo } from "./open-socket.ts";

/** How exact timeouts are: one timer looks at all connections, instead of one timer a request. */
const TICK_MS = 100;
/** How long an idle connection is kept when the service does not say; most services wait for 5 s or more. */
const IDLE_MS = 4_000;
/** Taken off what the service says, so that it is never the one who hangs up while a request is on its way. */
const IDLE_MARGIN_MS = 1_000;

/** One service: its connections, and the calls that wait for one. */
export class Upstream {
  /** As in `Host`. */
  readonly host: string;
  readonly fieldNamed: (spelling: string) => Field;
  readonly #url: URL;
  readonly #settings: UpstreamSettings;
  readonly #all = new Set<UpstreamConnection>();
  /** Last used, first taken: those that are not needed grow old and go. */
  readonly #idle: UpstreamConnection[] = [];
  readonly #waiting: SentCall[] = [];
  readonly #ticker: NodeJS.Timeout;
  #tick = 0;

  constructor(origin: string, settings: UpstreamSettings, fieldNamed: (spelling: string) => Field) {
    this.#url = new URL(origin);
    this.host = this.#url.host;
    this.#settings = settings;
    this.fieldNamed = fieldNamed;
    this.#ticker = setInterval(() => this.#lookAtTimes(), TICK_MS).unref();
  }

  now(): number {
    return this.#tick;
  }

  send(call: Call): CallControl {
    const sent = new SentCall(call, this.#tick, this.#waiting);
    const connection = this.#idle.pop() ?? this.#open();
    if (connection === undefined) this.#waiting.push(sent);
    else sent.begin(connection);
    return sent;
  }

  close(): void {
    clearInterval(this.#ticker);
    for (const connection of this.#all) connection.fail(gatewayError("upstream_failed"));
  }

  onFree(connection: UpstreamConnection): void {
    connection.lastActive = this.#tick;
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(connection);
    else next.begin(connection);
  }

  onClosed(connection: UpstreamConnection): void {
    this.#all.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (this.#waiting.length === 0) return;
    const replacement = this.#open();
    if (replacement !== undefined) this.#waiting.shift()!.begin(replacement);
  }

  #open(): UpstreamConnection | undefined {
    if (this.#all.size >= this.#settings.connections) return undefined;
    const connection = new UpstreamConnection(socketTo(this.#url), this);
    this.#all.add(connection);
    return connection;
  }

  #lookAtTimes(): void {
    this.#tick++;
    const { headersTimeoutMs } = this.#settings;
    for (const connection of this.#all) {
      if (this.#silentMs(connection.lastActive) < this.#limitMs(connection)) continue;
      connection.fail(gatewayError("upstream_timeout"));
    }
    for (const late of this.#waiting.filter(({ since }) => this.#silentMs(since) >= headersTimeoutMs))
      late.giveUp();
  }

  #silentMs(since: number): number {
    return (this.#tick - since) * TICK_MS;
  }

  /** How long this connection may be silent in the state it is in. */
  #limitMs(connection: UpstreamConnection): number {
    const { connectTimeoutMs, headersTimeoutMs, bodyTimeoutMs } = this.#settings;
    if (connection.isIdle) return idleLimitMs(connection);
    if (connection.isConnecting) return connectTimeoutMs;
    if (!connection.isAnswering) return headersTimeoutMs;
    return bodyTimeoutMs === 0 || connection.isPaused ? Number.POSITIVE_INFINITY : bodyTimeoutMs;
  }
}

function idleLimitMs({ keepAliveSeconds }: UpstreamConnection): number {
  return keepAliveSeconds === undefined ? IDLE_MS : keepAliveSeconds * 1000 - IDLE_MARGIN_MS;
}

/** A call with its connection, or on its way to one. */
class SentCall implements CallControl {
  readonly since: number;
  readonly #call: Call;
  readonly #waiting: SentCall[];
  #connection: UpstreamConnection | undefined = undefined;

  constructor(call: Call, since: number, waiting: SentCall[]) {
    this.#call = call;
    this.since = since;
    this.#waiting = waiting;
  }

  begin(connection: UpstreamConnection): void {
    this.#connection = connection;
    connection.begin(this.#call);
  }

  giveUp(): void {
    this.#leave();
    this.#call.handler.onError(gatewayError("upstream_timeout"));
  }

  resume(): void {
    this.#connection?.resume(this.#call);
  }

  abort(): void {
    if (this.#connection === undefined) this.#leave();
    else this.#connection.abort(this.#call);
  }

  #leave(): void {
    const at = this.#waiting.indexOf(this);
    if (at >= 0) this.#waiting.splice(at, 1);
  }
}
