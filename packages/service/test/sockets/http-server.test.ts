import { once } from "node:events";
import { type AddressInfo, connect, type Socket } from "node:net";
import { test } from "node:test";
import { createHttpServer } from "../../src/index.ts";

for (const [event, request] of [
  ["connect", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n"],
  ["upgrade", "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"],
  ["clientError", "no HTTP\r\n\r\n"],
] as const) {
  test(`a reset of a socket that Node has handed over (${event}) ends nothing`, async (t) => {
    const server = createHttpServer({});
    t.after(() => server.close());
    // Whoever takes the socket over and adds no listener of its own, as is easily forgotten.
    const taken = once(server, event);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
    client.on("error", () => undefined);
    client.write(request);
    const [, socket] = (await taken) as [unknown, Socket];
    // Not by events.once, which would listen to errors as well.
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.resume();
    client.resetAndDestroy();
    // An error that nobody listens to would fail this test: here it ends a process.
    await closed;
  });
}
