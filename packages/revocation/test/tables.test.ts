import assert from "node:assert/strict";
import { test } from "node:test";
import { SCOPE_CODES } from "@portcullis/protocol";
import fc from "fast-check";
import { CutoffMatch, CutoffTable } from "../src/tables/cutoff-table.ts";
import { MembershipTable } from "../src/tables/membership-table.ts";
import { type Seeds, seedsFrom } from "../src/tables/segmented-table.ts";

type Words = readonly [number, number, number, number];

const SEEDS = seedsFrom(Uint32Array.from([0x9e37_79b1, 0x85eb_ca6b, 0xc2b2_ae35, 0x27d4_eb2f]));
/** With these the order is the sum of the words, so that a test can choose keys that fall together. */
const PLAIN_SEEDS: Seeds = [1, 1, 1, 1];

function add(table: MembershipTable, [word0, word1, word2, word3]: Words, options = {}): void {
  table.add({ scope: SCOPE_CODES.session, reason: 2, word0, word1, word2, word3, ...options });
}

const reasonOf = (table: MembershipTable, words: Words, scope: number = SCOPE_CODES.session): number =>
  table.reasonAt([scope, ...words], 0);

/** Distinct for distinct numbers, and spread: the finalizer of MurmurHash3 is one to one. */
function spread(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}

const keyNumber = (value: number): Words => [
  spread(value),
  spread(value + 0x1000_0000),
  spread(value + 0x2000_0000),
  spread(value + 0x3000_0000),
];

test("a growing table finds all that was put in, and nothing else, at every size", () => {
  const table = new MembershipTable(SEEDS);
  let next = 0;
  for (const size of [1, 2, 10, 59, 60, 61, 500, 5000, 20_000, 80_000]) {
    while (next < size) add(table, keyNumber(next++));
    assert.equal(table.count, size);
    for (let value = 0; value < size; value++) assert.equal(reasonOf(table, keyNumber(value)), 2);
    for (let value = size; value < size * 2; value++) assert.equal(reasonOf(table, keyNumber(value)), 0);
  }
  assert.ok(table.depth > 1, "segments have parted");
});

test("an entry takes at most 16 bytes in a large table, whatever its size", () => {
  const table = new MembershipTable(SEEDS);
  for (let value = 0; value < 600_000; value++) {
    add(table, keyNumber(value));
    const everyEighth = value % 40_000 === 39_999 && value > 300_000;
    if (everyEighth)
      assert.ok(table.bytes / table.count <= 16, `${table.bytes / table.count} at ${table.count}`);
  }
});

test("a repeated key takes no room, and keeps the smallest reason", () => {
  const table = new MembershipTable(SEEDS);
  for (const reason of [7, 3, 14, 3]) add(table, keyNumber(1), { reason });
  assert.equal(table.count, 1);
  assert.equal(reasonOf(table, keyNumber(1)), 3);
});

test("the key of one scope is not found in another", () => {
  const table = new MembershipTable(SEEDS);
  const scopes = [
    SCOPE_CODES.token,
    SCOPE_CODES.session,
    SCOPE_CODES.grant,
    SCOPE_CODES.key,
    SCOPE_CODES["dpop-key"],
  ];
  for (const [index, scope] of scopes.entries()) {
    assert.equal(reasonOf(table, [0, 0, 0, 0], scope), 0);
    add(table, [0, 0, 0, 0], { scope, reason: index + 1 });
  }
  for (const [index, scope] of scopes.entries())
    assert.equal(reasonOf(table, [0, 0, 0, 0], scope), index + 1);
});

test("keys that differ in one of the compared bits are different keys", () => {
  for (const [word, bits] of [
    [0, 32],
    [1, 32],
    [2, 32],
    [3, 32],
  ] as const) {
    for (let bit = 0; bit < bits; bit++) {
      const table = new MembershipTable(SEEDS);
      const key = keyNumber(7);
      const other = key.map((value, index) =>
        index === word ? value ^ (1 << bit) : value,
      ) as unknown as Words;
      add(table, key);
      assert.equal(reasonOf(table, other), 0, `word ${word}, bit ${bit}`);
    }
  }
});

