import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { ConnectedGuard } from "@portcullis/guard";
import { type Batch, decodeSnapshot, encodeBase64url, leaseResponseSchema } from "@portcullis/protocol";
import { leaseSecretOf, TIME_LIMIT } from "@portcullis/testing";
import { until } from "@portcullis/testing/end-to-end";
import { startWorld } from "./support/world.ts";

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

test("what is revoked above is enforced below before the receipt says so", TIME_LIMIT, async (t) => {
  const world = await startWorld(t);
  const relay = await world.relay();
  const verifiers = await Promise.all(["a", "b", "c"].map((name) => world.verifier(name, relay.endpoint)));
  const token = `Bearer ${await world.token()}`;
  for (const verifier of verifiers) assert.equal((await verifier.authenticate(token)).outcome, "allow");
  const receipt = await world.revokeService(10);
  // Before anything else gets its turn: the receipt is a promise about this moment.
  await assertKilled(verifiers, token);
  assert.equal(receipt.state, "enforced");
  assert.equal(receipt.leased, 1, "above, the relay is one verifier");
  // Of several: one that a busy machine held up says nothing.
  let leastMs = receipt.elapsedMs;
  for (let round = 0; round < 5 && leastMs >= 1500; round++)
    leastMs = Math.min(leastMs, (await world.revokeService(10)).elapsedMs);
  assert.ok(leastMs < 1500, `an acknowledgement from below went up at once: ${leastMs} ms`);
});

test("a relay below a relay: the receipt waits for those at the bottom", TIME_LIMIT, async (t) => {
  const world = await startWorld(t);
  const upper = await world.relay({ name: "upper" });
  const lower = await world.relay({ name: "lower", upstream: upper.endpoint });
  const verifiers = [
    await world.verifier("below-upper", upper.endpoint),
    await world.verifier("below-lower", lower.endpoint),
  ];
  const token = `Bearer ${await world.token()}`;
  for (const verifier of verifiers) assert.equal((await verifier.authenticate(token)).outcome, "allow");
  const agesAddUp = () => {
    const [upperAge, lowerAge] = [upper.status().ageMs!, verifiers[1]!.replica.freshness().ageMs];
    return lowerAge > 0 && upperAge >= 0 && lowerAge < 3000;
  };
  await until(agesAddUp, { what: "ages that add up, and stay far from the lease" });
  const receipt = await world.revokeService(10);
  await assertKilled(verifiers, token);
  assert.deepEqual([receipt.state, receipt.leased], ["enforced", 1]);
  assert.equal(lower.status().applied, world.head());
});

test("the records of a burst arrive below as they were committed", TIME_LIMIT, async (t) => {
  const world = await startWorld(t);
  // So long that a machine that stands still for seconds ends none of them.
  const relay = await world.relay({ leaseMs: 20_000 });
  const verifier = await world.verifier("a", relay.endpoint, { leaseMs: 20_000 });
  const receipts = await Promise.all(Array.from({ length: 30 }, () => world.revokeService(10)));
  assert.ok(receipts.every(({ state }) => state === "enforced"));
  assert.equal(verifier.replica.applied, world.head());
  // One that comes later takes a snapshot of the copy, which holds all of them.
  const late = await world.verifier("late", relay.endpoint);
  assert.equal(late.replica.applied, world.head());
});

test("the issuer's signature is passed on with every snapshot and batch", TIME_LIMIT, async (t) => {
  const world = await startWorld(t);
  const relay = await world.relay();
  await world.revokeService(10);
  const { seq } = await world.revokeService(10);
  const headers = { authorization: `Bearer ${await world.feedToken()}` };
  const snapshot = await (await fetch(`${relay.endpoint}/snapshot`, { headers })).arrayBuffer();
  const { header, digest, signedHead } = decodeSnapshot(new Uint8Array(snapshot), sha256);
  const signed = claimsOf(signedHead);
  assert.deepEqual(
    [signed.iss, signed.incarnation, signed.seq, signed.chain, signed.snapshot],
    [world.issuer, header.incarnation, header.head, header.chain, encodeBase64url(digest)],
  );
  const cursor = { ...headers, "last-event-id": `${header.incarnation}:${seq - 1}` };
  const stream = await fetch(`${relay.endpoint}/stream`, { headers: cursor });
  const batch = await firstBatch(stream);
  assert.equal(claimsOf(batch.signedHead).seq, batch.to);
});

test("a relay that is cut off gives nothing more, and those below stop in time", TIME_LIMIT, async (t) => {
  const world = await startWorld(t);
  let isCut = false;
  const cuttable: typeof fetch = (...request) =>
    isCut ? Promise.reject(new TypeError("cut off")) : fetch(...request);
  const relay = await world.relay({ fetch: cuttable, leaseMs: 2000 });
  const verifier = await world.verifier("a", relay.endpoint);
  const token = `Bearer ${await world.token()}`;
  assert.equal((await verifier.authenticate(token)).outcome, "allow");
  isCut = true;
  const receipt = await world.revokeService(10);
  const decision = await verifier.authenticate(token);
  assert.ok(decision.outcome === "deny", "the server no longer waits for the relay, and nobody below allows");
  assert.equal(receipt.state, "enforced");
  assert.equal((await fetch(`${relay.url}/health/ready`)).status, 503);
  assert.equal((await fetch(`${relay.url}/health/live`)).status, 200);
  assert.equal(
    (await askForLease(relay.endpoint, await world.feedToken())).status,
    503,
    "an outage, never a 401",
  );
  isCut = false;
});

