import type { Carried, Direction, Link } from "./link.ts";
import type { Process } from "./process.ts";
import type { Schedule } from "./schedule.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { StreamResponse } from "./stream-response.ts";

/** A request as the server sees it. */
export interface Call {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  answer(status: number, body: string | Uint8Array): void;
  /** Answers with a stream of events. */
  stream(): StreamResponse;
}

/** Whoever answers at the server's address now; nobody while it is down. */
export interface ServerDoor {
  readonly open: { readonly process: Process; accept(call: Call): void } | undefined;
}

export interface NetworkEnd {
  readonly link: Link;
  readonly process: Process;
  readonly door: ServerDoor;
  readonly schedule: Schedule;
  readonly random: SeededRandom;
}

type Settle = { resolve(value: Response): void; reject(reason: unknown): void };
type Piece = { readonly value: Uint8Array } | { readonly done: true } | { readonly error: Error };

/** One HTTP request and its answer, over a connection of its own. Has the parts of `Response` that a feed uses. */
export class Exchange implements Carried {
  readonly lastAt: Record<Direction, number> = { up: 0, down: 0 };
  isCut = false;
  readonly #end: NetworkEnd;
  readonly #request: { readonly path: string; readonly init: RequestInit };
  #settle: Settle | undefined;
  readonly #pieces: Piece[] = [];
  #wake = (): void => {};
  readonly #responses: StreamResponse[] = [];

  constructor(end: NetworkEnd, path: string, init: RequestInit) {
    this.#end = end;
    this.#request = { path, init };
  }

  send(): Promise<Response> {
    const { signal } = this.#request.init;
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.#end.link.carried.add(this);
    signal?.addEventListener("abort", () => this.#leave(signal.reason as Error), { once: true });
    this.#carryRequest();
    if (this.#end.random.chance(this.#end.link.profile.repeats)) this.#carryRequest();
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  /** The connection breaks: both ends hear of it, unless the way between them is down too. */
  cut(): void {
    if (this.isCut) return;
    this.isCut = true;
    this.#end.link.carried.delete(this);
    for (const response of this.#responses) response.gone();
    this.#carryDown("reset", true, () => this.#fail(new Error("connection reset")));
  }

  /** The verifier's machine lost power: nobody tells the server. */
  vanish(): void {
    this.isCut = true;
    this.#end.link.carried.delete(this);
  }

  #leave(reason: Error): void {
    this.#fail(reason);
    if (this.isCut) return;
    this.isCut = true;
    this.#end.link.carried.delete(this);
    if (this.#responses.length === 0) return;
    const gone = () => {
      for (const response of this.#responses) response.gone();
    };
    this.#carryUp("hang up", gone);
  }

  #carryRequest(): void {
    const { path, init } = this.#request;
    const headers = init.headers as Record<string, string>;
    const body = String(init.body ?? "");
    this.#carryUp(`${path} ${headers["last-event-id"] ?? body}`, () => {
      this.#end.door.open?.accept({
        path,
        headers,
        body,
        answer: (status, answer) => this.#answer(status, answer),
        stream: () => this.#openStream(),
      });
    });
  }

  #carryUp(what: string, arrived: () => void): void {
    const { link, schedule, door, process } = this.#end;
    const knock = () => {
      const open = door.open;
      if (open === undefined) this.#refuse();
      else
        schedule.plan({
          at: 0,
          what: `${process.name} ${what}`,
          process: open.process,
          turns: 6,
          work: arrived,
        });
    };
    link.carry({
      connection: this,
      direction: "up",
      what,
      mayBeLost: true,
      arrive: (at) => schedule.plan({ at, what: `arrives from ${process.name}`, work: knock }),
    });
  }

  #refuse(): void {
    this.isCut = true;
    this.#end.link.carried.delete(this);
    this.#carryDown("refused", true, () => this.#fail(new Error("connection refused")));
  }

  #carryDown(what: string, mayBeLost: boolean, arrived: () => void): void {
    const { link, schedule, process } = this.#end;
    const arrive = (at: number) => schedule.plan({ at, what, process, turns: 1, work: arrived });
    link.carry({ connection: this, direction: "down", what, mayBeLost, arrive });
  }

  #answer(status: number, body: string | Uint8Array): void {
    if (this.isCut) return;
    this.#carryDown(`answer ${status} ${typeof body === "string" ? body : body.length}`, true, () => {
      if (this.isCut) return;
      this.#end.link.carried.delete(this);
      this.#resolve(status, {});
      this.#push({ value: Buffer.from(body) });
      this.#push({ done: true });
    });
  }

  #openStream(): StreamResponse {
    const response = new StreamResponse({
      onHead: (status, headers) =>
        this.#carryDown(`stream ${status}`, true, () => this.#resolve(status, headers)),
      onBytes: (bytes, taken) => this.#carryBytes(bytes, taken),
      onEnd: () => this.#carryDown("end of stream", false, () => this.#push({ done: true })),
      onDestroy: () => this.#carryDown("reset", true, () => this.#fail(new Error("connection reset"))),
    });
    this.#responses.push(response);
    return response;
  }

  #carryBytes(bytes: Uint8Array, taken: () => void): void {
    if (this.isCut) return;
    const { random, link } = this.#end;
    const isMangled = random.chance(link.profile.mangles);
    const times = isMangled ? random.pick([0, 2]) : 1;
    for (let time = 0; time < times; time++) {
      this.#carryDown(`event ${nameOf(bytes)}`, false, () => {
        if (this.isCut) return;
        if (time === 0) taken();
        this.#push({ value: bytes });
      });
    }
  }

  #resolve(status: number, headers: Record<string, string>): void {
    this.#settle?.resolve({
      status,
      ok: status >= 200 && status < 300,
      headers: new Headers(headers),
      text: () => this.#text(),
      body: { getReader: () => ({ read: () => this.#read(), cancel: async () => this.#leave(LEFT) }) },
    } as unknown as Response);
    this.#settle = undefined;
  }

  #fail(error: Error): void {
    this.#settle?.reject(error);
    this.#settle = undefined;
    this.#push({ error });
  }

  #push(piece: Piece): void {
    this.#pieces.push(piece);
    this.#wake();
  }

  async #read(): Promise<{ done: boolean; value?: Uint8Array }> {
    while (this.#pieces.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const piece = this.#pieces.shift()!;
    if ("error" in piece) throw piece.error;
    return "done" in piece ? { done: true } : { done: false, value: piece.value };
  }

  async #text(): Promise<string> {
    const { value } = await this.#read();
    return Buffer.from(value ?? new Uint8Array()).toString();
  }
}

const LEFT = new Error("the reader has left");

/** The first line says which event it is, and its cursor. */
const nameOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1", 0, 64).split("\n")[0]!;
