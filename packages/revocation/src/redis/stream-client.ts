import { unlessAborted } from "@portcullis/protocol";

/** The part of a `createClient()`, `createSentinel()` or `createCluster()` of `@redis/client` that is needed. */
export interface RedisStreamClient {
  /** A connection of its own: one that waits for entries can do nothing else. */
  duplicate(): RedisStreamConnection;
}

export interface RedisStreamConnection {
  on(event: "error", listener: (error: unknown) => void): unknown;
  connect(): Promise<unknown>;
  destroy(): unknown;
  withTypeMapping(mapping: { readonly 36: BufferConstructor }): RedisStreamCommands;
}

export interface RedisStreamCommands {
  xRead(stream: { key: string; id: string }, options: { BLOCK: number; COUNT: number }): Promise<unknown>;
  xRevRange(key: string, start: string, end: string, options: { COUNT: number }): Promise<unknown>;
}

/** Fields of an entry by name; values are bytes. */
export interface RawEntry {
  readonly id: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Entries of one answer: at most so many batches of up to 1,000 records are in memory at once. */
const MAX_ENTRIES_PER_READ = 20;
/** Texts of replies as bytes (RESP type `$`): records are binary. */
const AS_BYTES = { 36: Buffer } as const;

/** One connection, for as long as it is good: whatever goes wrong with it ends it. */
export class StreamConnection {
  readonly #connection: RedisStreamConnection;
  readonly #commands: RedisStreamCommands;
  readonly #key: string;
  readonly #signal: AbortSignal;

  /** Opens a connection. It is closed when `signal` aborts, and every call rejects then. */
  static async open(
    client: RedisStreamClient,
    { key, signal }: { readonly key: string; readonly signal: AbortSignal },
  ): Promise<StreamConnection> {
    const opened = new StreamConnection(client.duplicate(), key, signal);
    try {
      await unlessAborted(opened.#connection.connect(), signal);
      return opened;
    } catch (error) {
      opened.close();
      throw error;
    }
  }

  private constructor(connection: RedisStreamConnection, key: string, signal: AbortSignal) {
    this.#connection = connection;
    this.#commands = connection.withTypeMapping(AS_BYTES);
    this.#key = key;
    this.#signal = signal;
    // It comes out of the call that is under way. Without a listener it would end the process.
    connection.on("error", () => {});
    // A replica that stops in the middle may never ask for more.
    signal.addEventListener("abort", () => this.close(), { once: true });
  }

  /** Returns the entries after `seq`; none when nothing came for so long. */
  async after(seq: number, blockMs: number): Promise<RawEntry[]> {
    const reply = await this.#wait(
      this.#commands.xRead(
        { key: this.#key, id: `${seq}-0` },
        { BLOCK: blockMs, COUNT: MAX_ENTRIES_PER_READ },
      ),
    );
    return Array.isArray(reply) ? entriesOf(reply[0]?.messages) : [];
  }

  async last(): Promise<RawEntry | undefined> {
    return entriesOf(await this.#wait(this.#commands.xRevRange(this.#key, "+", "-", { COUNT: 1 })))[0];
  }

  close(): void {
    try {
      // A promise with a Sentinel.
      Promise.resolve(this.#connection.destroy()).catch(() => {});
    } catch {
      // Closed already.
    }
  }

  #wait<Reply>(reply: Promise<Reply>): Promise<Reply> {
    return unlessAborted(reply, this.#signal);
  }
}

function entriesOf(messages: unknown): RawEntry[] {
  if (!Array.isArray(messages)) return [];
  return messages.map(({ id, message }) => ({ id: String(id), fields: message ?? {} }));
}
