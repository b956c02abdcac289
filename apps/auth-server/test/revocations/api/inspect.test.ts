import assert from "node:assert/strict";
import { hash } from "node:crypto";
import test from "node:test";
import {
  CHAIN_START,
  decodeBase64url,
  decodeRecords,
  encodeBase64url,
  extendChain,
  logPageSchema,
  revocationPageSchema,
  revocationStatusSchema,
  verifierListSchema,
} from "@portcullis/protocol";
import { sql } from "kysely";
import { pruneExpired } from "../../../src/revocations/retention/prune.ts";
import { clockAt } from "../../clocks.ts";
import { draft, oneTo, pruneTimeAt } from "../../storage/temporary-storage.ts";
import { bearer, type RevocationsServer, serveRevocations } from "../revocations-server.ts";

const get = (server: RevocationsServer, path: string, client = "inspector", headers = {}) =>
  fetch(server.endpoint + path, { headers: { authorization: bearer(client), ...headers } });

async function listed(server: RevocationsServer, query = "") {
  const response = await get(server, query);
  assert.equal(response.status, 200, query);
  assert.equal(response.headers.get("cache-control"), "no-store");
  return revocationPageSchema.parse(await response.json());
}
const seqsOf = async (server: RevocationsServer, query: string) =>
  (await listed(server, query)).revocations.map(({ seq }) => seq);

async function problemFields(server: RevocationsServer, query: string, client = "inspector") {
  const response = await get(server, query, client);
  assert.equal(response.status, 400, query);
  const { error, problems } = await response.json();
  assert.equal(error, "invalid_request");
  return problems.map(({ field }: { field: string }) => field).sort();
}

const PAIR = { subject: "alice", client: "app" };

async function serveSome(t: Parameters<typeof serveRevocations>[0]): Promise<RevocationsServer> {
  const server = await serveRevocations(t, {
    clock: { wallMs: () => 1_700_000_000_250, monotonicMs: () => 0 },
  });
  await server.revoke({ scope: "subject", key: "alice", reason: "banned", note: "spam" });
  await server.revoke({ scope: "session", key: "alice", mode: "stale" });
  await server.revoke({ scope: "subject-client", key: PAIR });
  await server.revoke({ scope: "issuer", reason: "possible_loss" });
  await server.revoke({ scope: "subject", key: "bob" });
  return server;
}

test("an operator sees what was revoked, by whom and why, the newest first", async (t) => {
  const server = await serveSome(t);
  const { head, revocations, next } = await listed(server);
  assert.deepEqual([head, next], [5, undefined]);
  assert.deepEqual(
    revocations.map(({ seq, key }) => [seq, key]),
    [
      [5, "bob"],
      [4, null],
      [3, PAIR],
      [2, "alice"],
      [1, "alice"],
    ],
  );
  assert.deepEqual(revocations[4], {
    seq: 1,
    scope: "subject",
    mode: "kill",
    reason: "banned",
    key: "alice",
    revokedAt: "2023-11-14T22:13:20.000Z",
    expiresAt: "2023-11-14T22:18:30.000Z",
    actor: "admin",
    note: "spam",
  });
});

test("revocations are found by every filter, and by several at once", async (t) => {
  const server = await serveSome(t);
  assert.deepEqual(await seqsOf(server, "?key=alice"), [2, 1]);
  assert.deepEqual(await seqsOf(server, "?key=alice&scope=session"), [2]);
  assert.deepEqual(await seqsOf(server, "?key=alic"), []);
  assert.deepEqual(await seqsOf(server, "?subject=alice&client=app"), [3]);
  assert.deepEqual(await seqsOf(server, "?subject=alice&client=other"), []);
  assert.deepEqual(await seqsOf(server, "?scope=issuer"), [4]);
  assert.deepEqual(await seqsOf(server, "?scope=subject"), [5, 1]);
  assert.deepEqual(await seqsOf(server, "?mode=stale"), [2]);
  assert.deepEqual(await seqsOf(server, "?reason=banned&actor=admin"), [1]);
  assert.deepEqual(await seqsOf(server, "?actor=mallory"), []);
  assert.deepEqual(await seqsOf(server, "?since=2023-11-14T22:13:20Z&limit=1"), [5]);
  assert.deepEqual(await seqsOf(server, "?since=2023-11-14T22:13:21Z"), []);
  assert.deepEqual(await seqsOf(server, "?until=2023-11-14T23:13:19%2B01:00"), []);
  assert.deepEqual(await seqsOf(server, "?until=2023-11-14T23:13:20%2B01:00&key=bob"), [5]);
});

