import assert from "node:assert/strict";
import { test } from "node:test";
import { TIME_LIMIT } from "@portcullis/testing";
import { until } from "@portcullis/testing/end-to-end";
import { StalledLog } from "@portcullis/testing/stalled-log";
import { RelayProcess } from "./support/relay-process.ts";
import { startWorld } from "./support/world.ts";

test("with a log that takes not one line, the relay starts, serves and stops", TIME_LIMIT, async (t) => {
  const world = await startWorld(t);
  using log = new StalledLog();
  log.fill();
  await using relay = new RelayProcess({ standardError: log.writeEnd }, "--config", await world.relayFile());
  const { url, management } = await relay.ready();
  await until(async () => (await fetch(`${url}/health/ready`)).ok, { what: "the relay to be ready" });
  assert.match(await (await fetch(`${management}/metrics`)).text(), /^portcullis_log_dropped_total 0$/m);
  assert.equal((await fetch(`${management}/livez`)).status, 200);
  assert.deepEqual(await (await fetch(`${management}/readyz`)).json(), {
    status: "ready",
    ready: true,
    state: "live",
  });
  relay.child.kill("SIGTERM");
  assert.deepEqual(await relay.exited, { code: 0, signal: null });
});

test("a fault that nobody caught is logged, and ends the relay with 1", TIME_LIMIT, async (t) => {
  const world = await startWorld(t);
  const injected = 'process.on("SIGUSR2", () => { throw new Error("an injected fault"); });';
  await using relay = new RelayProcess({ injected }, "--config", await world.relayFile());
  await relay.ready();
  relay.child.kill("SIGUSR2");
  assert.deepEqual(await relay.exited, { code: 1, signal: null });
  const fatal = relay.errors.split("\n").find((line) => line.includes('"event":"fatal"'));
  assert.equal(JSON.parse(fatal!).error.text, "an injected fault");
});
