import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { newIdentifier } from "@portcullis/testing";
import { TestGateway } from "./support/test-gateway.ts";

let gateway: TestGateway;
before(async () => {
  gateway = await TestGateway.start();
});
after(() => gateway[Symbol.asyncDispose]());

test("/livez and /readyz answer 200 when requests are served", async () => {
  assert.equal((await gateway.management("/livez")).status, 200);
  const answer = await gateway.management("/readyz");
  assert.equal(answer.status, 200);
  assert.equal(JSON.parse(answer.text).ready, true);
});

test("/status and /metrics count requests, decisions and refusals, and show the replica", async () => {
  const sid = newIdentifier();
  const bearer = gateway.bearer({ sid });
  await gateway.get("/orders", [bearer]);
  await gateway.get("/orders");
  await gateway.get("/nowhere");
  await gateway.get("/public/..");
  await gateway.feed.revoke({ scope: "session", key: sid });
  await gateway.get("/orders", [bearer]);
  const status = JSON.parse((await gateway.management("/status")).text);
  assert.equal(status.replica.name, "gateway-test");
  assert.equal(status.replica.state, "live");
  assert.equal(status.replica.applied, 1);
  assert.equal(status.replica.leaseMs, 5000);
  assert.ok(status.replica.ageMs >= 0 && status.replica.ageMs < 5000);
  assert.equal(status.decisions.allowed, 1);
  assert.equal(status.decisions.killed, 1);
  const count = (route: string, code: number) =>
    status.requests.find(
      (each: { route: string; status: number }) => each.route === route && each.status === code,
    )?.count;
  assert.deepEqual(
    [count("orders", 200), count("orders", 401), count("", 404), count("", 400)],
    [1, 2, 1, 1],
  );
  const metrics = (await gateway.management("/metrics")).text;
  assert.match(metrics, /^portcullis_gateway_ready 1$/m);
  assert.match(metrics, /^portcullis_gateway_requests_total\{route="orders",code="200"\} 1$/m);
  assert.match(metrics, /^portcullis_gateway_refusals_total\{code="dot_segment"\} 1$/m);
  assert.match(metrics, /^portcullis_gateway_replica_state\{state="live"\} 1$/m);
  assert.match(metrics, /^portcullis_gateway_decisions_total\{outcome="killed"\} 1$/m);
  for (const line of metrics.split("\n").filter((text) => text !== ""))
    assert.match(line, /^(# (HELP|TYPE) .+|[a-z_]+(\{[^}]*\})? -?[0-9.]+)$/);
});

test("other pages and methods are refused", async () => {
  for (const path of ["/", "/live", "/ready", "/health/ready"])
    assert.equal((await gateway.management(path)).status, 404, path);
  const response = await fetch(`${gateway.gateway.managementUrl}/status`, { method: "POST" });
  assert.equal(response.status, 405);
});

test("none of it can be reached where clients connect", async () => {
  for (const path of ["/livez", "/readyz", "/health/live", "/health/ready", "/status", "/metrics"])
    assert.equal((await gateway.get(path)).status, 404);
});
