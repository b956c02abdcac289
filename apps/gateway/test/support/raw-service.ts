import { createServer, type Server, type Socket } from "node:net";

/** A service of bytes: keeps what reached it, and answers what it is told, on whichever connection. */
export class RawService {
  readonly origin: string;
  readonly sockets: Socket[] = [];
  /** Everything that arrived, in the order of arrival. */
  received = "";
  readonly #server: Server;
  #changed = Promise.withResolvers<void>();

  static async start(): Promise<RawService> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new RawService(server);
  }

  private constructor(server: Server) {
    this.#server = server;
    this.origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    server.on("connection", (socket: Socket) => {
      this.sockets.push(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#changed.resolve());
      socket.on("data", (chunk) => {
        this.received += chunk.toString("latin1");
        this.#changed.resolve();
      });
    });
  }

  /** Request lines, in the order of arrival. */
  get requests(): string[] {
    return this.received.match(/^(?:GET|POST) \S+/gm) ?? [];
  }

  get open(): Socket[] {
    return this.sockets.filter((socket) => !socket.destroyed);
  }

  /** Resolves when what arrived, or which connections are open, fulfils the condition. */
  async until(condition: (service: RawService) => boolean): Promise<void> {
    while (!condition(this)) {
      await this.#changed.promise;
      this.#changed = Promise.withResolvers();
    }
  }

  answer(body: string): void {
    this.open.at(-1)!.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
