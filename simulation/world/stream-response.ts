import { EventEmitter } from "node:events";

/** Bytes under way from which a writer should wait for "drain", as a socket's buffer would say. */
const HIGH_WATER_BYTES = 2048;

export interface StreamResponsePorts {
  readonly onHead: (status: number, headers: Record<string, string>) => void;
  readonly onBytes: (bytes: Uint8Array, taken: () => void) => void;
  readonly onEnd: () => void;
  readonly onDestroy: () => void;
}

/** What the feed's streams use of Node's `ServerResponse`, over the simulated network. */
export class StreamResponse extends EventEmitter {
  readonly socket = null;
  readonly #ports: StreamResponsePorts;
  destroyed = false;
  writableEnded = false;
  writableNeedDrain = false;
  /** Written, and not yet taken by the reader. */
  writableLength = 0;

  /** Of the request: its connection, which goes with the stream. */
  get req() {
    return { socket: { destroyed: this.destroyed } };
  }

  constructor(ports: StreamResponsePorts) {
    super();
    this.#ports = ports;
  }

  writeHead(status: number, headers: Record<string, string>): this {
    this.#ports.onHead(status, headers);
    return this;
  }

  write(data: string | Uint8Array): boolean {
    if (this.destroyed || this.writableEnded) return false;
    const bytes = Buffer.from(data);
    this.writableLength += bytes.length;
    this.writableNeedDrain ||= this.writableLength > HIGH_WATER_BYTES;
    this.#ports.onBytes(bytes, () => this.#taken(bytes.length));
    return !this.writableNeedDrain;
  }

  end(data?: Uint8Array): this {
    if (data !== undefined) this.write(data);
    this.writableEnded = true;
    this.#ports.onEnd();
    this.#close();
    return this;
  }

  destroy(): this {
    if (this.destroyed) return this;
    this.#ports.onDestroy();
    this.#close();
    return this;
  }

  /** The other side has gone. */
  gone(): void {
    if (!this.destroyed) this.#close();
  }

  #close(): void {
    this.destroyed = true;
    this.emit("close");
  }

  #taken(length: number): void {
    this.writableLength -= length;
    if (this.destroyed || !this.writableNeedDrain || this.writableLength > 0) return;
    this.writableNeedDrain = false;
    this.emit("drain");
  }
}
