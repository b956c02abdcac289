/** What becomes of a request that is under way when its token dies, or when nobody can say any more whether it has. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AUDIENCE, newIdentifier } from "@portcullis/testing";
import { RawClient } from "./support/raw-client.ts";
import { RawService } from "./support/raw-service.ts";
import { requestText, TestGateway } from "./support/test-gateway.ts";

const start = (service: RawService, settings: string): Promise<TestGateway> =>
  TestGateway.start({
    settings,
    routes: [
      `- { name: raw, path: /raw, upstream: "${service.origin}", audience: "${AUDIENCE}" }`,
      `- { name: hasty, path: /hasty, upstream: "${service.origin}", audience: "${AUDIENCE}", freshness: { maxAgeSeconds: 3 } }`,
      `- { name: lenient, path: /lenient, upstream: "${service.origin}", audience: "${AUDIENCE}", freshness: { policy: open } }`,
      `- { name: public, path: /public, upstream: "${service.origin}", public: true }`,
    ],
  });

async function sent(gateway: TestGateway, bytes: string): Promise<RawClient> {
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(bytes);
  return client;
}

const ONE_CONNECTION = "upstreams: { connections: 1 }";

/** Holds the one connection to the service, until the service answers. */
async function occupy(gateway: TestGateway, service: RawService): Promise<RawClient> {
  const client = await sent(gateway, requestText("GET /public/first HTTP/1.1"));
  await service.until(({ requests }) => requests.length === 1);
  return client;
}

/** Rounds of the event loop in which something that must not happen would have. */
async function rounds(): Promise<void> {
  for (let round = 0; round < 50; round++) await new Promise((next) => setImmediate(next));
}

test("a request whose token is revoked while it waits for a connection never reaches the service", async () => {
  await using service = await RawService.start();
  await using gateway = await start(service, ONE_CONNECTION);
  const first = await occupy(gateway, service);
  const sid = newIdentifier();
  const waiting = await sent(gateway, requestText("GET /raw/second HTTP/1.1", [gateway.bearer({ sid })]));
  await rounds();
  await gateway.feed.revoke({ scope: "session", key: sid, reason: "kicked" });
  service.answer("first");
  assert.equal((await first.response()).body, "first");
  const refused = await waiting.response();
  assert.equal(`${refused.status} ${refused.json().reason}`, "401 kicked");
  const next = await sent(gateway, requestText("GET /public/third HTTP/1.1"));
  await service.until(({ requests }) => requests.length > 1);
  assert.deepEqual(service.requests, ["GET /public/first", "GET /public/third"]);
  for (const client of [first, waiting, next]) client.close();
});

test("a request that may not be allowed any more when its connection comes is not sent", async () => {
  await using service = await RawService.start();
  await using gateway = await start(service, ONE_CONNECTION);
  const first = await occupy(gateway, service);
  const waiting = await sent(gateway, requestText("GET /raw/second HTTP/1.1", [gateway.bearer()]));
  await rounds();
  // The process is stopped, and woken by the service's answer: no timer has run yet.
  gateway.feed.cutOff();
  gateway.clock.jump(60_000);
  service.answer("first");
  const refused = await waiting.response();
  assert.equal(`${refused.status} ${refused.json().error}`, "503 temporarily_unavailable");
  await rounds();
  assert.deepEqual(service.requests, ["GET /public/first"]);
  for (const client of [first, waiting]) client.close();
});

test("the last byte of a short body is withheld until the token is revoked: the service sees nothing of it", async () => {
  await using service = await RawService.start();
  await using gateway = await start(service, "");
  const sid = newIdentifier();
  const head = ["Content-Length: 20", gateway.bearer({ sid })];
  const client = await sent(gateway, requestText("POST /raw/pay HTTP/1.1", head, "x".repeat(19)));
  await rounds();
  assert.equal(service.received, "");
  await gateway.feed.revoke({ scope: "session", key: sid, reason: "kicked" });
  const refused = await client.response();
  assert.equal(`${refused.status} ${refused.json().reason}`, "401 kicked");
  client.send("x");
  await rounds();
  assert.equal(service.received, "");
  client.close();
});

