import assert from "node:assert/strict";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { test } from "node:test";
import { IncomingBody } from "../src/entry/proxy/incoming-body.ts";
import { RequestBody } from "../src/upstreams/request-body.ts";
import { RawClient } from "./support/raw-client.ts";
import { requestText, TestGateway } from "./support/test-gateway.ts";

test("a client that resets in the middle of its body, while the request waits for a connection, ends nothing else", async () => {
  await using gateway = await TestGateway.start({ settings: "upstreams: { connections: 1 }" });
  const asked = new Promise<() => void>((resolve) => {
    gateway.upstream.handler = (_request, response) => resolve(() => response.end("first"));
  });
  const first = await RawClient.connect(gateway.gateway.url);
  first.send(requestText("GET /public HTTP/1.1"));
  const finish = await asked;
  for (let count = 0; count < 12; count++) {
    const uploading = await RawClient.connect(gateway.gateway.url);
    uploading.send(requestText("POST /public HTTP/1.1", ["Content-Length: 100000"], "a beginning"));
    uploading.socket.resetAndDestroy();
  }
  gateway.upstream.handler = (_request, response) => void response.end("after");
  // A request that came after the resets and is answered at once: by then they have been seen.
  assert.equal((await gateway.get("/nowhere")).status, 404);
  finish();
  assert.equal((await first.response()).body, "first");
  assert.equal((await gateway.get("/public")).body, "after");
});

test("a body that nobody reads any more survives the reset of its client", async () => {
  const request = new IncomingMessage(new Socket());
  const body = new RequestBody(new IncomingBody(request, undefined), {
    maxBodyBytes: 1000,
    headersTimeoutMs: 1000,
    stands: () => true,
    onTimeout: () => {},
    setTimer: () => () => {},
  });
  // Not by events.once, which would listen to errors as well: one that nobody listens to fails this test.
  const closed = new Promise((resolve) => body.on("close", resolve));
  request.destroy(new Error("reset"));
  await closed;
  assert.equal(body.destroyed, true);
});
