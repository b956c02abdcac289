import type { SetTimer } from "@portcullis/protocol";
import { type Answer, refuse } from "../answer.ts";

/** Who waits for a connection to a service. */
export interface Waiter {
  /** Whose share it takes from: one client, however many requests and connections of it there are. */
  readonly clientKey: string;
  /** A connection is free for it, from now on until it is given back. */
  onConnection(): void;
  onTimeout(): void;
}

export interface QueueOptions {
  readonly connections: number;
  readonly queueLength: number;
  readonly queueTimeoutMs: number;
  /** In (0, 1]: what one client may have of the connections, and of the places in the queue. */
  readonly clientShare: number;
  readonly setTimer: SetTimer;
}

interface Client {
  held: number;
  /** In the order in which they came, each with what cancels its timer. */
  readonly waiting: Map<Waiter, () => void>;
}

/**
 * Who may be sent to a service now. A client has no more than its share of the connections, in use or idle, so that
 * however many requests it makes and however slowly it reads, others find one. Clients that wait take turns, and not
 * requests: a hundred requests of one come no earlier than one of another.
 */
export class ConnectionQueue {
  readonly #options: QueueOptions;
  readonly #maxHeldPerClient: number;
  readonly #maxWaitingPerClient: number;
  readonly #clients = new Map<string, Client>();
  /** Those with somebody waiting who may have another connection. */
  readonly #turns = new Set<Client>();
  #held = 0;
  #waiting = 0;
  #isServing = false;

  constructor(options: QueueOptions) {
    const { connections, queueLength, clientShare } = options;
    this.#options = options;
    this.#maxHeldPerClient = Math.max(1, Math.floor(connections * clientShare));
    this.#maxWaitingPerClient = Math.ceil(queueLength * clientShare);
  }

  get held(): number {
    return this.#held;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** At once when there is a connection; else later, or never: then it gives an answer. */
  enter(waiter: Waiter): Answer | undefined {
    const client = this.#clientOf(waiter.clientKey);
    const mayHave = client.held < this.#maxHeldPerClient;
    // Whoever waits for the one that was just given back comes first.
    if (mayHave && this.#held < this.#options.connections && this.#turns.size === 0) {
      this.#take(client);
      waiter.onConnection();
      return undefined;
    }
    if (this.#waiting >= this.#options.queueLength || client.waiting.size >= this.#maxWaitingPerClient) {
      this.#forget(waiter.clientKey, client);
      return upstreamBusy();
    }
    this.#wait(client, waiter);
    if (mayHave) this.#turns.add(client);
    return undefined;
  }

  /** Whoever waits no longer, for whatever reason. */
  leave(waiter: Waiter): void {
    const client = this.#clients.get(waiter.clientKey);
    if (client === undefined || !this.#remove(client, waiter)) return;
    if (client.waiting.size === 0) this.#turns.delete(client);
    this.#forget(waiter.clientKey, client);
  }

  giveBack(clientKey: string): void {
    const client = this.#clients.get(clientKey)!;
    client.held -= 1;
    this.#held -= 1;
    if (client.waiting.size > 0) this.#turns.add(client);
    this.#forget(clientKey, client);
    if (this.#turns.size === 0 || this.#isServing) return;
    // The service's client has first to note that its connection is free.
    this.#isServing = true;
    process.nextTick(serve, this);
  }

  /** In turns, as long as there are connections. */
  serve(): void {
    this.#isServing = false;
    for (const client of this.#turns) {
      if (this.#held >= this.#options.connections) return;
      this.#turns.delete(client);
      const [waiter] = client.waiting.keys();
      this.#remove(client, waiter!);
      this.#take(client);
      if (client.waiting.size > 0 && client.held < this.#maxHeldPerClient) this.#turns.add(client);
      waiter!.onConnection();
    }
  }

  #clientOf(key: string): Client {
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const client: Client = { held: 0, waiting: new Map() };
    this.#clients.set(key, client);
    return client;
  }

  #take(client: Client): void {
    client.held += 1;
    this.#held += 1;
  }

  #wait(client: Client, waiter: Waiter): void {
    const { setTimer, queueTimeoutMs } = this.#options;
    const onTimeout = () => {
      this.leave(waiter);
      waiter.onTimeout();
    };
    client.waiting.set(waiter, setTimer(onTimeout, queueTimeoutMs));
    this.#waiting += 1;
  }

  #remove(client: Client, waiter: Waiter): boolean {
    client.waiting.get(waiter)?.();
    if (!client.waiting.delete(waiter)) return false;
    this.#waiting -= 1;
    return true;
  }

  /** Most clients come again, and a map that changes all the time costs the collector dear. */
  #forget(key: string, client: Client): void {
    if (this.#clients.size <= MAX_IDLE_CLIENTS) return;
    if (client.held === 0 && client.waiting.size === 0) this.#clients.delete(key);
  }
}

const MAX_IDLE_CLIENTS = 10_000;

const serve = (queue: ConnectionQueue): void => queue.serve();

/** Nothing has been sent: the client may try again. */
export const upstreamBusy = (): Answer => refuse("upstream_busy", { headers: ["retry-after", "1"] });
