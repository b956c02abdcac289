import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import {
  createMetrics,
  type ManagementSources,
  managementListener,
  openManagement,
} from "@portcullis/service";
import { RecordedLog } from "@portcullis/testing";

const HERE = { host: "127.0.0.1", port: 0, isChosen: true };

async function open(t: TestContext, sources: Partial<ManagementSources>) {
  const whole = { readiness: () => ({ ready: true }), metrics: () => "", ...sources };
  const management = await openManagement(managementListener(whole), HERE, new RecordedLog());
  t.after(() => management.close());
  return (path: string, init?: RequestInit) => fetch(`${management.url}${path}`, init);
}

test("alive is who answers, and ready who says so, with what it says", async (t) => {
  let ready = false;
  const get = await open(t, { readiness: () => ({ ready, reason: "starting" }) });
  assert.equal((await get("/livez")).status, 200);
  const refused = await get("/readyz");
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.deepEqual(await refused.json(), { status: "not_ready", ready: false, reason: "starting" });
  ready = true;
  assert.equal((await get("/readyz")).status, 200);
});

test("who cannot tell whether it is ready is not, and says nothing of why", async (t) => {
  for (const readiness of [
    () => Promise.reject(new Error("postgres://hunter2")),
    () => {
      throw new Error("hunter2");
    },
  ]) {
    const answer = await (await open(t, { readiness }))("/readyz");
    assert.equal(answer.status, 503);
    assert.deepEqual(await answer.json(), { status: "not_ready", ready: false });
  }
});

test("a page of its own may be added; other paths are named; nothing can be changed", async (t) => {
  const get = await open(t, { pages: { "/status": () => ({ a: 1 }) } });
  assert.deepEqual(await (await get("/status")).json(), { a: 1 });
  const unknown = await get("/");
  assert.equal(unknown.status, 404);
  assert.deepEqual((await unknown.json()).pages, ["/livez", "/readyz", "/metrics", "/status"]);
  assert.equal((await get("/readyz", { method: "POST" })).status, 405);
});

test("numbers are read when they are asked for; what is not known is left out", async (t) => {
  let head: number | undefined;
  let dropped = 0;
  const registry = createMetrics({
    droppedLogLines: () => dropped,
    families: [
      { name: "portcullis_head", type: "gauge", help: "Head.", read: () => head },
      { name: "portcullis_broken", type: "gauge", help: "Broken.", read: () => Promise.reject(new Error()) },
      {
        name: "portcullis_requests_total",
        type: "counter",
        help: "Requests.",
        labels: ["route"],
        read: async () => [{ labels: { route: '/a"b' }, value: 3 }],
      },
    ],
  });
  const get = await open(t, { metrics: () => registry.metrics() });
  const read = async () => (await get("/metrics")).text();
  const first = await read();
  assert.doesNotMatch(first, /^portcullis_(?:head|broken)/m);
  assert.match(first, /^portcullis_log_dropped_total 0$/m);
  [head, dropped] = [7, 2];
  // Two at once count nothing twice.
  for (const text of await Promise.all([read(), read()])) {
    assert.match(text, /^portcullis_head 7$/m);
    assert.match(text, /^portcullis_log_dropped_total 2$/m);
    assert.match(text, /^portcullis_requests_total\{route="\/a\\"b"\} 3$/m);
  }
});

test("a port that was chosen and is taken is an error; the default gives way, and says so", async (t) => {
  const holder = createServer().listen(0, "127.0.0.1");
  t.after(() => holder.close());
  await once(holder, "listening");
  const { port } = holder.address() as { port: number };
  const log = new RecordedLog();
  const listener = () => managementListener({ readiness: () => ({ ready: true }), metrics: () => "" });
  await assert.rejects(openManagement(listener(), { ...HERE, port }, log), {
    code: "port_taken",
    message: `port ${port} on 127.0.0.1 is taken; choose another with management.port`,
  });
  const management = await openManagement(listener(), { ...HERE, port, isChosen: false }, log);
  t.after(() => management.close());
  assert.equal((await fetch(`${management.url}/livez`)).status, 200);
  assert.deepEqual(
    log.events.map(({ event }) => event),
    ["management_elsewhere"],
  );
});
