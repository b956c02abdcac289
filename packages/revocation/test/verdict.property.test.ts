import assert from "node:assert/strict";
import { test } from "node:test";
import {
  encodeRecords,
  type PairKey,
  type RevocableClaims,
  type RevocationRecord,
} from "@portcullis/protocol";
import { createKeySpace, RevocationIndex, type Verdict } from "@portcullis/revocation";
import { FrozenClock } from "@portcullis/testing";
import fc from "fast-check";
import { LIFETIME_SECONDS, SKEW_SECONDS, START_SECONDS } from "./memory-log.ts";
import { oracleVerdict, recordsFor, type Token, tokens } from "./oracle.ts";

const keySpace = createKeySpace(new Uint8Array(32).fill(1));
const records = recordsFor(keySpace);

function indexOf(applied: readonly RevocationRecord[]): RevocationIndex {
  const index = new RevocationIndex({
    tokenLifetimeSeconds: LIFETIME_SECONDS,
    clockSkewSeconds: SKEW_SECONDS,
    clock: new FrozenClock(START_SECONDS),
  });
  for (const record of applied) index.apply(record);
  return index;
}

const verdictOf = (index: RevocationIndex, { claims, header }: Token): Verdict =>
  index.verdict(keySpace.coordinatesOf(claims, header));

test("a verdict is what looking at every record gives", () => {
  fc.assert(
    fc.property(records, tokens, (applied, token) => {
      assert.deepEqual(verdictOf(indexOf(applied), token), oracleVerdict(applied, token, keySpace));
    }),
    { numRuns: 1500 },
  );
});

test("order, repetition and grouping of records change no verdict", () => {
  const shuffled = records.chain((applied) =>
    fc.tuple(
      fc.constant(applied),
      fc.shuffledSubarray([...applied, ...applied, ...applied], { minLength: applied.length * 3 }),
      fc.integer({ min: 1, max: 7 }),
    ),
  );
  fc.assert(
    fc.property(shuffled, tokens, ([applied, delivered, batchSize], token) => {
      const index = indexOf([]);
      for (let at = 0; at < delivered.length; at += batchSize) {
        index.applyEncoded(encodeRecords(delivered.slice(at, at + batchSize)));
      }
      assert.deepEqual(verdictOf(index, token), verdictOf(indexOf(applied), token));
    }),
    { numRuns: 700 },
  );
});

test("one more record never turns a denial into an allow, nor a kill into a staleness", () => {
  const severity = { allow: 0, stale: 1, killed: 2 };
  fc.assert(
    fc.property(records, tokens, (applied, token) => {
      const index = indexOf([]);
      let before = 0;
      for (const record of applied) {
        index.apply(record);
        const after = severity[verdictOf(index, token).outcome];
        assert.ok(after >= before);
        before = after;
      }
    }),
    { numRuns: 700 },
  );
});

test("a denial names the most specific scope, and a kill before a staleness", () => {
  const claims = {
    iss: "issuer",
    iat: START_SECONDS,
    exp: START_SECONDS + 300,
    rv: 0,
    sub: "ann",
    client_id: "app",
  };
  const record = (draft: Pick<RevocationRecord, "seq" | "scope" | "mode" | "reason" | "key">) => ({
    ...draft,
    revokedAt: START_SECONDS,
    expiresAt: START_SECONDS + 630,
  });
  const stale = record({
    seq: 1,
    scope: "subject-client",
    mode: "stale",
    reason: "claims_changed",
    key: keySpace.keyOf("subject-client", { subject: "ann", client: "app" }),
  });
  const client = record({
    seq: 2,
    scope: "client",
    mode: "kill",
    reason: "client_disabled",
    key: keySpace.keyOf("client", "app"),
  });
  const subject = record({
    seq: 3,
    scope: "subject",
    mode: "kill",
    reason: "banned",
    key: keySpace.keyOf("subject", "ann"),
  });
  const token = { claims, header: {} };
  assert.deepEqual(verdictOf(indexOf([stale]), token), {
    outcome: "stale",
    scope: "subject-client",
    reason: "claims_changed",
  });
  assert.deepEqual(verdictOf(indexOf([stale, client]), token), {
    outcome: "killed",
    scope: "client",
    reason: "client_disabled",
  });
  assert.deepEqual(verdictOf(indexOf([stale, client, subject]), token), {
    outcome: "killed",
    scope: "subject",
    reason: "banned",
  });
});

const PAIRS = [
  { scope: "subject-client", of: (name: string) => ({ client: name }), claim: "client_id" },
  { scope: "subject-audience", of: (name: string) => ({ audience: name }), claim: "aud" },
  { scope: "subject-organization", of: (name: string) => ({ organization: name }), claim: "org" },
] as const;

for (const { scope, of, claim } of PAIRS) {
  test(`a ${scope} denies where both halves are the token's, until the next token, and says ${scope}`, () => {
    for (const mode of ["kill", "stale"] as const) {
      const cut = (subject: string, other: string): RevocationRecord => ({
        seq: 7,
        scope,
        mode,
        reason: "banned",
        key: keySpace.keyOf(scope, { subject, ...of(other) } as PairKey),
        revokedAt: START_SECONDS,
        expiresAt: START_SECONDS + 630,
      });
      const times = { iss: "issuer", iat: START_SECONDS, exp: START_SECONDS + 300 };
      const outcome = (record: RevocationRecord, sub: string | undefined, other: unknown, rv = 6) => {
        const claims = { ...times, rv, ...(sub && { sub }), ...(other !== undefined && { [claim]: other }) };
        return verdictOf(indexOf([record]), { claims: claims as RevocableClaims, header: {} });
      };
      const outcomeOfMode = { kill: "killed", stale: "stale" }[mode];
      assert.deepEqual(outcome(cut("a", "bc"), "a", "bc"), {
        outcome: outcomeOfMode,
        scope,
        reason: "banned",
      });
      for (const [sub, other, rv] of [
        ["a", "bc", 7],
        ["a", "b", 6],
        ["b", "bc", 6],
        ["ab", "c", 6],
        ["bc", "a", 6],
        [undefined, "bc", 6],
        ["a", undefined, 6],
      ] as const) {
        assert.deepEqual(
          outcome(cut("a", "bc"), sub, other, rv),
          { outcome: "allow" },
          `${sub} ${other} ${rv}`,
        );
      }
    }
  });
}

