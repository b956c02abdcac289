import type { BodyReader, Exchange } from "../exchange.ts";
import type { Buffers } from "./buffers.ts";

interface ShortBodyReader {
  onBody(body: Uint8Array): void;
  /** There is no memory for it. */
  onNoRoom(): void;
}

/**
 * A short body on its way here. It is read whole before a connection to the service is taken: however slowly it comes,
 * nobody waits for it, and the service never sees half of a request whose token dies meanwhile.
 */
export class ShortBody implements BodyReader {
  readonly #exchange: Exchange;
  readonly #buffers: Buffers;
  readonly #parts: Uint8Array[] = [];
  #reader: ShortBodyReader | undefined = undefined;
  #bytes = 0;
  #isOver = false;

  constructor(exchange: Exchange, buffers: Buffers) {
    this.#exchange = exchange;
    this.#buffers = buffers;
  }

  read(reader: ShortBodyReader): void {
    this.#reader = reader;
    this.#exchange.body.read(this);
  }

  onPart(part: Uint8Array): void {
    if (this.#isOver || this.#keep(part)) return;
    this.release();
    this.#reader!.onNoRoom();
  }

  onEnd(): void {
    if (!this.#isOver) this.#reader!.onBody(this.#whole());
  }

  /** Whoever leaves in the middle ends the exchange, too. */
  onError(): void {}

  /** It was sent, or will not be: what comes of it is dropped. */
  release(): void {
    this.#isOver = true;
    this.#parts.length = 0;
    this.#buffers.giveBack(this.#exchange.peer.group, this.#bytes);
    this.#bytes = 0;
  }

  #keep(part: Uint8Array): boolean {
    if (!this.#buffers.take(this.#exchange.peer.group, part.length)) return false;
    this.#bytes += part.length;
    this.#parts.push(part);
    return true;
  }

  #whole(): Uint8Array {
    return this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
  }
}
