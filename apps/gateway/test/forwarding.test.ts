import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect, createServer, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { RawClient } from "./support/raw-client.ts";
import { requestText, TestGateway } from "./support/test-gateway.ts";

const MIB = 1024 * 1024;

let gateway: TestGateway;
let rawService: Server;
/** What the byte-by-byte service does with a connection once a request has arrived on it. */
let onRawRequest: (socket: Socket, connection: number, chunk: Buffer) => void = () => {};
before(async () => {
  let connections = 0;
  rawService = createServer((socket) => {
    const connection = ++connections;
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => onRawRequest(socket, connection, chunk));
  });
  await new Promise<void>((resolve) => rawService.listen(0, "127.0.0.1", resolve));
  const port = (rawService.address() as { port: number }).port;
  gateway = await TestGateway.start({
    settings: `
limits: { maxBodyBytes: ${64 * MIB} }
upstreams: { connections: 20, headersTimeoutSeconds: 1, bodyTimeoutSeconds: 1 }`,
    routes: [
      '- { name: echo, path: /echo, upstream: "$upstream", public: true }',
      `- { name: raw, path: /raw, upstream: "http://127.0.0.1:${port}", public: true }`,
      '- { name: nobody, path: /nobody, upstream: "http://127.0.0.1:1", public: true }',
    ],
  });
});
after(async () => {
  await gateway[Symbol.asyncDispose]();
  rawService.close();
});

const post = (target: string, body: string, fields: readonly string[] = []): string =>
  requestText(`POST ${target} HTTP/1.1`, [`Content-Length: ${body.length}`, ...fields], body);

test("method, target and body arrive as they were sent", async () => {
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    const sent = requestText(`${method} /echo/a?b=c HTTP/1.1`, ["Content-Length: 5"], "hello");
    const seen = (await gateway.exchange(sent)).json();
    assert.deepEqual([seen.method, seen.target, seen.body], [method, "/echo/a?b=c", "hello"]);
  }
  const chunked = requestText(
    "POST /echo HTTP/1.1",
    ["Transfer-Encoding: chunked"],
    "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
  );
  assert.equal((await gateway.exchange(chunked)).json().body, "hello");
});

