interface BuffersOptions {
  readonly bufferedBytes: number;
  /** In (0, 1]: what one client may have of them. */
  readonly clientShare: number;
}

const MAX_IDLE_CLIENTS = 10_000;

/** The memory for bodies that wait here, on their way to a service or to a client that reads slowly. */
export class Buffers {
  readonly #maxBytes: number;
  readonly #maxBytesPerClient: number;
  readonly #byClient = new Map<string, number>();
  #bytes = 0;

  constructor({ bufferedBytes, clientShare }: BuffersOptions) {
    this.#maxBytes = bufferedBytes;
    this.#maxBytesPerClient = bufferedBytes * clientShare;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False when there is no room for this client. */
  take(clientKey: string, bytes: number): boolean {
    const held = (this.#byClient.get(clientKey) ?? 0) + bytes;
    if (held > this.#maxBytesPerClient || this.#bytes + bytes > this.#maxBytes) return false;
    this.#byClient.set(clientKey, held);
    this.#bytes += bytes;
    return true;
  }

  giveBack(clientKey: string, bytes: number): void {
    if (bytes === 0) return;
    const held = this.#byClient.get(clientKey)! - bytes;
    // Most clients come again, and a map that changes all the time costs the collector dear.
    if (held === 0 && this.#byClient.size > MAX_IDLE_CLIENTS) this.#byClient.delete(clientKey);
    else this.#byClient.set(clientKey, held);
    this.#bytes -= bytes;
  }
}
