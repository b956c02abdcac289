import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test } from "node:test";
import type { ChainedRecord } from "@portcullis/feed-server";
import {
  CHAIN_START,
  encodeBase64url,
  encodeRecords,
  extendChain,
  RECORD_BYTES,
  type RevocationRecord,
} from "@portcullis/protocol";
import { RelayLog } from "../src/log/relay-log.ts";

const START = 1_900_000_000;
const LIFETIME_SECONDS = 600;

const record = (seq: number, revokedAt = START): RevocationRecord => ({
  seq,
  scope: "session",
  mode: "kill",
  reason: "logged_out",
  key: new Uint8Array(16).fill(seq),
  revokedAt,
  expiresAt: revokedAt + LIFETIME_SECONDS,
});
const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => record(from + at));
const sha256 = (bytes: Uint8Array) => hash("sha256", bytes, "buffer");
/** As the issuer has it: over all records from the first. */
const chainAt = (seq: number) =>
  encodeBase64url(extendChain(CHAIN_START, encodeRecords(range(1, seq)), sha256));

const header = (head: number) => ({
  incarnation: "one",
  head,
  count: 3,
  hashKey: "k".repeat(43),
  chain: chainAt(head),
  tokenLifetimeSeconds: LIFETIME_SECONDS,
  clockSkewSeconds: 5,
});

/** A copy from a snapshot at 10, and two batches after it. */
function copy() {
  const log = new RelayLog(header(10), "signed 10");
  const append = (from: number, to: number) =>
    log.append({
      incarnation: "one",
      prev: from - 1,
      from,
      to,
      records: encodeRecords(range(from, to)),
      chain: chainAt(to),
      signedHead: `signed ${to}`,
    });
  append(11, 13);
  append(14, 20);
  return { log, append };
}

const seqsOf = (records: readonly ChainedRecord[]) => records.map(({ seq }) => seq);

test("streaming begins after the snapshot", async () => {
  const { log } = copy();
  assert.deepEqual([log.head(), log.oldestKept()], [20, 11]);
  assert.deepEqual(await log.read(4, 100), [], "what came between the snapshot's records is not known here");
});

test("what is read ends where the issuer has signed, from any cursor, with the chain of every record", async () => {
  const { log } = copy();
  assert.deepEqual(seqsOf(await log.read(10, 5)), [11, 12, 13]);
  const rest = await log.read(11, 100);
  assert.deepEqual(seqsOf(rest), [12, 13, 14, 15, 16, 17, 18, 19, 20]);
  for (const { seq, chain } of rest) assert.equal(encodeBase64url(chain), chainAt(seq));
  assert.deepEqual(seqsOf(await log.read(14, 2)), [15, 16, 17, 18, 19, 20], "a batch that came is not cut");
  assert.deepEqual(
    [13, 15, 20].map((seq) => log.signedHeadAt(seq)),
    ["signed 13", undefined, "signed 20"],
  );
  assert.deepEqual([log.batchEnd(10, 12), log.batchEnd(10, 19), log.batchEnd(10, 20)], [13, 13, 20]);
});

test("those who follow get each batch with its chain", () => {
  const { log, append } = copy();
  const heard: ChainedRecord[] = [];
  log.subscribe((records) => heard.push(...records));
  append(21, 22);
  assert.deepEqual(seqsOf(heard), [21, 22]);
  assert.equal(encodeBase64url(heard[1]!.chain), chainAt(22));
  assert.equal(encodeBase64url(log.position().chain), chainAt(22));
});

test("records up to a place leave a segment at a time, and streaming then begins later", async () => {
  const log = new RelayLog(header(0), undefined);
  const append = (from: number, to: number) => {
    const records = encodeRecords(range(from, to));
    log.append({ incarnation: "one", prev: from - 1, from, to, records, chain: "A".repeat(43) });
  };
  append(1, 3000);
  append(3001, 5000);
  append(5001, 9000);
  log.forgetUpTo(4095);
  assert.deepEqual([log.count, log.oldestKept()], [9000, 1], "some of the first segment is still asked for");
  log.forgetUpTo(6000);
  assert.equal(log.count, 9000 - 4096, "the first segment");
  assert.equal(log.oldestKept(), 5001, "the first place behind it where a batch ended");
  assert.deepEqual(seqsOf(await log.read(5000, 4000)).at(-1), 9000);
  log.forgetUpTo(9000);
  assert.deepEqual([log.count, log.oldestKept(), log.head()], [0, 9001, 9000]);
  append(9001, 9001);
  assert.deepEqual(seqsOf(await log.read(9000, 10)), [9001]);
});

test("a record more than a segment holds begins the next, and nothing is lost between them", async () => {
  const { log } = copy();
  const records = Array.from({ length: 9000 }, (_, at) => ({ ...record(1), seq: 21 + at }));
  log.append({
    incarnation: "one",
    prev: 20,
    from: 21,
    to: 9020,
    records: encodeRecords(records),
    chain: "A".repeat(43),
  });
  assert.equal((await log.read(20, 1000)).length, 9000);
  assert.equal(log.count * RECORD_BYTES, (10 + 9000) * RECORD_BYTES);
});