test("HEAD, 204 and 304 have no body, and the connection goes on", async () => {
  gateway.upstream.handler = (request, response) => {
    response.writeHead(request.url === "/echo/204" ? 204 : 304, { etag: '"x"' }).end();
  };
  const client = await RawClient.connect(gateway.gateway.url);
  for (const status of [204, 304]) {
    client.send(requestText(`GET /echo/${status} HTTP/1.1`));
    assert.equal((await client.response()).status, status);
  }
  gateway.upstream.handler = undefined;
  client.send(requestText("HEAD /echo HTTP/1.1"));
  client.send(requestText("GET /echo/after HTTP/1.1"));
  await client.contains("/echo/after");
  assert.match(
    client.received,
    /^HTTP\/1\.1 200 OK\r\n[^{]*content-length: \d+\r\n[^{]*\r\n\r\nHTTP\/1\.1 200 OK/i,
  );
  client.close();
});

test("HTTP/1.0 gets an answer that ends with its connection", async () => {
  const response = await gateway.exchange("GET /echo HTTP/1.0\r\nHost: a\r\n\r\n");
  assert.equal(response.status, 200);
  assert.equal(response.headers.connection, "close");
});

test("an answer streams: its head and each part come as the service sends them", async () => {
  const { promise: asked, resolve } = Promise.withResolvers<ServerResponse>();
  gateway.upstream.handler = (_request, response) => resolve(response);
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(requestText("GET /echo HTTP/1.1"));
  const service = await asked;
  service.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  await client.contains("text/event-stream");
  for (const part of ["data: 1", "data: 2"]) {
    service.write(part);
    await client.contains(part);
  }
  service.end();
  assert.equal((await client.response()).body, "data: 1data: 2");
  gateway.upstream.handler = undefined;
  client.close();
});

test("a long body streams up: its first part arrives before its last is sent", async () => {
  const { promise: asked, resolve } = Promise.withResolvers<[IncomingMessage, ServerResponse]>();
  gateway.upstream.handler = (...exchange) => resolve(exchange);
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(requestText("POST /echo HTTP/1.1", ["Content-Length: 65537"], "first"));
  const [request, answer] = await asked;
  const [part] = await once(request, "data");
  assert.equal(String(part), "first");
  request.on("end", () => answer.end("done"));
  client.send("l".repeat(65_532));
  assert.equal((await client.response()).body, "done");
  gateway.upstream.handler = undefined;
  client.close();
});

test("a client that does not read holds the service back, and the gateway's memory stays small", async () => {
  const chunk = Buffer.alloc(MIB, "x");
  let written = 0;
  const { promise: stuck, resolve } = Promise.withResolvers<void>();
  gateway.upstream.handler = (_request, response) => {
    response.writeHead(200, { "content-length": 64 * MIB });
    const push = (): void => {
      while (written < 64) {
        written++;
        if (!response.write(chunk)) {
          response.once("drain", push);
          resolve();
          return;
        }
      }
      response.end();
    };
    push();
  };
  const socket = connect(Number(new URL(gateway.gateway.url).port), "127.0.0.1");
  socket.write(requestText("GET /echo HTTP/1.1", ["Connection: close"]));
  await stuck;
  const before = process.memoryUsage().arrayBuffers;
  // Rounds of the event loop in which an unbounded relay would have taken all there is.
  for (let round = 0; round < 200; round++) await new Promise((next) => setImmediate(next));
  assert.ok(written < 40, `${written} MiB left the service though nobody reads`);
  assert.ok(process.memoryUsage().arrayBuffers - before < 16 * MIB);
  let received = 0;
  socket.on("data", (part) => {
    received += part.length;
  });
  await once(socket, "end");
  assert.ok(received > 64 * MIB, `${received} bytes arrived`);
  gateway.upstream.handler = undefined;
});

test("a service that does not read holds the client back", async () => {
  const { promise: asked, resolve } = Promise.withResolvers<Socket>();
  let arrived = 0;
  onRawRequest = (socket, _connection, chunk) => {
    if (arrived === 0) resolve(socket.pause());
    arrived += chunk.length;
    if (arrived > 32 * MIB) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  };
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(requestText("POST /raw HTTP/1.1", [`Content-Length: ${32 * MIB}`], "x".repeat(32 * MIB)));
  const service = await asked;
  for (let round = 0; round < 200; round++) await new Promise((next) => setImmediate(next));
  assert.ok(client.socket.writableLength > 8 * MIB, "the gateway swallowed a body that nobody reads");
  service.resume();
  assert.equal((await client.response()).body, "ok");
  client.close();
});

test("a chunked body streams up, however short it may turn out to be", async () => {
  const { promise: asked, resolve } = Promise.withResolvers<[IncomingMessage, ServerResponse]>();
  gateway.upstream.handler = (...exchange) => resolve(exchange);
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(requestText("POST /echo HTTP/1.1", ["Transfer-Encoding: chunked"], "5\r\nfirst\r\n"));
  const [request, answer] = await asked;
  const [part] = await once(request, "data");
  assert.equal(String(part), "first");
  request.on("end", () => answer.end("done"));
  client.send("0\r\n\r\n");
  assert.equal((await client.response()).body, "done");
  gateway.upstream.handler = undefined;
  client.close();
});

test("a client that leaves ends the call to the service", async () => {
  const { promise: asked, resolve } = Promise.withResolvers<IncomingMessage>();
  gateway.upstream.handler = (request) => resolve(request);
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(requestText("GET /echo HTTP/1.1"));
  const request = await asked;
  client.close();
  await once(request.socket, "close");
  gateway.upstream.handler = undefined;
});

test("100-continue is answered when the request was let through, and not before", async () => {
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(requestText("POST /echo HTTP/1.1", ["Content-Length: 5", "Expect: 100-continue"]));
  assert.equal((await client.response()).status, 100);
  client.send("hello");
  assert.equal((await client.response()).json().body, "hello");
  client.close();
  const refused = await RawClient.connect(gateway.gateway.url);
  refused.send(requestText("POST /unknown HTTP/1.1", ["Content-Length: 5", "Expect: 100-continue"]));
  const response = await refused.response();
  assert.equal(`${response.status} ${response.headers.connection}`, "404 close");
  refused.close();
});

test("a service that is not there is 502", async () => {
  const response = await gateway.get("/nobody");
  assert.equal(`${response.status} ${response.json().error}`, "502 upstream_unreachable");
});

test("a service that is too slow is 504", async () => {
  onRawRequest = () => {};
  const response = await gateway.get("/raw");
  assert.equal(`${response.status} ${response.json().error}`, "504 upstream_timeout");
});

test("a service that falls silent in the middle of its answer is cut off", async () => {
  onRawRequest = (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(requestText("GET /raw HTTP/1.1"));
  await client.closed();
  assert.match(client.received, /half$/);
});

test("a service that ends the connection or speaks no HTTP is 502", async () => {
  for (const answer of [
    "",
    "nonsense\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Le",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
  ]) {
    onRawRequest = (socket) => socket.end(answer);
    const response = await gateway.get("/raw");
    assert.equal(`${response.status} ${response.json().error}`, "502 upstream_failed", answer);
  }
});

test("an answer that breaks off in the middle breaks off for the client, too", async () => {
  onRawRequest = (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(requestText("GET /raw HTTP/1.1"));
  await client.closed();
  assert.match(client.received, /half$/);
  await assert.rejects(client.response(), /the connection ended/);
});

test("a request is sent once, whatever becomes of it", async () => {
  let arrived = 0;
  onRawRequest = (socket) => {
    arrived++;
    socket.destroy();
  };
  const response = await gateway.exchange(post("/raw", "pay"));
  assert.equal(response.status, 502);
  assert.equal(arrived, 1);
});

test("an answer left over on a connection is never given to the next request", async () => {
  const ok = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  onRawRequest = (socket, connection) => socket.write(`${ok(`mine-${connection}`)}${ok("for-another")}`);
  const bodies = new Set<string>();
  for (let round = 0; round < 5; round++) {
    const response = await gateway.get("/raw");
    if (response.status === 200) bodies.add(response.body);
    assert.ok(!response.body.includes("for-another"));
  }
  assert.ok(bodies.size > 1, "a connection that said too much was used again");
});

test("an abandoned call's connection is not used for another", async () => {
  const used: number[] = [];
  const { promise: asked, resolve } = Promise.withResolvers<Socket>();
  onRawRequest = (socket, connection) => {
    used.push(connection);
    resolve(socket);
  };
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(requestText("GET /raw HTTP/1.1"));
  const first = await asked;
  client.close();
  await once(first, "close");
  onRawRequest = (socket, connection) => {
    used.push(connection);
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  };
  assert.equal((await gateway.get("/raw")).status, 200);
  assert.notEqual(used[0], used[1]);
});

test("connections are used again, and no more of them are opened than asked for", async () => {
  let open = 0;
  let most = 0;
  const seen = new Set<number>();
  onRawRequest = (socket, connection) => {
    if (!seen.has(connection)) {
      seen.add(connection);
      most = Math.max(most, ++open);
      socket.once("close", () => open--);
    }
    setImmediate(() => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  };
  const answers = await Promise.all(Array.from({ length: 60 }, () => gateway.get("/raw")));
  assert.ok(answers.every(({ body }) => body === "ok"));
  assert.ok(most <= 20, `${most} connections at once, at most 20 are configured`);
  assert.ok(seen.size <= 20, `${seen.size} connections for 60 requests`);
});

test("bytes beyond ASCII in a field reach the client as the service sent them, with the body and before it", async () => {
  for (const name of ["café.pdf", "caf\u00c3\u00a9.pdf"]) {
    const head = `HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Disposition: attachment; filename="${name}"\r\n\r\n`;
    const { promise: asked, resolve } = Promise.withResolvers<Socket>();
    onRawRequest = (socket) => {
      socket.write(head, "latin1");
      resolve(socket);
    };
    const client = await RawClient.connect(gateway.gateway.url);
    client.send(requestText("GET /raw HTTP/1.1"));
    const service = await asked;
    await client.contains(name);
    service.write("ok");
    assert.equal((await client.response()).body, "ok");
    onRawRequest = (socket) => socket.write(`${head}ok`, "latin1");
    client.send(requestText("GET /raw HTTP/1.1"));
    assert.equal((await client.response()).headers["content-disposition"], `attachment; filename="${name}"`);
    client.close();
  }
});

test("informational answers are not passed for the final one", async () => {
  onRawRequest = (socket) =>
    socket.write("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  const response = await gateway.get("/raw");
  assert.equal(`${response.status} ${response.body}`, "200 ok");
});

test("pipelined requests are answered one after another, in order", async () => {
  const order: string[] = [];
  gateway.upstream.handler = (request, response) => {
    order.push(`asked ${request.url}`);
    response.on("finish", () => order.push(`answered ${request.url}`));
    setImmediate(() => response.end(request.url));
  };
  const client = await RawClient.connect(gateway.gateway.url);
  const targets = ["/echo/1", "/echo/2", "/echo/3"];
  client.send(targets.map((target) => requestText(`GET ${target} HTTP/1.1`)).join(""));
  for (const target of targets) assert.equal((await client.response()).body, target);
  assert.deepEqual(
    order,
    targets.flatMap((target) => [`asked ${target}`, `answered ${target}`]),
  );
  gateway.upstream.handler = undefined;
  client.close();
});

test("a connection with too many waiting requests is cut", async () => {
  gateway.upstream.handler = () => {};
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(requestText("GET /echo HTTP/1.1").repeat(50));
  await client.closed();
  assert.equal(client.received, "");
  gateway.upstream.handler = undefined;
});

test("bytes behind a request that is being answered do not get into its answer", async () => {
  const { promise: asked, resolve } = Promise.withResolvers<ServerResponse>();
  gateway.upstream.handler = (_request, response) => resolve(response);
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(requestText("GET /echo HTTP/1.1"));
  const service = await asked;
  client.send("NONSENSE\r\n\r\n");
  await client.closed();
  assert.equal(client.received, "");
  service.destroy();
  gateway.upstream.handler = undefined;
});

test("a refusal of a long body ends the connection; of a short one it goes on", async () => {
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(post("/unknown", "short"));
  assert.equal((await client.response()).headers.connection, "keep-alive");
  client.send(requestText("POST /unknown HTTP/1.1", [`Content-Length: ${MIB}`], "begins"));
  const response = await client.response();
  assert.equal(`${response.status} ${response.headers.connection}`, "404 close");
  await client.closed();
});