test("a token for several APIs dies as a whole when its subject is cut off from one of them", () => {
  const record: RevocationRecord = {
    seq: 7,
    scope: "subject-audience",
    mode: "kill",
    reason: "banned",
    key: keySpace.keyOf("subject-audience", { subject: "ann", audience: "payments" }),
    revokedAt: START_SECONDS,
    expiresAt: START_SECONDS + 630,
  };
  const outcome = (aud: string[]) =>
    verdictOf(indexOf([record]), {
      claims: { iss: "issuer", iat: START_SECONDS, exp: START_SECONDS + 300, rv: 6, sub: "ann", aud },
      header: {},
    }).outcome;
  assert.equal(outcome(["orders", "payments"]), "killed");
  assert.equal(outcome(["payments"]), "killed");
  assert.equal(outcome(["orders", "stock"]), "allow");
});

test("a log whose clock went back does not free a token that has no horizon", () => {
  const key = keySpace.keyOf("subject", "ann");
  const cutoff = (seq: number, revokedAt: number): RevocationRecord => ({
    seq,
    scope: "subject",
    mode: "kill",
    reason: "banned",
    key,
    revokedAt,
    expiresAt: revokedAt + 630,
  });
  const index = indexOf([cutoff(1, START_SECONDS + 100), cutoff(2, START_SECONDS - 100)]);
  const claims = {
    iss: "other",
    iat: START_SECONDS + 100 + SKEW_SECONDS,
    exp: START_SECONDS + 500,
    sub: "ann",
  };
  assert.equal(verdictOf(index, { claims, header: {} }).outcome, "killed");
  assert.equal(verdictOf(index, { claims: { ...claims, iat: claims.iat + 1 }, header: {} }).outcome, "allow");
});

test("a horizon that is no seq is denied by every cutoff", () => {
  const record: RevocationRecord = {
    seq: 1,
    scope: "issuer",
    mode: "kill",
    reason: "possible_loss",
    key: keySpace.keyOf("issuer", undefined),
    revokedAt: START_SECONDS,
    expiresAt: START_SECONDS + 630,
  };
  for (const rv of [Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY, 2 ** 60]) {
    const claims = { iss: "issuer", iat: START_SECONDS + 100, exp: START_SECONDS + 300, rv };
    assert.equal(verdictOf(indexOf([record]), { claims, header: {} }).outcome, "killed", String(rv));
  }
});

test("the greatest seq there is keeps its order", () => {
  const record: RevocationRecord = {
    seq: Number.MAX_SAFE_INTEGER,
    scope: "subject",
    mode: "kill",
    reason: "banned",
    key: keySpace.keyOf("subject", "ann"),
    revokedAt: 0xffff_ffff,
    expiresAt: 0xffff_ffff,
  };
  const claims = { iss: "issuer", iat: START_SECONDS, exp: START_SECONDS + 300, sub: "ann" };
  const outcome = (rv: number) =>
    verdictOf(indexOf([record]), { claims: { ...claims, rv }, header: {} }).outcome;
  assert.equal(outcome(Number.MAX_SAFE_INTEGER - 1), "killed");
  assert.equal(outcome(Number.MAX_SAFE_INTEGER), "allow");
});

test("half a batch is never applied", () => {
  const good = encodeRecords([
    {
      seq: 1,
      scope: "session",
      mode: "kill",
      reason: "kicked",
      key: new Uint8Array(16),
      revokedAt: START_SECONDS,
      expiresAt: START_SECONDS + 630,
    },
  ]);
  for (const [at, value, code] of [
    [8, 0, "malformed_records"],
    [8, 14, "unknown_record"],
    [8, 255, "unknown_record"],
    [9, 0, "malformed_records"],
    [9, 3, "unknown_record"],
    [0, 0x20, "malformed_records"],
  ] as const) {
    const bad = good.slice();
    bad[at] = value;
    const index = indexOf([]);
    assert.throws(() => index.applyEncoded(Buffer.concat([good, bad])), { code });
    assert.deepEqual(index.statistics().membership, 0);
  }
  const index = indexOf([]);
  assert.throws(() => index.applyEncoded(good.subarray(0, 39)), { code: "malformed_records" });
  assert.throws(() => index.apply({ ...sample, key: new Uint8Array(15) }), { code: "malformed_records" });
  const unknownReason = good.slice();
  unknownReason[10] = 200;
  index.applyEncoded(unknownReason);
  const claims = { iss: "issuer", iat: START_SECONDS, exp: START_SECONDS + 1, sid: "A".repeat(22) };
  assert.deepEqual(verdictOf(index, { claims, header: {} }), {
    outcome: "killed",
    scope: "session",
    reason: "revoked",
  });
});

const sample: RevocationRecord = {
  seq: 1,
  scope: "session",
  mode: "kill",
  reason: "kicked",
  key: new Uint8Array(16),
  revokedAt: START_SECONDS,
  expiresAt: START_SECONDS + 630,
};
