import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { test } from "node:test";
import { FakeIssuer, TIME_LIMIT } from "@portcullis/testing";
import { StalledLog } from "@portcullis/testing/stalled-log";
import { EchoUpstream } from "./support/echo-upstream.ts";
import { FeedServer } from "./support/feed-server.ts";
import { GatewayProcess, processYaml } from "./support/gateway-process.ts";

const REQUESTS = 4_000;
const IN_FLIGHT = 20;

test(
  "with a log that nobody reads, it answers on, counts what it drops, and says so when it is read",
  TIME_LIMIT,
  async () => {
    await using issuer = await FakeIssuer.start();
    new FeedServer(issuer);
    await using upstream = await EchoUpstream.start();
    using log = new StalledLog();
    const yaml = processYaml({ issuer: issuer.issuer, upstream: upstream.origin, more: "accessLog: all" });
    await using gateway = new GatewayProcess(yaml, { standardError: log.writeEnd });
    const { url, management } = await gateway.ready();
    // Each leaves a line of 300 bytes: twice what the pipe and the buffer hold.
    await askOften(`${url}/${"nowhere/".repeat(30)}`);
    assert.equal((await fetch(`${management}/livez`)).status, 200);
    const dropped = droppedIn(await (await fetch(`${management}/metrics`)).text());
    assert.ok(dropped > 100, `${dropped} lines dropped`);

    const lines = await log.readUntil((line) => line.includes('"event":"log_lines_dropped"'));
    assert.equal(JSON.parse(lines.at(-1)!).lines, dropped);
    assert.ok(lines.length > 200, "what there was room for is there");
    for (const line of lines) assert.equal(typeof JSON.parse(line).event, "string");

    gateway.child.kill("SIGTERM");
    assert.deepEqual(await gateway.exited, { code: 0, signal: null });
  },
);

test("with no room for a single line, it starts, serves and stops", TIME_LIMIT, async () => {
  await using issuer = await FakeIssuer.start();
  new FeedServer(issuer);
  using log = new StalledLog();
  log.fill();
  const yaml = processYaml({ issuer: issuer.issuer, upstream: "http://127.0.0.1:1", more: "accessLog: all" });
  await using gateway = new GatewayProcess(yaml, { standardError: log.writeEnd });
  const { url } = await gateway.ready();
  assert.ok((await fetch(`${url}/nowhere`)).status >= 400);
  gateway.child.kill("SIGTERM");
  assert.deepEqual(await gateway.exited, { code: 0, signal: null });
});

test("with its log's reader gone, it goes on", TIME_LIMIT, async () => {
  await using issuer = await FakeIssuer.start();
  new FeedServer(issuer);
  const yaml = processYaml({ issuer: issuer.issuer, upstream: "http://127.0.0.1:1", more: "accessLog: all" });
  using log = new StalledLog();
  await using gateway = new GatewayProcess(yaml, { standardError: log.writeEnd });
  const { url, management } = await gateway.ready();
  log.closeReadEnd();
  for (let count = 0; count < 20; count++) await fetch(`${url}/nowhere`);
  assert.ok(droppedIn(await (await fetch(`${management}/metrics`)).text()) >= 19);
  gateway.child.kill("SIGTERM");
  assert.deepEqual(await gateway.exited, { code: 0, signal: null });
});

async function askOften(url: string): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });
  await Promise.all(Array.from({ length: REQUESTS }, () => ask(url, agent)));
  agent.destroy();
}

const ask = (url: string, agent: Agent): Promise<void> =>
  new Promise((resolve, reject) => {
    const asked = request(url, { agent }, (response) => response.resume().on("end", resolve));
    asked
      .on("error", reject)
      .setTimeout(60_000, () => asked.destroy(new Error("no answer")))
      .end();
  });

const droppedIn = (metrics: string): number =>
  Number(/^portcullis_log_dropped_total (\d+)$/m.exec(metrics)![1]);