test("a long body that is under way when its token is revoked is broken off before the acknowledgement", async () => {
  await using service = await RawService.start();
  await using gateway = await start(service, "");
  const sid = newIdentifier();
  const head = ["Content-Length: 200000", gateway.bearer({ sid })];
  const client = await sent(gateway, requestText("POST /raw/pay HTTP/1.1", head, "x".repeat(150_000)));
  await service.until(({ received }) => received.length > 150_000);
  await gateway.feed.revoke({ scope: "session", key: sid, reason: "kicked" });
  const atReceipt = service.received.length;
  client.send("x".repeat(50_000));
  const refused = await client.response();
  assert.equal(`${refused.status} ${refused.json().reason}`, "401 kicked");
  await service.until(({ open }) => open.length === 0);
  assert.equal(service.received.length, atReceipt);
  client.close();
});

test("what has been sent whole is not waited for: the client is told, and the service sees its caller leave", async () => {
  await using service = await RawService.start();
  await using gateway = await start(service, "");
  const sid = newIdentifier();
  const client = await sent(gateway, requestText("GET /raw/slow HTTP/1.1", [gateway.bearer({ sid })]));
  await service.until(({ requests }) => requests.length === 1);
  await gateway.feed.revoke({ scope: "session", key: sid, reason: "banned" });
  const refused = await client.response();
  assert.equal(`${refused.status} ${refused.json().reason}`, "401 banned");
  await service.until(({ open }) => open.length === 0);
  client.close();
});

test("an answer that has begun is cut when its token is revoked, and others go on", async () => {
  await using service = await RawService.start();
  await using gateway = await start(service, "");
  const sid = newIdentifier();
  const begun = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst";
  const clients: RawClient[] = [];
  for (const session of [sid, newIdentifier()]) {
    const path = `/raw/${clients.length}`;
    const client = await sent(
      gateway,
      requestText(`GET ${path} HTTP/1.1`, [gateway.bearer({ sid: session })]),
    );
    await service.until(({ requests }) => requests.includes(`GET ${path}`));
    service.open.at(-1)!.write(begun);
    await client.contains("first");
    clients.push(client);
  }
  await gateway.feed.revoke({ scope: "session", key: sid });
  const [dead, alive] = clients;
  await dead!.closed();
  assert.match(dead!.received, /first$/);
  service.open.at(-1)!.write("last.");
  assert.equal((await alive!.response()).body, "firstlast.");
  const { refusals } = JSON.parse((await gateway.management("/status")).text);
  assert.deepEqual(refusals, [{ code: "killed", count: 1 }]);
  alive!.close();
});

test("a gateway that is woken after its lease ran out passes on nothing more of a body", async () => {
  await using service = await RawService.start();
  await using gateway = await start(service, "");
  const head = ["Content-Length: 200000", gateway.bearer()];
  const client = await sent(gateway, requestText("POST /raw/pay HTTP/1.1", head, "x".repeat(150_000)));
  await service.until(({ received }) => received.length > 150_000);
  const before = service.received.length;
  gateway.feed.cutOff();
  gateway.clock.jump(60_000);
  client.send("x".repeat(50_000));
  const refused = await client.response();
  assert.equal(`${refused.status} ${refused.json().error}`, "503 temporarily_unavailable");
  await service.until(({ open }) => open.length === 0);
  assert.equal(service.received.length, before);
  client.close();
});

test("a gateway that is woken after its lease ran out passes on nothing more of an answer", async () => {
  await using service = await RawService.start();
  await using gateway = await start(service, "");
  const client = await sent(gateway, requestText("GET /raw HTTP/1.1", [gateway.bearer()]));
  await service.until(({ requests }) => requests.length === 1);
  service.open[0]!.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
  await client.contains("first");
  gateway.feed.cutOff();
  gateway.clock.jump(60_000);
  service.open[0]!.write("last.");
  await client.closed();
  assert.match(client.received, /first$/);
});

test("the end of freshness ends what is under way on a closed route, though nothing happens, and not on an open one", async () => {
  await using service = await RawService.start();
  await using gateway = await start(service, "");
  const slow = (path: string) => requestText(`GET ${path} HTTP/1.1`, [gateway.bearer()]);
  const lenient = await sent(gateway, slow("/lenient"));
  const hasty = await sent(gateway, slow("/hasty"));
  await service.until(({ requests }) => requests.length === 2);
  gateway.feed.cutOff();
  const refused = await hasty.response();
  assert.equal(`${refused.status} ${refused.json().error}`, "503 temporarily_unavailable");
  await service.until(({ open }) => open.length === 1);
  service.answer("told all the same");
  assert.equal((await lenient.response()).body, "told all the same");
  for (const client of [lenient, hasty]) client.close();
});