test("keys that were chosen to fall on one home are all found, and part from those that were not put in", () => {
  const table = new MembershipTable(PLAIN_SEEDS);
  const together = (value: number, order: number): Words => [
    order - value - spread(value),
    spread(value),
    value,
    0,
  ];
  for (const order of [0, -1, 0x7fff_ffff, -0x8000_0000]) {
    for (let value = 0; value < 6000; value++) add(table, together(value, order));
  }
  assert.equal(table.count, 24_000);
  for (let value = 0; value < 6000; value += 7) {
    assert.equal(reasonOf(table, together(value, -1)), 2);
    assert.equal(reasonOf(table, together(value + 6000, -1)), 0);
  }
});

test("more keys of one order than a segment holds are still found", () => {
  const table = new MembershipTable(PLAIN_SEEDS);
  const key = (value: number): Words => [5 - spread(value) - value * 3, spread(value), value * 2, value];
  for (let value = 0; value < 18_000; value++) add(table, key(value));
  for (let value = 0; value < 18_000; value += 501) assert.equal(reasonOf(table, key(value)), 2);
  assert.equal(reasonOf(table, key(18_000)), 0);
});

test("sets of any keys agree with a Set", () => {
  const word = fc.oneof(fc.constantFrom(0, 1, -1, 0x7fff_ffff, -0x8000_0000, 256), fc.integer());
  // Words 1 and 3 are alike and word 2 has no bits below the eighth, so that the bits that are not compared say
  // nothing that the others do not: with seeds that are known, keys could be chosen to differ in those alone.
  const key = fc
    .tuple(word, word, word)
    .map(([word0, word1, word2]) => [word0, word1, word2 & ~0xff, word1] as const);
  const keys = fc.array(key, { maxLength: 200 });
  fc.assert(
    fc.property(keys, keys, fc.constantFrom(SEEDS, PLAIN_SEEDS), (present, asked, seeds) => {
      const table = new MembershipTable(seeds);
      for (const key of present) add(table, key);
      const names = new Set(present.map(String));
      for (const key of [...asked, ...present]) {
        assert.equal(reasonOf(table, key) !== 0, names.has(String(key)));
      }
    }),
    { numRuns: 300 },
  );
});

test("cutoffs are registers: the greatest seq with its reason, and the latest time", () => {
  const entry = fc.record({
    key: fc.integer({ min: 0, max: 40 }),
    scope: fc.constantFrom(SCOPE_CODES.subject, SCOPE_CODES.session, SCOPE_CODES.issuer),
    stale: fc.constantFrom(0, 1),
    seq: fc.oneof(
      fc.integer({ min: 1, max: 9 }),
      fc.maxSafeInteger().map((seq) => Math.max(1, Math.abs(seq))),
    ),
    reason: fc.integer({ min: 1, max: 14 }),
    revokedAt: fc.integer({ min: 0, max: 0xffff_ffff }),
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 300 }), (entries) => {
      const table = new CutoffTable(SEEDS);
      for (const { key, ...rest } of entries) {
        const [word0, word1, word2, word3] = keyNumber(key);
        table.add({ ...rest, word0, word1, word2, word3 });
      }
      for (const { key, scope, stale } of entries) {
        const same = entries.filter((one) => one.key === key && one.scope === scope && one.stale === stale);
        const seq = Math.max(...same.map((one) => one.seq));
        const match = new CutoffMatch();
        table.find(stale, [scope, ...keyNumber(key)], 0, match);
        assert.deepEqual(
          { ...match },
          {
            seq,
            reason: Math.min(...same.filter((one) => one.seq === seq).map((one) => one.reason)),
            revokedAt: Math.max(...same.map((one) => one.revokedAt)),
          },
        );
      }
    }),
    { numRuns: 300 },
  );
});

test("a large table of cutoffs compares all 128 bits", () => {
  const table = new CutoffTable(SEEDS);
  const rest = { scope: SCOPE_CODES.subject, stale: 0, reason: 5, seq: 9, revokedAt: 1 };
  for (let value = 0; value < 50_000; value++) {
    const [word0, word1, word2, word3] = keyNumber(value);
    table.add({ ...rest, word0, word1, word2, word3 });
  }
  const find = (words: Words): number => {
    const match = new CutoffMatch();
    table.find(0, [SCOPE_CODES.subject, ...words], 0, match);
    return match.seq;
  };
  for (let value = 0; value < 50_000; value++) assert.equal(find(keyNumber(value)), 9);
  for (let bit = 0; bit < 128; bit++) {
    const other = keyNumber(3).map((word, index) => (index === bit >> 5 ? word ^ (1 << (bit & 31)) : word));
    assert.equal(find(other as unknown as Words), 0, `bit ${bit}`);
  }
});
