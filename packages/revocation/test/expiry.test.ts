import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeIdentifier, encodeRecords, type RevocationRecord } from "@portcullis/protocol";
import { createKeySpace, RevocationIndex } from "@portcullis/revocation";
import fc from "fast-check";
import { LIFETIME_SECONDS, SKEW_SECONDS, START_SECONDS } from "./memory-log.ts";

const keySpace = createKeySpace(new Uint8Array(32));
const SPAN = LIFETIME_SECONDS + SKEW_SECONDS;

function clockedIndex(clock = { wall: START_SECONDS, monotonic: 0 }) {
  const index = new RevocationIndex({
    tokenLifetimeSeconds: LIFETIME_SECONDS,
    clockSkewSeconds: SKEW_SECONDS,
    clock: { wallMs: () => clock.wall * 1000, monotonicMs: () => clock.monotonic * 1000 },
  });
  const pass = (seconds: number) => {
    clock.wall += seconds;
    clock.monotonic += seconds;
  };
  return { index, clock, pass };
}

function keyOf(value: number): Uint8Array {
  const key = new Uint8Array(16).fill(3);
  new DataView(key.buffer).setUint32(4, value);
  return key;
}

function record(value: number, draft: Partial<RevocationRecord> = {}): RevocationRecord {
  const revokedAt = draft.revokedAt ?? START_SECONDS;
  return {
    seq: value + 1,
    scope: "session",
    mode: "kill",
    reason: "kicked",
    key: keyOf(value),
    revokedAt,
    expiresAt: revokedAt + SPAN,
    ...draft,
  };
}

function outcome(
  index: RevocationIndex,
  claims: { sid?: string; jti?: string; sub?: string; exp?: number },
): string {
  const at = keySpace.coordinatesOf(
    { iss: "i", iat: START_SECONDS, exp: START_SECONDS + 300, rv: 0, ...claims },
    {},
  );
  return index.verdict(at).outcome;
}

const session = (value: number) => ({ sid: encodeIdentifier(keyOf(value)) });

test("the memory of what has expired is given back", () => {
  const { index, pass } = clockedIndex();
  for (let value = 0; value < 5000; value++) index.apply(record(value));
  const full = index.statistics();
  assert.equal(full.membership, 5000);
  pass(SPAN + 1);
  index.expire();
  assert.equal(index.statistics().membership, 0);
  assert.ok(index.statistics().bytes < full.bytes / 10);
});

test("verdicts alone give it back too", () => {
  const { index, pass } = clockedIndex();
  index.apply(record(1));
  pass(SPAN + 1);
  for (let asked = 0; asked < 5000; asked++) outcome(index, session(2));
  assert.equal(index.statistics().membership, 0);
});

test("a steady flow of records is kept in two spans, and none is dropped while it lives", () => {
  const { index, clock, pass } = clockedIndex();
  const step = 10;
  for (let value = 0; value * step < SPAN * 6; value++) {
    index.apply(record(value, { revokedAt: clock.wall }));
    const oldest = Math.max(0, Math.ceil(value - SPAN / step));
    for (let living = oldest; living <= value; living++) {
      assert.equal(outcome(index, session(living)), "killed", `${living} at ${value}`);
    }
    pass(step);
  }
  assert.ok(index.statistics().membership <= (2 * SPAN) / step + 2);
});

test("a record that lives long holds its generation up, and is not dropped", () => {
  const { index, clock, pass } = clockedIndex();
  index.apply(record(0, { expiresAt: START_SECONDS + 20 * SPAN }));
  for (let value = 1; value < 19; value++) {
    pass(SPAN);
    index.apply(record(value, { revokedAt: clock.wall }));
    assert.equal(outcome(index, session(0)), "killed");
  }
  pass(3 * SPAN);
  index.expire();
  assert.equal(index.statistics().membership, 0);
});

test("token records live in the stretch of their exp, and go with it", () => {
  const { index, pass } = clockedIndex();
  for (let value = 0; value < 60; value++) {
    const exp = START_SECONDS + 10 * value;
    index.apply(record(value, { scope: "token", tokenExpiresAt: exp, expiresAt: exp + SKEW_SECONDS }));
  }
  const token = (value: number) => ({ jti: encodeIdentifier(keyOf(value)), exp: START_SECONDS + 10 * value });
  for (let value = 0; value < 60; value++) assert.equal(outcome(index, token(value)), "killed");
  pass(300);
  index.expire();
  const left = index.statistics().membership;
  assert.ok(left >= 33 && left <= 42, `${left} left of 33 that live`);
  for (let value = 27; value < 60; value++) assert.equal(outcome(index, token(value)), "killed");
  pass(400);
  index.expire();
  assert.equal(index.statistics().membership, 0);
});

