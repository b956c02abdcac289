import { createServer, type RequestListener, type Server, type ServerOptions } from "node:http";
import type { Socket } from "node:net";

/**
 * Returns a server whose sockets have an `error` listener as long as they live. Node takes its own listener away when it
 * hands a socket over (`connect`, `upgrade`), and when it is done with one (`clientError`, `dropRequest`); a reset
 * after that would be an error that nobody listens to, which ends the process.
 */
export function createHttpServer(options: ServerOptions, listener?: RequestListener): Server {
  const server = createServer(options, listener);
  // First of all listeners: no other can be called before this one and fail, or hand the socket on.
  server.prependListener("connection", surviveReset);
  return server;
}

// What broke off is seen where it matters: by the request's and the response's `close`.
const ignoreReset = (): void => {};
const surviveReset = (socket: Socket): void => void socket.on("error", ignoreReset);

/**
 * Fastify's `serverFactory`. It is called again for each further server that Fastify makes (`localhost` is two addresses),
 * and has to apply what Fastify applies only to servers of its own making.
 */
export function fastifyServer(listener: RequestListener, options: Readonly<Record<string, unknown>>): Server {
  const server = createHttpServer(options.http ?? {}, listener);
  const limits = options as {
    [limit in "keepAliveTimeout" | "requestTimeout" | "connectionTimeout"]: number;
  };
  server.keepAliveTimeout = limits.keepAliveTimeout;
  server.requestTimeout = limits.requestTimeout;
  server.setTimeout(limits.connectionTimeout);
  return server;
}
