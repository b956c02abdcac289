import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import {
  decodeRecords,
  decodeSnapshot,
  encodeBase64url,
  formatCursor,
  systemClock,
} from "@portcullis/protocol";
import { clockAt } from "../clocks.ts";
import { draft, oneTo, withoutChain } from "../storage/temporary-storage.ts";
import { bearer, type RevocationsServer, serveRevocations } from "./revocations-server.ts";
import { openStream, readUntil } from "./stream-reader.ts";

const append = (server: RevocationsServer, count: number, name = "s") =>
  server.storage.write((transaction) =>
    transaction.append(oneTo(count).map((index) => draft(`${name}${index}`))),
  );

async function snapshotOf(server: RevocationsServer) {
  const response = await fetch(`${server.endpoint}/snapshot`, {
    headers: { authorization: bearer("gateway") },
  });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/vnd.portcullis.snapshot");
  const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();
  const { header, records } = decodeSnapshot(new Uint8Array(await response.arrayBuffer()), sha256);
  return { header, records: decodeRecords(records) };
}

test("a snapshot and the stream from its head are together the whole live log", async (t) => {
  let now = 1000;
  const server = await serveRevocations(t, { clock: clockAt(() => now) });
  await append(server, 10, "expired");
  now += 311;
  // More than one slice of the reading from SQL: what lies between two of them must be there too.
  await append(server, 12_000, "live");
  const { header, records } = await snapshotOf(server);
  const { log } = server.storage;
  assert.deepEqual(header, {
    incarnation: log.incarnation,
    head: 12_010,
    count: 12_000,
    hashKey: encodeBase64url(log.hashKey),
    chain: encodeBase64url(log.position().chain),
    tokenLifetimeSeconds: 300,
    clockSkewSeconds: 5,
  });
  await append(server, 2000, "tail");
  const reader = await openStream(server.endpoint, formatCursor(header.incarnation, header.head));
  const tail = (await readUntil(reader, 14_010)).flatMap((batch) => batch.records);
  assert.deepEqual([...records, ...tail], (await log.read(10, 20_000)).map(withoutChain));
  reader.close();
});

test("verifiers that start at once share one snapshot, and a later one sees what was added", async (t) => {
  let monotonic = 0;
  const server = await serveRevocations(t, { clock: { ...systemClock, monotonicMs: () => monotonic } });
  await append(server, 5000);
  const snapshots = await Promise.all(oneTo(20).map(() => snapshotOf(server)));
  assert.ok(snapshots.every(({ header }) => header.head === 5000));
  assert.equal(server.revocations.counters().snapshotsBuilt, 1);
  await append(server, 1);
  monotonic += 2000;
  assert.equal((await snapshotOf(server)).header.head, 5001);
});

test("an empty log has a snapshot too", async (t) => {
  const server = await serveRevocations(t);
  const { header, records } = await snapshotOf(server);
  assert.deepEqual([header.head, header.count, records], [0, 0, []]);
});
