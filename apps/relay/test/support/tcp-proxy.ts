import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Between two parties on loopback; while it drops, bytes vanish both ways and nobody is told. */
export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  isDropping = false;

  private constructor(target: URL) {
    this.#server = createServer((near) => {
      const far = connect({ host: target.hostname, port: Number(target.port) });
      this.#pipe(near, far);
      this.#pipe(far, near);
    });
  }

  /** Gives the same URL through the proxy. */
  static async before(url: string): Promise<{ proxy: TcpProxy; url: string }> {
    const through = new URL(url);
    const proxy = new TcpProxy(new URL(url));
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    through.port = String((proxy.#server.address() as AddressInfo).port);
    return { proxy, url: through.href };
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #pipe(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on("data", (bytes) => {
      if (!this.isDropping) to.write(bytes);
    });
    from.on("close", () => {
      this.#sockets.delete(from);
      if (!this.isDropping) to.destroy();
    });
    from.on("error", () => undefined);
  }
}
