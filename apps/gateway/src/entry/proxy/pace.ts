import type { Socket } from "node:net";
import type { Clock, SetTimer } from "@portcullis/protocol";
import type { Exchange } from "../../exchange.ts";
import type { IncomingBody } from "./incoming-body.ts";

interface PaceOptions<Watched extends PacedConnection> {
  /** 0: as slow as they like. */
  readonly minBytesPerSecond: number;
  /** How long they may be slower, or do nothing at all. */
  readonly stallMs: number;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly setTimer: SetTimer;
  /** It does not take its answer, or does not send its request. */
  readonly onTooSlow: (connection: Watched, direction: Direction) => void;
}

export type Direction = "sending" | "receiving";

export interface PacedConnection {
  readonly socket: Socket;
  readonly exchange: Exchange | undefined;
  readonly body: IncomingBody | undefined;
}

interface Progress {
  direction: Direction | undefined;
  bytes: number;
  leftMs: number;
}

/** Looks in the time in which a client may do nothing. */
const LOOKS_PER_STALL = 4;
const MAX_INTERVAL_MS = 1_000;

/**
 * Ends connections of clients that do not read their answers, or send their requests a byte at a time. All connections
 * are looked at every second, from outside: none can be forgotten, and a request that goes on costs nothing for it.
 * What a client may still waste grows back with what it moves, and is never more than `stallMs`.
 */
export class Pace<Watched extends PacedConnection> {
  readonly #options: PaceOptions<Watched>;
  readonly #intervalMs: number;
  readonly #connections = new Map<Watched, Progress>();
  #lookedAt = 0;
  #isRunning = false;

  constructor(options: PaceOptions<Watched>) {
    this.#options = options;
    this.#intervalMs = Math.min(MAX_INTERVAL_MS, options.stallMs / LOOKS_PER_STALL);
  }

  watch(connection: Watched): void {
    if (this.#options.minBytesPerSecond === 0) return;
    this.#connections.set(connection, { direction: undefined, bytes: 0, leftMs: 0 });
    connection.socket.once("close", () => this.#connections.delete(connection));
    if (!this.#isRunning) this.#start();
  }

  #start(): void {
    const { setTimer, clock } = this.#options;
    this.#isRunning = true;
    this.#lookedAt = clock.monotonicMs();
    setTimer(() => this.#look(), this.#intervalMs);
  }

  #look(): void {
    // A process that was stopped did not look, and blames nobody for it.
    const passedMs = Math.min(this.#options.clock.monotonicMs() - this.#lookedAt, 2 * this.#intervalMs);
    for (const [connection, progress] of this.#connections) this.#judge(connection, progress, passedMs);
    this.#isRunning = false;
    if (this.#connections.size > 0) this.#start();
  }

  #judge(connection: Watched, progress: Progress, passedMs: number): void {
    const { minBytesPerSecond, stallMs, onTooSlow } = this.#options;
    const direction = directionOf(connection);
    const bytes = direction === undefined ? 0 : movedBytes(connection.socket, direction);
    if (direction === undefined || direction !== progress.direction) {
      Object.assign(progress, { direction, bytes, leftMs: stallMs });
      return;
    }
    const earnedMs = ((bytes - progress.bytes) * 1000) / minBytesPerSecond;
    progress.bytes = bytes;
    progress.leftMs = Math.min(stallMs, progress.leftMs - passedMs + earnedMs);
    if (progress.leftMs <= 0) onTooSlow(connection, direction);
  }
}

/** What we wait for the client to do; undefined: nothing, or the service is the one that is slow. */
function directionOf({ socket, exchange, body }: PacedConnection): Direction | undefined {
  if (socket.writableLength > 0) return "sending";
  return exchange?.hasBody && body?.isAwaited ? "receiving" : undefined;
}

/** What Node itself looks at to tell a slow write from none: how much of a write the system has taken. */
interface WritingHandle {
  readonly bytesWritten: number;
  readonly writeQueueSize: number;
}

function movedBytes(socket: Socket, direction: Direction): number {
  if (direction === "receiving") return socket.bytesRead;
  const { _handle: handle } = socket as unknown as { readonly _handle: WritingHandle | null };
  return handle === null ? 0 : handle.bytesWritten - handle.writeQueueSize;
}
