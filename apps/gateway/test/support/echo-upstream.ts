import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";

export interface Seen {
  readonly method: string;
  readonly target: string;
  readonly rawHeaders: readonly string[];
  readonly trailers: readonly string[];
  readonly body: string;
}

/** A service that answers with what it saw, and keeps every byte that reached it. */
export class EchoUpstream {
  readonly origin: string;
  /** Everything that arrived, on whichever connection. */
  bytes = "";
  connections = 0;
  requests = 0;
  /** Answers instead of the echo. */
  handler: RequestListener | undefined;
  readonly #server: Server;

  static async start(): Promise<EchoUpstream> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new EchoUpstream(server);
  }

  private constructor(server: Server) {
    this.#server = server;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (socket: Socket) => {
      this.connections++;
      socket.on("data", (chunk) => {
        this.bytes += chunk.toString("latin1");
      });
    });
    server.on("request", (request, response) => {
      this.requests++;
      if (this.handler === undefined) void echo(request, response);
      else this.handler(request, response);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = "";
  try {
    for await (const chunk of request) body += chunk.toString("latin1");
  } catch {
    return;
  }
  const seen: Seen = {
    method: request.method!,
    target: request.url!,
    rawHeaders: request.rawHeaders,
    trailers: request.rawTrailers,
    body,
  };
  const text = JSON.stringify(seen);
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

/** Values of a field by its name in lower case. */
export function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]!.toLowerCase() === name);
}
