import { once } from "node:events";
import { createServer } from "node:http";
import { HOST } from "./addresses.ts";

/** The service behind the gateways: whatever reaches it is answered with 200. */
export async function startUpstream(port: number): Promise<() => void> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "text/plain", "content-length": "2" }).end("ok");
  });
  server.keepAliveTimeout = 60_000;
  server.listen(port, HOST);
  await once(server, "listening");
  return () => {
    server.close();
    server.closeAllConnections();
  };
}
