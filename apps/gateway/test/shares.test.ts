/** A few clients that do not read, or send a byte at a time, and what others notice of them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { AUDIENCE } from "@portcullis/testing";
import { decodeJwt } from "jose";
import { RawClient } from "./support/raw-client.ts";
import { RawService } from "./support/raw-service.ts";
import { requestText, TestGateway } from "./support/test-gateway.ts";

const MIB = 1024 * 1024;
const CLIENTS = 300;
const OTHERS = "127.0.0.2";

const start = (service: RawService, settings: string): Promise<TestGateway> =>
  TestGateway.start({
    settings,
    routes: [
      `- { name: raw, path: /raw, upstream: "${service.origin}", audience: "${AUDIENCE}" }`,
      `- { name: public, path: /public, upstream: "${service.origin}", public: true }`,
      '- { name: echo, path: /echo, upstream: "$upstream", public: true }',
    ],
  });

async function connectAll(gateway: TestGateway, count: number, bytes: string, from = OTHERS) {
  const clients = await Promise.all(
    Array.from({ length: count }, () => RawClient.connect(gateway.gateway.url, from)),
  );
  for (const client of clients) client.send(bytes);
  return clients;
}

async function statusOf(gateway: TestGateway) {
  return JSON.parse((await gateway.management("/status")).text) as {
    upstreams: { origin: string; connections: number; waiting: number }[];
    refusals: { code: string; count: number }[];
    bufferedBytes: number;
  };
}

const useOf = async (gateway: TestGateway, origin: string) =>
  (await statusOf(gateway)).upstreams.find((upstream) => upstream.origin === origin)!;

/** Where all those who came are. */
async function placesOf(gateway: TestGateway, origin: string) {
  const { upstreams, refusals } = await statusOf(gateway);
  const { connections, waiting } = upstreams.find((upstream) => upstream.origin === origin)!;
  const busy = refusals.find(({ code }) => code === "upstream_busy")?.count ?? 0;
  return { connections, waiting, busy, total: connections + waiting + busy };
}

/** Asks again and again, a minute at the most, until what is asked for is so. */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  for (let round = 0; round < 1200; round++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`still not so: ${condition}`);
}

/** The service answers everything at length, to whoever may not read it. */
function answersAtLength(gateway: TestGateway): void {
  const long = Buffer.alloc(32 * MIB, "x");
  gateway.upstream.handler = (request, response) =>
    response.end(request.url === "/echo/short" ? "short" : long);
}

test("300 clients of one address that do not read hold their share of a service, and another is answered", async () => {
  await using service = await RawService.start();
  await using gateway = await start(service, "upstreams: { connections: 40 }");
  answersAtLength(gateway);
  const { origin } = gateway.upstream;
  const clients = await connectAll(gateway, CLIENTS, requestText("GET /echo/long HTTP/1.1"));
  for (const client of clients) client.socket.pause();
  await eventually(async () => (await placesOf(gateway, origin)).total === CLIENTS);
  assert.deepEqual(await placesOf(gateway, origin), {
    connections: 10,
    waiting: 250,
    busy: 40,
    total: CLIENTS,
  });
  for (let round = 0; round < 5; round++) assert.equal((await gateway.get("/echo/short")).body, "short");
  assert.equal((await useOf(gateway, origin)).connections, 10);
  for (const client of clients) client.close();
});

test("clients that do not read are cut off, counted, and leave nothing behind", async () => {
  await using service = await RawService.start();
  await using gateway = await start(
    service,
    "limits: { stallSeconds: 1, clientShare: 1 }\nupstreams: { connections: 20, queueTimeoutSeconds: 30 }",
  );
  answersAtLength(gateway);
  const { origin } = gateway.upstream;
  const clients = await connectAll(gateway, 20, requestText("GET /echo/long HTTP/1.1"));
  for (const client of clients) client.socket.pause();
  await eventually(async () => (await statusOf(gateway)).bufferedBytes > 0);
  // All connections are held, and only one more client waits: until the others are cut off.
  assert.equal((await gateway.get("/echo/short")).body, "short");
  await eventually(async () => (await useOf(gateway, origin)).connections === 0);
  const { refusals, bufferedBytes } = await statusOf(gateway);
  assert.deepEqual(refusals, [{ code: "client_too_slow", count: 20 }]);
  assert.equal(bufferedBytes, 0);
  assert.match((await gateway.management("/metrics")).text, /refusals_total\{code="client_too_slow"\} 20/);
});

