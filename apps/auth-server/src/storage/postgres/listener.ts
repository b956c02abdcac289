/** LISTEN and NOTIFY on a connection of its own, that comes back by itself. */
import type pg from "pg";
import type { Listen, Listening } from "../storage.ts";
import { connectClient, destroy } from "./client.ts";

const RETRY_MS = 250;
const PROBE_MS = 5000;

export const listenOn =
  (url: string): Listen =>
  (channel, onMessage, onResume) =>
    new Listener({ url, channel, onMessage, onResume });

interface ListenerOptions {
  readonly url: string;
  readonly channel: string;
  readonly onMessage: (payload: string) => void;
  readonly onResume: () => void;
}

class Listener implements Listening {
  readonly #options: ListenerOptions;
  #client: pg.Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #connecting: Promise<void>;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#connecting = this.#connect();
  }

  notify(payload: string): void {
    this.#client
      ?.query("select pg_notify($1, $2)", [this.#options.channel, payload])
      .catch(() => this.#lost());
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#connecting;
    await this.#client?.end().catch(() => undefined);
  }

  async #connect(): Promise<void> {
    const { url, channel, onMessage, onResume } = this.#options;
    try {
      const client = await connectClient({ url, readsOnly: false });
      client.on("notification", ({ payload }) => onMessage(payload ?? ""));
      client.once("end", () => this.#lost(client));
      await client.query(`listen ${client.escapeIdentifier(channel)}`);
      this.#client = client;
    } catch {
      this.#retry();
      return;
    }
    this.#probeLater();
    onResume();
  }

  /** A connection whose packets are dropped says nothing either: only an answer shows that it is there. */
  #probeLater(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#client?.query("select 1").then(
        () => this.#probeLater(),
        () => this.#lost(),
      );
    }, PROBE_MS);
    this.#timer.unref();
  }

  #lost(client = this.#client): void {
    if (client === undefined || client !== this.#client) return;
    this.#client = undefined;
    clearTimeout(this.#timer);
    destroy(client);
    this.#retry();
  }

  #retry(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#connecting = this.#connect();
    }, RETRY_MS);
    this.#timer.unref();
  }
}
