import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import {
  decodeRecords,
  decodeSnapshot,
  encodeRecords,
  encodeSnapshot,
  hasCode,
  MODES,
  REASONS,
  type RevocationRecord,
  SCOPES,
} from "../src/index.ts";

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
const seconds = fc.nat({ max: 0xffffffff });

const record: fc.Arbitrary<RevocationRecord> = fc
  .record({
    seq: fc.maxSafeNat(),
    scope: fc.constantFrom(...SCOPES),
    mode: fc.constantFrom(...MODES),
    reason: fc.constantFrom(...REASONS),
    key: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    revokedAt: seconds,
    expiresAt: seconds,
    tokenExpiresAt: seconds,
  })
  .map(({ tokenExpiresAt, ...rest }) => (tokenExpiresAt === 0 ? rest : { ...rest, tokenExpiresAt }));

const header = {
  incarnation: "first",
  head: 7,
  hashKey: "A".repeat(43),
  chain: "B".repeat(43),
  tokenLifetimeSeconds: 600,
  clockSkewSeconds: 30,
};

test("records survive the wire", () => {
  fc.assert(
    fc.property(fc.array(record), (records) =>
      assert.deepEqual(decodeRecords(encodeRecords(records)), records),
    ),
  );
});

test("a batch cut short is refused whole", () => {
  const bytes = encodeRecords(fc.sample(record, 3));
  assert.throws(
    () => decodeRecords(bytes.subarray(0, 119)),
    (error) => hasCode(error, "malformed_records"),
  );
});

test("a record of an unknown scope is refused, since passing over it would be an allow", () => {
  const bytes = encodeRecords(fc.sample(record, 2));
  bytes[40 + 8] = 99;
  assert.throws(
    () => decodeRecords(bytes),
    (error) => hasCode(error, "malformed_records"),
  );
});

test("a reason that only a newer server knows still denies, as revoked", () => {
  const bytes = encodeRecords(fc.sample(record, 1));
  bytes[10] = 250;
  assert.equal(decodeRecords(bytes)[0]!.reason, "revoked");
});

test("a snapshot survives the wire", () => {
  const records = encodeRecords(fc.sample(record, 5));
  const snapshot = decodeSnapshot(encodeSnapshot({ ...header, count: 5 }, records, sha256), sha256);
  assert.deepEqual(snapshot.header, { ...header, count: 5 });
  assert.deepEqual(Uint8Array.from(snapshot.records), records);
});

test("a snapshot with any byte changed, or cut anywhere, is refused", () => {
  const good = encodeSnapshot({ ...header, count: 2 }, encodeRecords(fc.sample(record, 2)), sha256);
  const refused = (bytes: Uint8Array): void =>
    assert.throws(
      () => decodeSnapshot(bytes, sha256),
      (error) => hasCode(error, "malformed_snapshot"),
    );
  for (let at = 0; at < good.length; at++) {
    const changed = Uint8Array.from(good);
    changed[at]! ^= 1;
    refused(changed);
    refused(good.subarray(0, at));
  }
});

test("a snapshot whose count disagrees with its records is refused although the digest is right", () => {
  const bytes = encodeSnapshot({ ...header, count: 3 }, encodeRecords(fc.sample(record, 2)), sha256);
  assert.throws(
    () => decodeSnapshot(bytes, sha256),
    (error) => hasCode(error, "malformed_snapshot"),
  );
});
