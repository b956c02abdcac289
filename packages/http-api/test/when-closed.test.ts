import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { test } from "node:test";
import { whenClosed } from "../src/index.ts";

test("a response whose connection had gone before it was made is closed at once", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  client.write("GET / HTTP/1.1\r\nHost: app.example\r\n\r\n");
  const [request] = (await once(server, "request")) as [IncomingMessage];
  client.destroy();
  await once(request.socket, "close");
  // As of a request that was still to be read from what the connection had sent: no `close` comes for it.
  const response = new ServerResponse(request);
  let told = 0;
  whenClosed(response, () => told++);
  assert.deepEqual([response.closed, told], [false, 1]);
});
