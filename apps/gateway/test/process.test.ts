import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { FakeIssuer, PATIENCE_MS, sendJson } from "@portcullis/testing";
import { EchoUpstream } from "./support/echo-upstream.ts";
import { FeedServer } from "./support/feed-server.ts";
import { GatewayProcess, processYaml } from "./support/gateway-process.ts";
import { RawClient } from "./support/raw-client.ts";
import { requestText } from "./support/test-gateway.ts";

const UNUSED = { issuer: "http://127.0.0.1:1", upstream: "http://127.0.0.1:1" };

/** Asks until the answer has this status: what is waited for announces itself no other way. */
async function untilStatus(url: string, status: number): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = (await fetch(url)).status;
    if (found === status) return;
    if (performance.now() > deadline) throw new Error(`${url} still answers ${found}`);
    await new Promise((next) => setTimeout(next, 20));
  }
}

test("started before its issuer it serves nothing, and becomes ready by itself", async () => {
  await using issuer = await FakeIssuer.start();
  new FeedServer(issuer);
  await issuer.stop();
  await using upstream = await EchoUpstream.start();
  await using gateway = new GatewayProcess(processYaml({ issuer: issuer.issuer, upstream: upstream.origin }));
  const { url, management } = await gateway.ready();
  for (const path of ["/orders", "/public"]) {
    const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${issuer.mint()}` } });
    assert.equal(response.status, 503);
    assert.ok(Number(response.headers.get("retry-after")) >= 1);
    assert.equal((await response.json()).error, "temporarily_unavailable");
  }
  assert.equal((await fetch(`${management}/readyz`)).status, 503);
  assert.equal((await fetch(`${management}/livez`)).status, 200);
  await issuer.startAgain();
  await untilStatus(`${management}/readyz`, 200);
  const response = await fetch(`${url}/orders`, { headers: { authorization: `Bearer ${issuer.mint()}` } });
  assert.equal(response.status, 200);
  assert.equal(upstream.requests, 1);
});

test("an issuer that does not accept the gateway is told of in one line, with what to do", async () => {
  let tries = 0;
  const { promise: oftenTried, resolve: triedOften } = Promise.withResolvers<void>();
  await using issuer = await FakeIssuer.start();
  new FeedServer(issuer);
  issuer.routes.unshift(({ url }, response) => {
    if (url !== "/token") return false;
    tries++;
    if (tries === 4) triedOften();
    sendJson(response, { error: "invalid_client" }, 401);
    return true;
  });
  await using gateway = new GatewayProcess(
    processYaml({ issuer: issuer.issuer, upstream: "http://127.0.0.1:1" }),
  );
  await gateway.ready();
  const told = () => linesOf(gateway.errors).filter(({ event }) => event === "guard_unavailable");
  await oftenTried;
  while (told().length === 0) await once(gateway.child.stderr!, "data");
  assert.equal(told().length, 1, "however often it tries");
  const [{ level, code, issuer: named, message, remedy }] = told() as [Record<string, unknown>];
  assert.deepEqual([level, code, named], ["warn", "client_not_accepted", issuer.issuer]);
  assert.match(String(message), /^Requests are answered with 503\. .* does not accept the client/);
  assert.match(String(remedy), /clients: \[\{ clientId: .*\[revocations\.read\]/);
});

/** The last may not be whole yet. */
const linesOf = (text: string): Record<string, unknown>[] =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));

test("SIGTERM: no new connections, the request under way is finished, the lease is given back", async () => {
  await using issuer = await FakeIssuer.start();
  const feed = new FeedServer(issuer);
  await using upstream = await EchoUpstream.start();
  await using gateway = new GatewayProcess(processYaml({ issuer: issuer.issuer, upstream: upstream.origin }));
  const { url, management } = await gateway.ready();
  await untilStatus(`${management}/readyz`, 200);
  const idle = await RawClient.connect(url);
  const client = await RawClient.connect(url);
  const asked = new Promise<() => void>((resolve) => {
    upstream.handler = (_request, response) => resolve(() => response.end("finished"));
  });
  client.send(requestText("GET /orders HTTP/1.1", [`Authorization: Bearer ${issuer.mint()}`]));
  const finish = await asked;
  gateway.child.kill("SIGTERM");
  await idle.closed();
  await assert.rejects(fetch(`${url}/public`));
  finish();
  const response = await client.response();
  assert.equal(`${response.status} ${response.body} ${response.headers.connection}`, "200 finished close");
  assert.deepEqual(await gateway.exited, { code: 0, signal: null });
  assert.equal(feed.givenBack.size, 1);
  assert.match([...feed.givenBack][0]!, /^gateway-[0-9a-f]{8}$/);
});

test("SIGTERM: a request that does not end is cut off after the drain time", async () => {
  await using issuer = await FakeIssuer.start();
  new FeedServer(issuer);
  await using upstream = await EchoUpstream.start();
  const yaml = processYaml({ issuer: issuer.issuer, upstream: upstream.origin, more: "drainSeconds: 0.2" });
  await using gateway = new GatewayProcess(yaml);
  const { url, management } = await gateway.ready();
  await untilStatus(`${management}/readyz`, 200);
  const client = await RawClient.connect(url);
  const asked = new Promise<void>((resolve) => {
    upstream.handler = () => resolve();
  });
  client.send(requestText("GET /public HTTP/1.1"));
  await asked;
  gateway.child.kill("SIGTERM");
  await client.closed();
  assert.deepEqual(await gateway.exited, { code: 0, signal: null });
});

test("it stops when the process that started it is gone", async () => {
  await using gateway = new GatewayProcess(processYaml(UNUSED));
  await gateway.ready();
  gateway.child.disconnect();
  assert.deepEqual(await gateway.exited, { code: 0, signal: null });
});

test("problems of the configuration are all told, and it exits", async () => {
  const yaml = processYaml(UNUSED).replace("audience: services.test, ", "").replace("public: true", "");
  await using gateway = new GatewayProcess(yaml);
  assert.equal((await gateway.exited).code, 1);
  assert.match(gateway.errors, /transactionToken\.audience: found nothing/);
  await using unnamed = new GatewayProcess(undefined);
  assert.equal((await unnamed.exited).code, 1);
  assert.match(unnamed.errors, /--config FILE/);
});

test("asked, it explains itself, says its version, and checks a configuration without serving", async () => {
  await using check = new GatewayProcess(processYaml(UNUSED), { parameters: ["--check"] });
  assert.equal((await check.exited).code, 0);
  assert.equal(check.output, "gateway: the configuration is valid\n");
  await using help = new GatewayProcess(undefined, { parameters: ["--help"] });
  assert.equal((await help.exited).code, 0);
  assert.match(help.output, /^Usage: .*--config FILE/);
  await using version = new GatewayProcess(undefined, { parameters: ["--version"] });
  assert.equal((await version.exited).code, 0);
  assert.match(version.output, /^gateway \d+\.\d+\.\d+\n$/);
});

test("it runs without a flag that says where our sources are", async () => {
  await using help = new GatewayProcess(undefined, { parameters: ["--help"], flags: [] });
  assert.equal((await help.exited).code, 0, help.errors);
  assert.match(help.output, /^Usage: /);
});

test("a taken port is told with the setting to change, and no stack", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as AddressInfo;
  await using gateway = new GatewayProcess(processYaml({ ...UNUSED, port }));
  assert.equal((await gateway.exited).code, 1);
  assert.match(
    gateway.errors,
    new RegExp(`port ${port} on 127\\.0\\.0\\.1 is taken; choose another with listen\\.port`),
  );
  assert.ok(!gateway.errors.includes("    at "));
  other.close();
});

test("nothing it logs has a token, a secret or a query in it", async () => {
  await using issuer = await FakeIssuer.start();
  new FeedServer(issuer);
  await using upstream = await EchoUpstream.start();
  const yaml = processYaml({ issuer: issuer.issuer, upstream: upstream.origin, more: "accessLog: all" });
  await using gateway = new GatewayProcess(yaml);
  const { url, management } = await gateway.ready();
  await untilStatus(`${management}/readyz`, 200);
  const token = issuer.mint();
  await fetch(`${url}/orders?code=in-the-query`, { headers: { authorization: `Bearer ${token}` } });
  await fetch(`${url}/orders?access_token=${token}`);
  await fetch(`${url}/orders`, { headers: { authorization: `Bearer ${token}x`, cookie: "id=in-a-cookie" } });
  gateway.child.kill("SIGTERM");
  await gateway.exited;
  const lines = gateway.errors
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const requests = lines.filter((line) => line.event === "request");
  assert.deepEqual(
    requests.map(({ path, status }) => `${path} ${status}`),
    ["/orders 200", "/orders 400", "/orders 401"],
  );
  const signature = token.split(".")[2]!;
  for (const secret of [signature, "in-the-query", "in-a-cookie", "a-verifiers-secret"]) {
    assert.ok(!gateway.errors.includes(secret), `${secret.slice(0, 12)} was logged`);
  }
});