test("pairs of the same names are found by what their halves are called", async (t) => {
  const server = await serveRevocations(t);
  await server.revoke({ scope: "subject-client", key: { subject: "alice", client: "x" } });
  await server.revoke({ scope: "subject-audience", key: { subject: "alice", audience: "x" } });
  await server.revoke({ scope: "subject-organization", key: { subject: "alice", organization: "x" } });
  assert.deepEqual(await seqsOf(server, "?subject=alice&client=x"), [1]);
  assert.deepEqual(await seqsOf(server, "?subject=alice&audience=x&scope=subject-audience"), [2]);
  assert.deepEqual(await seqsOf(server, "?subject=alice&organization=x"), [3]);
  assert.deepEqual(await seqsOf(server, "?subject=x&organization=alice"), []);
  assert.deepEqual(
    (await listed(server)).revocations.map(({ key }) => key),
    [
      { subject: "alice", organization: "x" },
      { subject: "alice", audience: "x" },
      { subject: "alice", client: "x" },
    ],
  );
});

test("a pair is asked for as a whole, and as one", async (t) => {
  const server = await serveRevocations(t);
  for (const [query, fields] of [
    ["?audience=x", ["subject"]],
    ["?subject=alice&scope=subject-audience", ["audience"]],
    ["?subject=alice&scope=subject-audience&client=x", ["scope"]],
    ["?subject=alice&client=x&audience=x", ["client"]],
    ["?scope=subject-organization&key=alice", ["key"]],
    ["?key=alice&subject=alice&audience=x", ["key"]],
  ] as const) {
    assert.deepEqual(await problemFields(server, query), fields, query);
  }
});

test("pages follow each other without a gap and without a repetition", async (t) => {
  const server = await serveRevocations(t);
  await server.storage.write((transaction) =>
    transaction.append(oneTo(12_000).map((index) => draft(index % 3000 === 0 ? "rare" : `s${index}`))),
  );
  const seqs: number[] = [];
  for (let before = ""; ; ) {
    const page = await listed(server, `?limit=500${before}`);
    seqs.push(...page.revocations.map(({ seq }) => seq));
    if (page.next === undefined) break;
    before = `&before=${page.next}`;
  }
  assert.deepEqual(seqs, oneTo(12_000).reverse());
  assert.deepEqual(await seqsOf(server, "?key=rare&limit=3"), [12_000, 9000, 6000]);
  assert.deepEqual(await seqsOf(server, "?key=rare&before=6000"), [3000]);
  assert.deepEqual(await seqsOf(server, "?actor=nobody"), []);
});

test("a search by key reads the index and not the table", async (t) => {
  const server = await serveRevocations(t);
  const plan = await sql<{ detail: string }>`
    explain query plan select seq from revocations
    where key in (x'00', x'01') and seq < 9 order by seq desc limit 51`.execute(server.storage.read);
  assert.match(plan.rows.map(({ detail }) => detail).join(), /revocations_by_key/);
});

test("all problems of a query are told at once", async (t) => {
  const server = await serveRevocations(t);
  assert.deepEqual(await problemFields(server, "?scope=planet&limit=501&since=yesterday&colour=red"), [
    "colour",
    "limit",
    "scope",
    "since",
  ]);
  assert.deepEqual(await problemFields(server, "?subject=alice&limit=x"), ["client", "limit"]);
  assert.deepEqual(await problemFields(server, "?subject=a&client=b&key=c&scope=token"), ["key", "scope"]);
  assert.deepEqual(await problemFields(server, "?scope=issuer&key=x&before=0"), ["before", "key"]);
  assert.deepEqual(await problemFields(server, "?key=a&key=b"), ["key"]);
  assert.deepEqual(await problemFields(server, "/0x1"), ["seq"]);
  assert.deepEqual(await problemFields(server, "/1?x=1"), ["x"]);
  assert.deepEqual(await problemFields(server, "/verifiers?x=1"), ["x"]);
  assert.deepEqual(await problemFields(server, "/batches?after=-1&limit=10001", "gateway"), [
    "after",
    "limit",
  ]);
});

test("who follows the feed may not see whom a revocation is about, and the other way round", async (t) => {
  const server = await serveSome(t);
  for (const path of ["", "/1", "/verifiers"]) {
    assert.equal((await get(server, path, "gateway")).status, 403, path);
    assert.equal((await get(server, path, "admin")).status, 403, path);
    assert.equal((await fetch(server.endpoint + path)).status, 401, path);
  }
  assert.equal((await get(server, "/batches")).status, 403);
  const text = await (await get(server, "/batches", "gateway")).text();
  assert.doesNotMatch(text, /alice|bob|admin|spam/);
});

