import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { CHAIN_START, extendChain, LIVE_DIGEST_STRETCH_SECONDS, LiveDigester } from "../src/index.ts";

const RECORD = 40;
const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
const record = fc.uint8Array({ minLength: RECORD, maxLength: RECORD });
const joined = (records: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(records));
const flipped = (bytes: Uint8Array, bit: number): Uint8Array => {
  const changed = bytes.slice();
  changed[bit >> 3]! ^= 1 << (bit & 7);
  return changed;
};

test("the chain is SHA-256 over the value before and the record", () => {
  const [one, two] = [new Uint8Array(RECORD).fill(1), new Uint8Array(RECORD).fill(2)];
  const first = sha256(Buffer.concat([CHAIN_START, one]));
  assert.deepEqual(
    Buffer.from(extendChain(CHAIN_START, joined([one, two]), sha256)),
    sha256(Buffer.concat([first, two])),
  );
});

test("a chain does not depend on how the log was cut, and does on everything in it", () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 8 }), fc.nat(), fc.nat(), (records, at, bit) => {
      const whole = extendChain(CHAIN_START, joined(records), sha256);
      const cut = at % (records.length + 1);
      const before = extendChain(CHAIN_START, joined(records.slice(0, cut)), sha256);
      assert.deepEqual(extendChain(before, joined(records.slice(cut)), sha256), whole);
      const changed = flipped(joined(records), bit % (records.length * RECORD * 8));
      assert.notDeepEqual(extendChain(CHAIN_START, changed, sha256), whole);
      const shorter = joined(records.slice(0, -1));
      assert.notDeepEqual(extendChain(CHAIN_START, shorter, sha256), whole);
    }),
  );
});

const digestOf = (records: readonly Uint8Array[], from = 0) => {
  const digester = new LiveDigester();
  for (const one of records) digester.add(one);
  return digester.digest(from);
};

test("a live digest does not depend on the order or on the batches in which records came", () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 12 }), (records) => {
      const whole = new LiveDigester();
      whole.add(joined(records));
      assert.deepEqual(digestOf(records.toReversed()), whole.digest(0));
    }),
  );
});

test("a live digest changes with every bit of a record, and with a record that is missing or comes twice", () => {
  const records = fc.sample(record, { numRuns: 3, seed: 7 });
  const good = digestOf(records, 0);
  for (let bit = 0; bit < RECORD * 8; bit++) {
    const changed = digestOf([flipped(records[0]!, bit), ...records.slice(1)], 0);
    assert.notEqual(changed.sum, good.sum, `bit ${bit}`);
  }
  assert.notDeepEqual(digestOf(records.slice(1)), good);
  assert.notDeepEqual(digestOf([...records, records[0]!]), good);
});

function expiringAt(seconds: number): Uint8Array {
  const bytes = new Uint8Array(RECORD).fill(3);
  new DataView(bytes.buffer).setUint32(16, seconds);
  return bytes;
}

test("a live digest counts what expires from the beginning of a stretch on, whatever second is asked for", () => {
  const stretch = LIVE_DIGEST_STRETCH_SECONDS;
  const records = [1, stretch - 1, stretch, 2 * stretch - 1, 2 * stretch, 9 * stretch].map(expiringAt);
  assert.deepEqual(
    [0, stretch - 1, stretch, 2 * stretch - 1, 2 * stretch, 10 * stretch].map((from) => {
      const { from: rounded, count } = digestOf(records, from);
      return [rounded / stretch, count];
    }),
    [
      [0, 6],
      [0, 6],
      [1, 4],
      [1, 4],
      [2, 2],
      [10, 0],
    ],
  );
  assert.equal(digestOf(records, 10 * stretch).sum, "0".repeat(16));
});

test("what was forgotten changes no digest of what is later", () => {
  const stretch = LIVE_DIGEST_STRETCH_SECONDS;
  const digester = new LiveDigester();
  for (const at of [1, stretch, 5 * stretch]) digester.add(expiringAt(at));
  const later = digester.digest(2 * stretch);
  digester.forgetBefore(2 * stretch + 5);
  assert.deepEqual(digester.digest(2 * stretch), later);
  assert.equal(digester.digest(0).count, 1);
});
