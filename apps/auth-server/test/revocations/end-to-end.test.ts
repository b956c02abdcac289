import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import test, { type TestContext } from "node:test";
import { encodeIdentifier, type RevocableClaims } from "@portcullis/protocol";
import { createReplica, httpFeed, type Replica } from "@portcullis/revocation";
import { patienceSignal } from "@portcullis/testing";
import { draft, oneTo } from "../storage/temporary-storage.ts";
import { bearer, type RevocationsServer, serveRevocations } from "./revocations-server.ts";

const newIdentifier = () => encodeIdentifier(randomBytes(16));

/** The claims of a token issued now, at the head. */
function tokenOf(server: RevocationsServer, claims: Partial<RevocableClaims>): RevocableClaims {
  const iat = Math.floor(Date.now() / 1000);
  return {
    iss: "issuer",
    iat,
    exp: iat + 300,
    rv: server.storage.log.head(),
    jti: newIdentifier(),
    ...claims,
  };
}

const verdictOf = (replica: Replica, claims: RevocableClaims) =>
  replica.verdict(replica.coordinatesOf(claims, { kid: "k" }));

async function startReplicas(t: TestContext, server: RevocationsServer, count: number): Promise<Replica[]> {
  const replicas = oneTo(count).map((index) =>
    createReplica({
      feed: httpFeed({ endpoint: server.endpoint, authorization: async () => bearer("gateway") }),
      name: `replica-${index}`,
      leaseMs: 5000,
    }),
  );
  t.after(() => Promise.all(replicas.map((replica) => replica.close())));
  for (const replica of replicas) replica.start();
  await Promise.all(replicas.map((replica) => replica.whenReady(patienceSignal())));
  return replicas;
}

test("an enforced receipt means that every replica denies, and every scope reaches them", async (t) => {
  const server = await serveRevocations(t);
  const replicas = await startReplicas(t, server, 5);
  const session = newIdentifier();
  const token = tokenOf(server, { sid: session, sub: "alice", client_id: "web" });
  const other = tokenOf(server, { sid: newIdentifier(), sub: "alice", client_id: "web" });
  for (const replica of replicas) assert.equal(verdictOf(replica, token).outcome, "allow");

  const receipt = await server.receipt({ scope: "session", key: session, reason: "kicked" }, "wait=10");
  assert.deepEqual([receipt.state, receipt.acked, receipt.leased], ["enforced", 5, 5]);
  for (const replica of replicas) {
    assert.deepEqual(verdictOf(replica, token), { outcome: "killed", scope: "session", reason: "kicked" });
    assert.equal(verdictOf(replica, other).outcome, "allow");
  }
  for (const [body, scope] of [
    [{ scope: "token", key: other.jti! }, "token"],
    [{ scope: "subject-client", key: { subject: "alice", client: "web" } }, "subject-client"],
    [{ scope: "subject-audience", key: { subject: "alice", audience: "api" } }, "subject-audience"],
    [
      { scope: "subject-organization", key: { subject: "alice", organization: "acme" } },
      "subject-organization",
    ],
    [{ scope: "subject", key: "alice" }, "subject"],
  ] as const) {
    const alice = { sub: "alice", client_id: "web", aud: ["other", "api"], org: "acme" };
    const claims = scope === "token" ? other : tokenOf(server, alice);
    assert.equal((await server.receipt(body, "wait=10")).state, "enforced");
    for (const replica of replicas)
      assert.equal((verdictOf(replica, claims) as { scope?: string }).scope, scope);
    const relogin = tokenOf(server, alice);
    for (const replica of replicas) assert.equal(verdictOf(replica, relogin).outcome, "allow", "a new login");
  }
});

test("the wrong exp in a request does not keep a token alive", async (t) => {
  const server = await serveRevocations(t);
  const [replica] = await startReplicas(t, server, 1);
  const token = tokenOf(server, {});
  const receipt = await server.receipt({ scope: "token", key: token.jti, exp: token.exp + 9999 }, "wait=10");
  assert.equal(receipt.state, "enforced");
  assert.equal(verdictOf(replica!, token).outcome, "killed");
  assert.equal(
    server.revocations.local.verdict(server.revocations.local.coordinatesOf(token, {})).outcome,
    "killed",
  );
});

test("a replica that is gone is waited for until its lease ends, one that said goodbye is not", async (t) => {
  const server = await serveRevocations(t);
  const [stays, leaves] = await startReplicas(t, server, 2);
  await leaves!.close();
  await server.lease("gateway", { replica: "crashed", leaseMs: 2500 });
  const { state, leased, acked } = await server.receipt({ scope: "subject", key: "alice" }, "wait=20");
  assert.deepEqual({ state, leased, acked }, { state: "enforced", leased: 2, acked: 1 });
  assert.equal(stays!.state, "live");
});

test("replicas live through a restart of the server and miss nothing", async (t) => {
  const first = await serveRevocations(t);
  const replicas = await startReplicas(t, first, 3);
  const before = tokenOf(first, { sid: newIdentifier() });
  await first.receipt({ scope: "session", key: before.sid }, "wait=10");
  const port = Number(new URL(first.endpoint).port);
  await first.close();
  const second = await serveRevocations(t, { file: first.file, port });
  const after = tokenOf(second, { sid: newIdentifier() });
  const receipt = await second.receipt({ scope: "session", key: after.sid }, "wait=20");
  assert.equal(receipt.state, "enforced");
  for (const replica of replicas) {
    assert.equal(verdictOf(replica, before).outcome, "killed");
    assert.equal(verdictOf(replica, after).outcome, "killed");
  }
});

test("replicas that start while the log grows hold every revocation in the end", async (t) => {
  const server = await serveRevocations(t);
  const sessions = oneTo(3000).map(newIdentifier);
  const writing = (async () => {
    for (let at = 0; at < sessions.length; at += 20) {
      const drafts = sessions.slice(at, at + 20).map((key) => draft(key, { scope: "session" }));
      await server.storage.write((transaction) => transaction.append(drafts));
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  const replicas = await startReplicas(t, server, 4);
  await writing;
  assert.equal((await server.receipt({ scope: "subject", key: "last" }, "wait=20")).state, "enforced");
  for (const replica of replicas) {
    assert.equal(replica.applied, 3001);
    for (const sid of sessions) assert.equal(verdictOf(replica, tokenOf(server, { sid })).outcome, "killed");
  }
});

test("every one of a hundred revocations is enforced by twenty replicas", async (t) => {
  const server = await serveRevocations(t);
  await startReplicas(t, server, 20);
  const times: number[] = [];
  for (const index of oneTo(100)) {
    const receipt = await server.receipt({ scope: "session", key: `s${index}` }, "wait=10");
    assert.deepEqual([receipt.state, receipt.acked], ["enforced", 20]);
    times.push(receipt.elapsedMs);
  }
  times.sort((left, right) => left - right);
  t.diagnostic(`commit to receipt, 20 replicas in one process: p50 ${times[49]} ms, p99 ${times[98]} ms`);
});