test("a client that reads slowly, but reads, gets its whole answer", async () => {
  await using service = await RawService.start();
  await using gateway = await start(service, "limits: { stallSeconds: 1 }");
  answersAtLength(gateway);
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(requestText("GET /echo/long HTTP/1.1", ["Connection: close"]));
  let received = 0;
  client.socket.on("data", (chunk: string) => {
    received += chunk.length;
    client.socket.pause();
    setTimeout(() => client.socket.resume(), 5);
  });
  await once(client.socket, "end");
  assert.ok(received > 32 * MIB);
});

const STANDING_UPLOAD = requestText("POST /echo HTTP/1.1", ["Transfer-Encoding: chunked"], "1\r\nx\r\n");

test("300 uploads of one address that stand still hold their share, and another is answered", async () => {
  await using service = await RawService.start();
  await using gateway = await start(service, "upstreams: { connections: 40, queueTimeoutSeconds: 30 }");
  const clients = await connectAll(gateway, CLIENTS, STANDING_UPLOAD);
  const { origin } = gateway.upstream;
  await eventually(async () => (await placesOf(gateway, origin)).total === CLIENTS);
  assert.deepEqual(await placesOf(gateway, origin), {
    connections: 10,
    waiting: 250,
    busy: 40,
    total: CLIENTS,
  });
  assert.equal((await gateway.get("/echo")).status, 200);
  for (const client of clients) client.close();
});

test("an upload that stands still is told 408, and its connection to the service is free again", async () => {
  await using service = await RawService.start();
  await using gateway = await start(service, "limits: { stallSeconds: 1 }");
  const [client] = await connectAll(gateway, 1, STANDING_UPLOAD);
  const response = await client!.response();
  assert.equal(`${response.status} ${response.json().error}`, "408 client_too_slow");
  await eventually(async () => (await useOf(gateway, gateway.upstream.origin)).connections === 0);
  client!.close();
});

test("short bodies that come slowly take no connection to the service", async () => {
  await using service = await RawService.start();
  await using gateway = await start(service, "limits: { stallSeconds: 1 }\nupstreams: { connections: 1 }");
  const upload = requestText("POST /public HTTP/1.1", ["Content-Length: 100"], "x");
  const clients = await connectAll(gateway, CLIENTS, upload);
  const answer = gateway.get("/public");
  await service.until(({ requests }) => requests.length === 1);
  service.answer("at once");
  assert.equal((await answer).body, "at once");
  const response = await clients[0]!.response();
  assert.equal(`${response.status} ${response.json().error}`, "408 client_too_slow");
  assert.deepEqual(service.requests, ["GET /public"]);
  for (const client of clients) client.close();
});

