import type { Exchange } from "../exchange.ts";
import type { Buffers } from "./buffers.ts";

export interface ShortBodyReader {
  onBody(body: Buffer): void;
  /** There is no memory for it. */
  onNoRoom(): void;
}

/**
 * A short body on its way here. It is read whole before a connection to the service is taken: however slowly it comes,
 * nobody waits for it, and the service never sees half of a request whose token dies meanwhile.
 */
export class ShortBody {
  readonly #exchange: Exchange;
  readonly #buffers: Buffers;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #isOver = false;

  constructor(exchange: Exchange, buffers: Buffers) {
    this.#exchange = exchange;
    this.#buffers = buffers;
  }

  read(reader: ShortBodyReader): void {
    const { request } = this.#exchange;
    request.on("data", (chunk: Buffer) => {
      if (this.#isOver || this.#keep(chunk)) return;
      this.release();
      reader.onNoRoom();
    });
    request.on("end", () => {
      if (!this.#isOver) reader.onBody(this.#whole());
    });
    // Whoever leaves in the middle closes the exchange, too.
    request.on("error", () => {});
  }

  /** It was sent, or will not be: what comes of it is dropped. */
  release(): void {
    this.#isOver = true;
    this.#chunks.length = 0;
    this.#buffers.giveBack(this.#exchange.clientKey, this.#bytes);
    this.#bytes = 0;
  }

  #keep(chunk: Buffer): boolean {
    if (!this.#buffers.take(this.#exchange.clientKey, chunk.length)) return false;
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
    return true;
  }

  #whole(): Buffer {
    return this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
  }
}
