import assert from "node:assert/strict";
import test from "node:test";
import { sql } from "kysely";
import type { RevocationTarget } from "../../../src/revocations/index.ts";
import { clockAt } from "../../clocks.ts";
import { bearer, serveRevocations } from "../revocations-server.ts";

const subject = { scope: "subject", key: "alice" };

test("a revocation without verifiers is enforced at once", async (t) => {
  const server = await serveRevocations(t);
  const response = await server.revoke({ ...subject, mode: "kill", reason: "banned" });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.equal(response.headers.get("preference-applied"), null);
  const { elapsedMs, ...receipt } = await response.json();
  assert.deepEqual(receipt, { seq: 1, state: "enforced", acked: 0, leased: 0, key: "alice", known: false });
  assert.ok(elapsedMs >= 0);
});

test("a revocation that a verifier has not acknowledged is pending, until it has", async (t) => {
  const server = await serveRevocations(t);
  await server.lease("gateway", { replica: "gateway-1", applied: 0 });
  const pending = await server.revoke(subject, { prefer: "wait=0" });
  assert.equal(pending.status, 202);
  assert.equal(pending.headers.get("preference-applied"), "wait=0");
  const { state, laggards, enforcedBy } = await pending.json();
  assert.deepEqual([state, laggards], ["pending", ["gateway-1"]]);
  assert.ok(Date.parse(enforcedBy) > Date.now());

  const waiting = server.revoke(subject, { prefer: "respond-async, wait=20" });
  while (server.storage.log.head() < 2) await new Promise((resolve) => setImmediate(resolve));
  await server.lease("gateway", { replica: "gateway-1", applied: 2 });
  const enforced = await waiting;
  assert.equal(enforced.status, 200);
  assert.equal(enforced.headers.get("preference-applied"), "wait=20");
});

test("a wait is cut to thirty seconds", async (t) => {
  const server = await serveRevocations(t);
  const response = await server.revoke(subject, { prefer: "wait=3600" });
  assert.equal(response.headers.get("preference-applied"), "wait=30");
});

test("reasons that are not given follow from the mode", async (t) => {
  const server = await serveRevocations(t);
  for (const mode of [undefined, "kill", "stale"]) await server.revoke({ ...subject, mode });
  const records = await server.storage.log.read(0, 10);
  assert.deepEqual(
    records.map(({ mode, reason }) => [mode, reason]),
    [
      ["kill", "revoked"],
      ["kill", "revoked"],
      ["stale", "claims_changed"],
    ],
  );
});

test("every scope takes its key", async (t) => {
  const server = await serveRevocations(t);
  const texts = [
    "token",
    "session",
    "grant",
    "subject",
    "client",
    "audience",
    "organization",
    "key",
    "dpop-key",
  ];
  const bodies = [
    ...texts.map((scope) => ({ scope, key: "x" })),
    { scope: "subject-client", key: { subject: "alice", client: "app" } },
    { scope: "subject-audience", key: { subject: "alice", audience: "api" } },
    { scope: "subject-organization", key: { subject: "alice", organization: "acme" } },
    { scope: "issuer" },
  ];
  for (const body of bodies) assert.equal((await server.revoke(body)).status, 200, body.scope);
  assert.equal(server.storage.log.head(), bodies.length);
});

test("what hangs below the target ends in the same transaction, and is told what to end", async (t) => {
  const targets: RevocationTarget[] = [];
  const server = await serveRevocations(t, {
    endBelow: async (transaction, target) => {
      targets.push(target);
      await transaction.db
        .insertInto("replicas")
        .values({ client_id: "x", name: "x", lease_ms: 1 })
        .execute();
      if (target.key === "fails") throw new Error("on purpose");
    },
  });
  assert.equal((await server.revoke({ scope: "session", key: "s", reason: "kicked" })).status, 200);
  assert.deepEqual(targets, [{ scope: "session", key: "s", mode: "kill", reason: "kicked", actor: "admin" }]);
  await server.storage.write(({ db }) => db.deleteFrom("replicas").execute());
  assert.equal((await server.revoke({ scope: "session", key: "fails" })).status, 500);
  assert.equal(server.storage.log.head(), 1);
  assert.deepEqual(await server.storage.read.selectFrom("replicas").selectAll().execute(), []);
});

test("who revoked is kept for the audit, as authenticated and not as claimed", async (t) => {
  const server = await serveRevocations(t);
  assert.equal((await server.revoke({ ...subject, actor: "mallory" })).status, 400);
  await server.revoke({ ...subject, note: "lost phone" });
  const row = await server.storage.read
    .selectFrom("revocations")
    .select(["actor", "note"])
    .executeTakeFirstOrThrow();
  assert.deepEqual({ ...row }, { actor: "admin", note: "lost phone" });
});