test("one revocation tells how far it has got, now and after a wait", async (t) => {
  const server = await serveRevocations(t);
  await server.lease("gateway", { replica: "gateway-1", applied: 0 });
  await server.revoke({ scope: "subject", key: "alice" }, { prefer: "wait=0" });
  const pending = await get(server, "/1");
  assert.equal(pending.status, 200);
  const before = revocationStatusSchema.parse(await pending.json());
  assert.deepEqual([before.receipt.state, before.receipt.laggards], ["pending", ["gateway-1"]]);
  assert.equal(before.revocation.key, "alice");

  const waiting = get(server, "/1", "inspector", { prefer: "wait=20" });
  await server.lease("gateway", { replica: "gateway-1", applied: 1 });
  const enforced = await waiting;
  assert.equal(enforced.headers.get("preference-applied"), "wait=20");
  assert.equal(revocationStatusSchema.parse(await enforced.json()).receipt.state, "enforced");
});

test("what is not there and what is gone are told apart", async (t) => {
  let now = 1000;
  const server = await serveRevocations(t, { clock: clockAt(() => now) });
  const saidOf = async (seq: number) => {
    const response = await get(server, `/${seq}`);
    assert.equal(response.status, 404);
    const { error, error_description: text } = await response.json();
    assert.equal(error, "revocation_not_found");
    return text;
  };
  await server.revoke({ scope: "subject", key: "alice" });
  assert.match(await saidOf(2), /newest is 1/);
  now += 400;
  await pruneExpired({ storage: server.storage, time: pruneTimeAt(now) });
  assert.match(await saidOf(1), /pruned/);
});

test("an operator sees who holds a lease, how far behind it is, and whether it holds what the log holds", async (t) => {
  const server = await serveRevocations(t);
  await server.revoke({ scope: "subject", key: "alice" });
  await server.revoke({ scope: "subject", key: "bob" });
  const [first] = await server.storage.log.read(0, 1);
  const chain = encodeBase64url(first!.chain);
  await server.lease("gateway", { replica: "same", applied: 1, chain });
  await server.lease("gateway", { replica: "other", applied: 1, chain: encodeBase64url(CHAIN_START) });
  await server.lease("gateway", { replica: "empty", applied: 0, chain: encodeBase64url(CHAIN_START) });
  await server.lease("gateway", { replica: "silent", applied: 0 });
  const list = verifierListSchema.parse(await (await get(server, "/verifiers")).json());
  assert.deepEqual([list.incarnation, list.head], [server.storage.log.incarnation, 2]);
  const said = list.verifiers.map(({ name, clientId, behind, agrees }) => [name, clientId, behind, agrees]);
  assert.deepEqual(said.sort(), [
    ["empty", "gateway", 2, true],
    ["other", "gateway", 1, false],
    ["same", "gateway", 1, true],
    ["silent", "gateway", 2, undefined],
  ]);
});

const sha256 = (bytes: Uint8Array): Uint8Array => hash("sha256", bytes, "buffer");

async function page(server: RevocationsServer, query: string) {
  const response = await get(server, `/batches${query}`, "gateway");
  assert.equal(response.status, 200);
  return logPageSchema.parse(await response.json());
}

test("the log can be read out of SQL and its chain made again", async (t) => {
  const server = await serveRevocations(t);
  await server.storage.write((transaction) => transaction.append(oneTo(25).map((at) => draft(`s${at}`))));
  let chain: Uint8Array = CHAIN_START;
  for (let after = 0; after < 25; ) {
    const { to, head, records, ...said } = await page(server, `?after=${after}&limit=10`);
    assert.equal(head, 25);
    assert.equal(said.chainBefore, encodeBase64url(chain));
    const bytes = decodeBase64url(records)!;
    assert.deepEqual(
      decodeRecords(bytes).map(({ seq }) => seq),
      oneTo(to - after).map((at) => after + at),
    );
    chain = extendChain(chain, bytes, sha256);
    assert.equal(said.chain, encodeBase64url(chain));
    after = to;
  }
  const last = await page(server, "?after=25");
  assert.deepEqual([last.to, last.records, last.chain], [25, "", encodeBase64url(chain)]);
  assert.equal((await get(server, "/batches?after=26", "gateway")).status, 409);
});

test("where the old end is pruned a page begins with what is kept, and with the chain up to there", async (t) => {
  let now = 1000;
  const server = await serveRevocations(t, { clock: clockAt(() => now) });
  await server.storage.write((transaction) => transaction.append(oneTo(3).map((at) => draft(`old${at}`))));
  const { chain } = await page(server, "?after=3");
  now += 400;
  await server.storage.write((transaction) => transaction.append(oneTo(2).map((at) => draft(`new${at}`))));
  await pruneExpired({ storage: server.storage, time: pruneTimeAt(now) });
  const kept = await page(server, "");
  assert.deepEqual([kept.after, kept.to, kept.oldestKept, kept.chainBefore], [3, 5, 4, chain]);
});
