/**
 * A second entry, for tests: requests and answers are plain values, and no socket is opened anywhere. What the pipeline
 * needs of a transport is what is here, and nothing else.
 */

import type { DecisionCore } from "../../src/decision-core.ts";
import { type BodyReader, type BodySource, Exchange, type Peer, type Sink } from "../../src/exchange.ts";

export interface Asked {
  readonly method?: string;
  readonly target: string;
  /** Names and values in turn; a Host header comes before them. */
  readonly fields?: readonly string[];
  readonly isHttp10?: boolean;
  readonly peer?: Peer;
  readonly body?: MemoryBody;
}

const PEER: Peer = { address: "192.0.2.1", group: "192.0.2.1" };
export const HOST = ["Host", "gateway.test"];

/** Begins an exchange; whoever asked may look at it, its body and its answer at any time. */
export function ask(core: DecisionCore, asked: Asked) {
  const body = asked.body ?? new MemoryBody();
  const answer = new MemorySink((): void => core.end(exchange));
  const exchange: Exchange = new Exchange({
    method: asked.method ?? "GET",
    target: asked.target,
    fields: asked.fields ?? HOST,
    isHttp10: asked.isHttp10 ?? false,
    peer: asked.peer ?? PEER,
    body,
    sink: answer,
  });
  core.begin(exchange);
  return { exchange, body, answer };
}

/** A body that comes part by part, as its test sends them. */
export class MemoryBody implements BodySource {
  hasArrived = false;
  isRead = false;
  isPaused = false;
  #reader: BodyReader | undefined = undefined;

  /** Somebody has asked the client for it. */
  get isAskedFor(): boolean {
    return this.#reader !== undefined;
  }

  read(reader: BodyReader): void {
    this.#reader = reader;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  send(part: string): void {
    this.#reader!.onPart(Buffer.from(part));
  }

  finish(): void {
    this.hasArrived = true;
    this.isRead = true;
    this.#reader!.onEnd();
  }
}

/** An answer, as far as it has come. */
export class MemorySink implements Sink {
  isFinished = false;
  wasCutOff = false;
  isLast = false;
  readonly untakenBytes = 0;
  status: number | undefined = undefined;
  /** By lower-case name. */
  fields: Readonly<Record<string, string>> = {};
  body = "";
  readonly #onOver: () => void;
  readonly #over = Promise.withResolvers<void>();

  constructor(onOver: () => void) {
    this.#onOver = onOver;
  }

  /** Resolves when it is whole or was cut off. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  begin(status: number, fields: string[], isLast: boolean): void {
    this.status = status;
    this.isLast = isLast;
    const pairs = fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1]!] as const] : []));
    this.fields = Object.fromEntries(pairs);
  }

  flushHead(): void {}

  write(part: Uint8Array): boolean {
    this.body += Buffer.from(part).toString();
    return true;
  }

  onceTaken(): void {}

  end(lastPart: string | Uint8Array = ""): void {
    this.body += typeof lastPart === "string" ? lastPart : Buffer.from(lastPart).toString();
    this.isFinished = true;
    this.#settle();
  }

  cutOff(): void {
    if (this.isFinished) return;
    this.wasCutOff = true;
    this.#settle();
  }

  #settle(): void {
    this.#onOver();
    this.#over.resolve();
  }
}