test(
  "the age of the relay is in its answers, and the lease counts from so much earlier",
  TIME_LIMIT,
  async (t) => {
    const world = await startWorld(t);
    const relay = await world.relay();
    const answer = await askForLease(relay.endpoint, await world.feedToken());
    const { ageMs, leaseMs, head } = leaseResponseSchema.parse(await answer.json());
    assert.ok(ageMs! > 0 && ageMs! < 4000, `${ageMs}`);
    assert.ok(leaseMs < 4000, "never as long as the relay's own");
    assert.equal(head, world.head());
  },
);

test("stopped, it waits for those below and only then lets go above", TIME_LIMIT, async (t) => {
  const world = await startWorld(t);
  const relay = await world.relay();
  const verifier = await world.verifier("a", relay.endpoint, { leaseMs: 1000 });
  const token = `Bearer ${await world.token()}`;
  const stopped = relay.stop();
  assert.equal((await verifier.authenticate(token)).outcome, "allow", "it may go on until its lease ends");
  assert.equal((await askForLease(relay.endpoint, await world.feedToken())).status, 503);
  const receipt = await world.revokeService(10);
  assert.deepEqual([receipt.state, receipt.acked], ["enforced", 1], "what it acknowledges now still counts");
  await assertKilled([verifier], token);
  await stopped;
  assert.equal((await world.revokeService(10)).leased, 0, "the relay's own lease was given back");
});

test("more leases than a client may have are refused", TIME_LIMIT, async (t) => {
  const world = await startWorld(t);
  const relay = await world.relay({ limits: { leasesPerClient: 2, streamsPerClient: 10 } });
  const token = await world.feedToken();
  const statuses: number[] = [];
  for (const name of ["a", "b", "a", "c"]) {
    statuses.push((await askForLease(relay.endpoint, token, { replica: name })).status);
  }
  assert.deepEqual(statuses, [200, 200, 200, 429]);
  assert.equal((await askForLease(relay.endpoint, token, { replica: "a", leaseMs: 0 })).status, 200);
  assert.equal((await askForLease(relay.endpoint, token, { replica: "c" })).status, 200);
});

test(
  "who has seen more than the relay is not sent back at once, and in the end is told",
  TIME_LIMIT,
  async (t) => {
    const world = await startWorld(t);
    const relay = await world.relay();
    const token = await world.feedToken();
    const ahead = () => askForLease(relay.endpoint, token, { applied: 7 });
    assert.equal((await ahead()).status, 503, "the relay asks above first");
    for (let asked = performance.now(); relay.status().ageMs! > performance.now() - asked; ) {
      await new Promise((next) => setTimeout(next, 5));
    }
    assert.equal((await ahead()).status, 409, "nobody above knows of it: the log was rolled back");
  },
);

test("without a token, or with one for something else, nothing is served", TIME_LIMIT, async (t) => {
  const world = await startWorld(t);
  const relay = await world.relay();
  assert.equal((await fetch(`${relay.endpoint}/snapshot`)).status, 401);
  assert.equal((await askForLease(relay.endpoint, await world.token())).status, 401);
});

function claimsOf(jws: string | undefined): Record<string, unknown> {
  return JSON.parse(Buffer.from(jws!.split(".")[1]!, "base64url").toString());
}

async function firstBatch(stream: Response): Promise<Batch> {
  let text = "";
  for await (const chunk of stream.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const [, data] = /^data: (.*)$/m.exec(text) ?? [];
    if (data !== undefined && text.endsWith("\n\n")) return JSON.parse(data) as Batch;
  }
  throw new Error(`no batch: ${text}`);
}

async function assertKilled(verifiers: readonly ConnectedGuard[], token: string): Promise<void> {
  for (const decision of await Promise.all(verifiers.map((verifier) => verifier.authenticate(token)))) {
    assert.equal(decision.outcome === "deny" ? decision.code : "allow", "killed");
  }
}

async function askForLease(endpoint: string, token: string, change: object = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const snapshot = await fetch(`${endpoint}/snapshot`, { headers });
  const incarnation = /"incarnation":"([^"]+)"/.exec(await snapshot.text())?.[1] ?? "unknown";
  const body = {
    replica: "by-hand",
    secret: leaseSecretOf("by-hand"),
    incarnation,
    applied: 0,
    leaseMs: 500,
    ...change,
  };
  return fetch(`${endpoint}/lease`, { method: "POST", headers, body: JSON.stringify(body) });
}
