import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeIssuer, TIME_LIMIT } from "@portcullis/testing";
import { until } from "@portcullis/testing/end-to-end";
import { EchoUpstream } from "./support/echo-upstream.ts";
import { FeedServer } from "./support/feed-server.ts";
import { GatewayProcess, processYaml } from "./support/gateway-process.ts";
import { RawClient } from "./support/raw-client.ts";
import { requestText } from "./support/test-gateway.ts";

const INJECTED = `
  process.on("SIGUSR2", () => { throw new Error("an injected fault"); });
  process.on("SIGHUP", () => { void Promise.reject(new Error("an injected rejection")); });
`;

test(
  "a fault that nobody caught: logged, no new requests, those under way finished, exit with 1",
  TIME_LIMIT,
  async () => {
    await using world = await start();
    const { gateway, url } = world;
    const { client, finish } = await world.underWay();
    gateway.child.kill("SIGUSR2");
    const fatal = await fatalLine(gateway);
    assert.deepEqual(
      [fatal.level, fatal.origin, fatal.error.text],
      ["fatal", "uncaughtException", "an injected fault"],
    );
    await until(
      () =>
        fetch(url).then(
          () => false,
          () => true,
        ),
      { what: "the end of new connections" },
    );
    finish();
    assert.equal((await client.response()).body, "finished");
    assert.deepEqual(await gateway.exited, { code: 1, signal: null });
  },
);

test("a rejection that nobody handled is one", TIME_LIMIT, async () => {
  await using world = await start();
  world.gateway.child.kill("SIGHUP");
  assert.deepEqual(await world.gateway.exited, { code: 1, signal: null });
  const fatal = await fatalLine(world.gateway);
  assert.deepEqual([fatal.origin, fatal.error.text], ["unhandledRejection", "an injected rejection"]);
});

test("a second fault, while the first is drained, ends it at once", TIME_LIMIT, async () => {
  // Of several: one that a busy machine held up says nothing.
  let end = await endOfTwoFaults();
  for (let round = 0; round < 3 && end.tookMs >= DRAIN_AFTER_FAULT_MS; round++) end = await endOfTwoFaults();
  assert.ok(end.tookMs < DRAIN_AFTER_FAULT_MS, `${end.tookMs} ms`);
  assert.equal(end.fatalLines, 2);
});

async function endOfTwoFaults() {
  await using world = await start();
  const { gateway } = world;
  const { client } = await world.underWay();
  const startedAt = performance.now();
  gateway.child.kill("SIGUSR2");
  await fatalLine(gateway);
  gateway.child.kill("SIGHUP");
  assert.deepEqual(await gateway.exited, { code: 1, signal: null });
  const tookMs = performance.now() - startedAt;
  await client.closed();
  return { tookMs, fatalLines: gateway.errors.match(/"event":"fatal"/g)!.length };
}

test(
  "a request that hangs does not keep a faulty process for longer than the bound",
  TIME_LIMIT,
  async () => {
    await using world = await start("drainSeconds: 600");
    await world.underWay();
    world.gateway.child.kill("SIGUSR2");
    assert.deepEqual(await world.gateway.exited, { code: 1, signal: null });
  },
);

const DRAIN_AFTER_FAULT_MS = 5_000;

async function fatalLine(gateway: GatewayProcess) {
  const isFatal = (line: string) => line.includes('"event":"fatal"');
  const line = await until(() => gateway.errors.split("\n").find(isFatal), {
    what: "a line that says fatal",
  });
  return JSON.parse(line);
}

async function start(more = "") {
  const issuer = await FakeIssuer.start();
  new FeedServer(issuer);
  const upstream = await EchoUpstream.start();
  const yaml = processYaml({ issuer: issuer.issuer, upstream: upstream.origin, more });
  const gateway = new GatewayProcess(yaml, { injected: INJECTED });
  const { url, management } = await gateway.ready();
  await until(async () => (await fetch(`${management}/readyz`)).ok, { what: "the gateway to be ready" });
  return {
    gateway,
    url,
    /** A request that the service has got, and answers when it is told to. */
    async underWay() {
      const client = await RawClient.connect(url);
      const asked = new Promise<() => void>((resolve) => {
        upstream.handler = (_request, response) => resolve(() => response.end("finished"));
      });
      client.send(requestText("GET /public HTTP/1.1"));
      return { client, finish: await asked };
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
      await issuer[Symbol.asyncDispose]();
    },
  };
}