test("the exp that a request claims does not decide for how long the record is kept", async (t) => {
  const server = await serveRevocations(t, { clock: clockAt(() => 1000) });
  await server.revoke({ scope: "token", key: "jti", exp: 1001 });
  const [record] = await server.storage.log.read(0, 1);
  assert.deepEqual([record?.expiresAt, record?.tokenExpiresAt], [1310, undefined]);
});

test("all problems of a request are told at once, each with its dotted path", async (t) => {
  const server = await serveRevocations(t);
  const fieldsOf = async (body: unknown) => {
    const response = await server.revoke(body);
    assert.equal(response.status, 400);
    const { error, error_description, problems } = await response.json();
    assert.equal(error, "invalid_request");
    assert.ok(error_description.length > 0);
    for (const { message } of problems) assert.ok(message.length > 0);
    return problems.map(({ field }: { field: string }) => field).sort();
  };
  assert.deepEqual(await fieldsOf({ scope: "session", mode: "no", reason: "no" }), ["key", "mode", "reason"]);
  assert.deepEqual(await fieldsOf({ scope: "planet", mode: "no", note: 7 }), ["mode", "note", "scope"]);
  assert.deepEqual(await fieldsOf({ scope: "subject-client", key: { subject: "" } }), [
    "key.client",
    "key.subject",
  ]);
  assert.deepEqual(await fieldsOf({ scope: "subject-audience", key: { subject: "alice", client: "app" } }), [
    "key.audience",
    "key.client",
  ]);
  assert.deepEqual(await fieldsOf({ scope: "subject-organization", key: "alice" }), ["key"]);
  assert.deepEqual(await fieldsOf({ scope: "issuer", key: 1, extra: 1 }), ["extra", "foreign", "key"]);
  assert.deepEqual(await fieldsOf({ scope: "token", key: "x", exp: -1 }), ["exp"]);
  assert.deepEqual(await fieldsOf("[]"), ["body"]);
  assert.deepEqual(await fieldsOf("null"), ["body"]);
  assert.deepEqual(await fieldsOf("{"), ["body"]);
  assert.deepEqual(await fieldsOf('{"scope":"issuer","__proto__":{}}'), ["body"]);
  assert.equal(server.storage.log.head(), 0);
});

test("a body of another type, or too large, is refused as such", async (t) => {
  const server = await serveRevocations(t);
  const form = await server.revoke("scope=issuer", { "content-type": "application/x-www-form-urlencoded" });
  assert.equal(form.status, 415);
  const large = await server.revoke({ ...subject, note: "n".repeat(20_000) });
  assert.equal(large.status, 413);
  assert.equal((await large.json()).error, "invalid_request");
});

test("every route asks who calls before it reads what it was sent", async (t) => {
  const server = await serveRevocations(t);
  for (const [method, path] of [
    ["POST", ""],
    ["GET", "/snapshot"],
    ["GET", "/stream"],
    ["POST", "/lease"],
  ] as const) {
    const body = method === "POST" ? { body: "{", headers: { "content-type": "application/json" } } : {};
    const response = await fetch(`${server.endpoint}${path}`, { method, ...body });
    assert.equal(response.status, 401, `${method} ${path}`);
  }
});

test("a verifier may not revoke, and an administrator may not follow the feed", async (t) => {
  const server = await serveRevocations(t);
  assert.equal((await server.revoke(subject, { authorization: bearer("gateway") })).status, 403);
  assert.equal((await server.leaseCall("admin", {})).status, 403);
});

test("when the store fails the answer is 503 and never a receipt, and verifiers keep their leases", async (t) => {
  const server = await serveRevocations(t);
  await server.lease("gateway", {});
  await server.storage.write(({ db }) => sql`pragma max_page_count = 1`.execute(db));
  const statuses = new Set<number>();
  for (let attempt = 0; attempt < 40; attempt++) {
    const response = await server.revoke({ ...subject, note: "n".repeat(2000) }, { prefer: "wait=0" });
    statuses.add(response.status);
    const body = await response.json();
    if (response.status !== 503) continue;
    assert.equal(response.headers.get("retry-after"), "1");
    assert.equal(body.error, "temporarily_unavailable");
    assert.equal(body.seq, undefined);
    break;
  }
  assert.ok(statuses.has(503), [...statuses].join());
  assert.equal(server.operatorLog.told.at(-1), "warn request_failed");
  const head = server.storage.log.head();
  assert.equal((await server.storage.log.read(0, 100)).length, head, "what was answered with 2xx is there");
  assert.equal((await server.lease("gateway", {})).head, head, "a renewal writes nothing");
});