test("a service that many addresses hold is busy for a bounded time: 503 with Retry-After, counted", async () => {
  await using service = await RawService.start();
  await using gateway = await start(service, "upstreams: { connections: 4, queueTimeoutSeconds: 0.2 }");
  const get = requestText("GET /public/held HTTP/1.1");
  const held = await Promise.all(
    [2, 3, 4, 5].map(async (host) => (await connectAll(gateway, 1, get, `127.0.0.${host}`))[0]!),
  );
  await service.until(({ requests }) => requests.length === 4);
  const response = await gateway.get("/public/mine");
  assert.equal(`${response.status} ${response.json().error}`, "503 upstream_busy");
  assert.equal(response.headers["retry-after"], "1");
  assert.match((await gateway.management("/metrics")).text, /refusals_total\{code="upstream_busy"\} 1/);
  assert.match((await gateway.management("/metrics")).text, /upstream_connections\{upstream="[^"]+"\} 4/);
  const next = await connectAll(gateway, 1, requestText("GET /public/next HTTP/1.1"), "127.0.0.1");
  held[0]!.close();
  await service.until(({ requests }) => requests.length === 5);
  assert.ok(!service.requests.includes("GET /public/mine"));
  for (const client of [...held, ...next]) client.close();
});

test("waiting for a connection is not counted as the service's time to answer", async () => {
  await using service = await RawService.start();
  await using gateway = await start(
    service,
    "upstreams: { connections: 1, headersTimeoutSeconds: 1, queueTimeoutSeconds: 30 }",
  );
  const clients = await connectAll(gateway, 2, requestText("GET /public HTTP/1.1"));
  for (const client of clients) {
    const response = await client.response();
    assert.equal(`${response.status} ${response.json().error}`, "504 upstream_timeout");
    client.close();
  }
  assert.equal(service.requests.length, 2);
});

test("the time to answer a long body counts from its last byte, however slowly it came", async () => {
  await using service = await RawService.start();
  await using gateway = await start(service, "upstreams: { headersTimeoutSeconds: 1 }");
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(requestText("POST /public HTTP/1.1", ["Transfer-Encoding: chunked"]));
  // Longer than the service's own connection would be silent, were this counted.
  for (let part = 1; part <= 6; part++) {
    client.send("1\r\nx\r\n");
    await service.until(({ received }) => received.match(/\r\n1\r\nx/g)?.length === part);
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
  assert.equal(client.received, "");
  client.send("0\r\n\r\n");
  const response = await client.response();
  assert.equal(`${response.status} ${response.json().error}`, "504 upstream_timeout");
  client.close();
});

test("a service that takes nothing of a long body is 504", async () => {
  await using service = await RawService.start();
  await using gateway = await start(
    service,
    `limits: { maxBodyBytes: ${64 * MIB} }\nupstreams: { headersTimeoutSeconds: 1 }`,
  );
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(requestText("POST /public HTTP/1.1", [`Content-Length: ${32 * MIB}`]));
  client.send("x".repeat(MIB));
  await service.until(({ received }) => received.length > 0);
  service.open[0]!.pause();
  client.send("x".repeat(30 * MIB));
  const response = await client.response();
  assert.equal(`${response.status} ${response.json().error}`, "504 upstream_timeout");
  client.close();
});

test("bodies that wait have a bounded memory: 503 beyond it, and what was sent is given back", async () => {
  await using service = await RawService.start();
  await using gateway = await start(service, "limits: { bufferRequestBytes: 1000, bufferedBytes: 4000 }");
  const half = requestText("POST /echo HTTP/1.1", ["Content-Length: 1000"], "x".repeat(600));
  const [first] = await connectAll(gateway, 1, half);
  await eventually(async () => (await statusOf(gateway)).bufferedBytes === 600);
  const [second] = await connectAll(gateway, 1, half);
  const refused = await second!.response();
  assert.equal(`${refused.status} ${refused.json().error}`, "503 buffers_full");
  assert.equal(refused.headers["retry-after"], "1");
  const [other] = await connectAll(gateway, 1, half, "127.0.0.3");
  for (const client of [first!, other!]) {
    client.send("y".repeat(400));
    assert.equal((await client.response()).json().body, `${"x".repeat(600)}${"y".repeat(400)}`);
  }
  assert.equal((await statusOf(gateway)).bufferedBytes, 0);
  for (const client of [first!, second!, other!]) client.close();
});

test("a transaction token is made when there is a connection, and is not older than that", async () => {
  await using service = await RawService.start();
  await using gateway = await start(service, "upstreams: { connections: 1, queueTimeoutSeconds: 30 }");
  const [first] = await connectAll(gateway, 1, requestText("GET /public/first HTTP/1.1"));
  await service.until(({ requests }) => requests.length === 1);
  const waiting = await connectAll(gateway, 1, requestText("GET /raw HTTP/1.1", [gateway.bearer()]));
  await eventually(async () => (await useOf(gateway, service.origin)).waiting === 1);
  // Within the skew: a clock that is further off lets nobody in.
  gateway.clock.aheadSeconds = 4;
  service.answer("first");
  await service.until(({ received }) => /txn-token: \S+\r\n/.test(received));
  const { iat, exp } = decodeJwt(/txn-token: (\S+)/.exec(service.received)![1]!);
  assert.ok(iat! > Date.now() / 1000 + 2, "it was made before its request had a connection");
  assert.ok(exp! > gateway.clock.nowSeconds());
  for (const client of [first!, ...waiting]) client.close();
});