test("a token record without an exp covers its token, whatever that expires at", () => {
  const { index } = clockedIndex();
  index.apply(record(1, { scope: "token" }));
  for (const exp of [START_SECONDS + 1, START_SECONDS + 599, START_SECONDS + 0.5]) {
    assert.equal(outcome(index, { jti: encodeIdentifier(keyOf(1)), exp }), "killed");
  }
});

test("more stretches of exp than there are buckets lose nothing", () => {
  const { index } = clockedIndex();
  const exp = (value: number) => START_SECONDS + value * 10_000;
  for (let value = 0; value < 300; value++) {
    index.apply(
      record(value, { scope: "token", tokenExpiresAt: exp(value), expiresAt: exp(value) + SKEW_SECONDS }),
    );
  }
  for (let value = 0; value < 300; value++) {
    assert.equal(outcome(index, { jti: encodeIdentifier(keyOf(value)), exp: exp(value) }), "killed");
  }
});

test("a wall clock that jumps ahead, and back, loses no live record", () => {
  const { index, clock, pass } = clockedIndex();
  index.apply(record(1));
  index.apply(record(2, { scope: "subject", key: keySpace.keyOf("subject", "ann") }));
  index.apply(
    record(3, { scope: "token", tokenExpiresAt: START_SECONDS + 300, expiresAt: START_SECONDS + 330 }),
  );
  clock.wall += 86_400;
  for (let value = 10; value < 20; value++) index.apply(record(value));
  index.expire();
  clock.wall -= 86_400;
  pass(60);
  index.expire();
  assert.equal(outcome(index, session(1)), "killed");
  assert.equal(outcome(index, { sub: "ann" }), "killed");
  assert.equal(outcome(index, { jti: encodeIdentifier(keyOf(3)) }), "killed");
});

test("a wall clock that is slow keeps a record until it says that it has expired", () => {
  const { index, clock } = clockedIndex();
  index.apply(record(1));
  clock.monotonic += SPAN * 3;
  clock.wall += SPAN - 1;
  index.expire();
  assert.equal(outcome(index, session(1)), "killed");
});

test("under any flow of records and time nothing is dropped while it lives, and all of it in the end", () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant("pass" as const), seconds: fc.integer({ min: 1, max: 900 }) }),
    fc.record({
      type: fc.constant("apply" as const),
      kind: fc.constantFrom("session" as const, "token" as const, "subject" as const),
      life: fc.integer({ min: 1, max: 2000 }),
      age: fc.integer({ min: 0, max: 100 }),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { index, clock, pass } = clockedIndex();
      const all: { value: number; kind: string; expiresAt: number }[] = [];
      for (const [value, one] of steps.entries()) {
        if (one.type === "pass") pass(one.seconds);
        else {
          const revokedAt = clock.wall - one.age;
          const expiresAt = clock.wall + one.life;
          const key = one.kind === "subject" ? keySpace.keyOf("subject", `s${value}`) : keyOf(value);
          const withExp = one.kind === "token" ? { tokenExpiresAt: expiresAt } : {};
          const encoded = encodeRecords([
            record(value, { scope: one.kind, key, revokedAt, expiresAt, ...withExp }),
          ]);
          index.applyEncoded(encoded);
          all.push({ value, kind: one.kind, expiresAt });
        }
        index.expire();
        for (const { value: living, kind, expiresAt } of all) {
          if (expiresAt < clock.wall) continue;
          const claims =
            kind === "subject"
              ? { sub: `s${living}` }
              : kind === "session"
                ? session(living)
                : { jti: encodeIdentifier(keyOf(living)), exp: expiresAt };
          assert.equal(outcome(index, claims), "killed");
        }
      }
      pass(10_000);
      index.expire();
      index.expire();
      assert.equal(index.statistics().membership + index.statistics().cutoffs, 0);
    }),
    { numRuns: 200 },
  );
});

test("a refused key stays refused, however long the replica hears nothing, and gives no session a longer life", () => {
  const { index, pass } = clockedIndex();
  const kid = keySpace.keyOf("key", "stolen");
  const thumbprint = keySpace.keyOf("dpop-key", "bound");
  index.apply(record(1, { scope: "key", key: kid, reason: "key_retired" }));
  index.apply(record(2, { scope: "dpop-key", key: thumbprint }));
  index.apply(record(3));
  for (let day = 0; day < 30; day++) {
    pass(86_400);
    index.expire();
    index.apply(record(100 + day, { revokedAt: START_SECONDS + (day + 1) * 86_400 }));
  }
  const claims = { iss: "i", iat: 0, exp: START_SECONDS + 400 * 86_400, rv: Number.MAX_SAFE_INTEGER };
  const signed = index.verdict(keySpace.coordinatesOf(claims, { kid: "stolen" }));
  const bound = index.verdict(keySpace.coordinatesOf({ ...claims, cnf: { jkt: "bound" } }, {}));
  assert.deepEqual([signed.outcome, bound.outcome], ["killed", "killed"]);
  assert.equal(outcome(index, session(3)), "allow");
});
