import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createMetrics } from "@portcullis/service";
import { leaseSecretOf } from "@portcullis/testing";
import { sql } from "kysely";
import { metricFamilies } from "../../src/management/metrics.ts";
import { readinessOf } from "../../src/management/readiness.ts";
import { basicOf, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";

describe("the metrics of a server", () => {
  let server: ServerUnderTest;
  before(async () => {
    server = await startServer({
      change: (configuration) => Object.assign(configuration, { limits: { pushedRequestsPerMinute: 1 } }),
    });
  });
  after(() => server.stop());

  async function metrics(): Promise<string> {
    const { storage, readiness, revocations, requests, sessionStreams, outbox, redis } = server.server;
    const parts = { storage, readiness, revocations, requests, sessionStreams, outbox, redis };
    const sources = { ...parts, maxLiveRevocations: 5000 };
    return createMetrics({ families: metricFamilies(sources), droppedLogLines: () => 0 }).metrics();
  }

  const sampleOf = (text: string, sample: string): number | undefined => {
    const line = text.split("\n").find((one) => one.startsWith(`portcullis_auth_server_${sample} `));
    return line === undefined ? undefined : Number(line.split(" ").at(-1));
  };

  it("count requests by method, route and status, and never by path", async () => {
    await fetch(`${server.issuer}/health/live`);
    await fetch(`${server.issuer}/api/v1/users/somebody/disable?secret=1`, { method: "POST" });
    await fetch(`${server.issuer}/nowhere-${"x".repeat(20)}`);
    const text = await metrics();
    assert.equal(sampleOf(text, 'requests_total{method="GET",code="200",route="/health/live"}'), 1);
    assert.doesNotMatch(text, /somebody|secret|nowhere/);
    assert.match(
      text,
      /requests_total\{method="POST",code="401",route="\/api\/v1\/users\/:user\/disable"\} 1/,
    );
  });

  it("count what apps are to be told, and what came of it", async () => {
    const { outbox, storage } = server.server;
    const delivery = {
      kind: "logout_token",
      recipient: "nobody",
      subject: "alice",
      session_uid: "sid",
    } as const;
    const counted = { attempts: 0, next_at: 0, created_at: 0, state: "pending" } as const;
    await storage.write(({ db }) =>
      db
        .insertInto("outbox")
        .values([
          { id: "waiting", ...delivery, ...counted, next_at: Number.MAX_SAFE_INTEGER },
          { id: "dead", ...delivery, ...counted, state: "dead" },
          { id: "due", ...delivery, ...counted },
        ])
        .execute(),
    );
    await outbox.deliverDue();
    const text = await metrics();
    assert.equal(sampleOf(text, 'deliveries_waiting{state="pending"}'), 1);
    assert.equal(sampleOf(text, 'deliveries_waiting{state="dead"}'), 1);
    assert.equal(sampleOf(text, 'delivery_tries_total{outcome="delivered"}'), 0);
    const { rows } = await sql<{ state: string }>`select state from outbox where id = 'due'`.execute(
      storage.read,
    );
    assert.equal(rows[0]?.state, "unsupported", "there is no such app");
  });

  it("count what each limit refuses", async () => {
    for (let times = 0; times < 3; times++) await fetch(`${server.issuer}/par`, { method: "POST" });
    assert.equal(sampleOf(await metrics(), 'limits_refused_total{limit="pushedRequestsPerMinute"}'), 2);
  });

  it("tell the head, what is kept, what may be kept, and what was stored", async () => {
    const before = await metrics();
    const head = sampleOf(before, "log_head")!;
    await server.server.revocations.revoker.revoke({
      scope: "client",
      key: "service",
      mode: "kill",
      reason: "kicked",
    });
    const after = await metrics();
    assert.equal(sampleOf(after, "log_head"), head + 1);
    assert.equal(sampleOf(after, "live_revocations"), sampleOf(before, "live_revocations")! + 1);
    assert.equal(sampleOf(after, "live_revocations_max"), 5000);
    assert.ok(sampleOf(after, "storage_commits_total")! > sampleOf(before, "storage_commits_total")!);
    assert.equal(sampleOf(after, "storage_waiting"), 0);
    assert.equal(sampleOf(after, 'storage_space{state="ample"}'), 1);
  });

  it("tell of verifiers that hold a lease, and of those that are behind", async () => {
    const { access_token: token } = await (
      await fetch(`${server.issuer}/token`, {
        method: "POST",
        headers: { authorization: basicOf("orders") },
        body: new URLSearchParams({
          grant_type: "client_credentials",
          resource: `${server.issuer}/api`,
          scope: "revocations.read",
        }),
      })
    ).json();
    const { log } = server.server.storage;
    const lease = await fetch(`${server.issuer}/revocations/lease`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({
        replica: "a",
        secret: leaseSecretOf("a"),
        incarnation: log.incarnation,
        applied: log.head() - 1,
        leaseMs: 5000,
      }),
    });
    assert.equal(lease.status, 200);
    const text = await metrics();
    assert.equal(sampleOf(text, "leases"), 1);
    assert.equal(sampleOf(text, "verifiers_behind"), 1);
    assert.equal(sampleOf(text, "followers"), 0);
  });

  it("say nothing of what is not there: a Redis that is not configured", async () => {
    const text = await metrics();
    assert.equal(sampleOf(text, "redis_up"), undefined);
    assert.equal(sampleOf(text, "ready"), 1);
  });

  it("say that it is not ready when nothing can be stored, and do not fail", async () => {
    const { storage } = server.server;
    const broken = Object.create(storage, { checkWritable: { value: () => Promise.reject(new Error("x")) } });
    assert.deepEqual(await readinessOf(broken), { ready: false, reason: "storage_unavailable" });
  });
});
