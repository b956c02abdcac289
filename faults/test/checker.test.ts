import assert from "node:assert/strict";
import { test } from "node:test";
import type { Observation, Token } from "../checker/words.ts";
import { checkerAt, LEASE_MS, liveToken, receipt, sentFor } from "./world.ts";

function answer(token: Token, given: Partial<Observation>): Observation {
  return { gateway: "gateway-1", token, sentAt: 0, answeredAt: 0, status: 200, reason: undefined, ...given };
}

test("a 200 to a request sent after the receipt `enforced` is a violation, and one sent before is not", () => {
  const { checker } = checkerAt({ monotonic: 100 });
  const token = liveToken();
  checker.acknowledged(sentFor(token), receipt("enforced"));
  checker.observe(answer(token, { sentAt: 99, answeredAt: 150 }));
  assert.deepEqual(checker.violations, []);
  checker.observe(answer(token, { sentAt: 101, answeredAt: 150 }));
  assert.deepEqual(
    checker.violations.map(({ rule }) => rule),
    ["accepted after its receipt"],
  );
});

test("a pending revocation is held to its `enforcedBy`", () => {
  const { checker } = checkerAt({ monotonic: 100, wall: Date.parse("2026-03-01T12:00:00.000Z") });
  const token = liveToken();
  checker.acknowledged(sentFor(token), receipt("pending", "2026-03-01T12:00:01.000Z"));
  checker.observe(answer(token, { sentAt: 1090 }));
  assert.equal(checker.violationCount, 0);
  checker.observe(answer(token, { sentAt: 1110 }));
  assert.equal(checker.violationCount, 1);
});

test("whatever `enforcedBy` says, the end of the last lease is the bound", () => {
  for (const enforcedBy of ["2030-01-01T00:00:00.000Z", undefined]) {
    const { checker } = checkerAt({ monotonic: 100, wall: Date.parse("2026-03-01T12:00:00.000Z") });
    const token = liveToken();
    checker.acknowledged(sentFor(token), receipt("pending", enforcedBy));
    checker.observe(answer(token, { sentAt: 100 + LEASE_MS }));
    assert.equal(checker.violationCount, 0);
    checker.observe(answer(token, { sentAt: 120 + LEASE_MS }));
    assert.equal(checker.violationCount, 1);
  }
});

test("while a server's clock is wrong its `enforcedBy` says nothing", () => {
  const { checker } = checkerAt({ monotonic: 100, wall: Date.parse("2026-03-01T12:00:00.000Z") });
  checker.allowances = { ignoreEnforcedBy: true };
  const token = liveToken();
  checker.acknowledged(sentFor(token), receipt("pending", "2026-02-28T12:00:00.000Z"));
  checker.observe(answer(token, { sentAt: 2000 }));
  assert.equal(checker.violationCount, 0);
});

test("nothing is claimed of an unanswered revocation, except that a denial is never taken back", () => {
  const { checker } = checkerAt({ monotonic: 100 });
  const token = liveToken();
  checker.unanswered(sentFor(token));
  checker.observe(answer(token, { sentAt: 10_000 }));
  checker.observe(answer(token, { sentAt: 10_001, answeredAt: 10_002, status: 401, reason: "revoked" }));
  checker.observe(answer(token, { sentAt: 10_001 }));
  checker.observe(answer(token, { gateway: "gateway-2", sentAt: 10_010 }));
  assert.equal(checker.violationCount, 0);
  checker.observe(answer(token, { sentAt: 10_010 }));
  assert.deepEqual(
    checker.violations.map(({ rule }) => rule),
    ["accepted after a denial"],
  );
});

test("an outage is 503: a 401 for a token that nobody revoked is a violation", () => {
  const { checker } = checkerAt({ monotonic: 100 });
  checker.observe(answer(liveToken(), { status: 503 }));
  assert.equal(checker.violationCount, 0);
  checker.observe(answer(liveToken(), { status: 401 }));
  assert.deepEqual(
    checker.violations.map(({ rule }) => rule),
    ["live token refused"],
  );
});

test("a gateway whose clock is wrong may find a live token expired, and never revoked", () => {
  const { checker } = checkerAt({ monotonic: 100 });
  checker.allowances = { wrongClockAt: "gateway-1" };
  checker.observe(answer(liveToken(), { status: 401 }));
  assert.equal(checker.violationCount, 0);
  checker.observe(answer(liveToken(), { status: 401, reason: "revoked" }));
  checker.observe(answer(liveToken(), { status: 401, gateway: "gateway-2" }));
  assert.equal(checker.violationCount, 2);
});

test("all violations are counted, and the first of them told", () => {
  const { checker } = checkerAt({ monotonic: 100 });
  for (let count = 0; count < 50; count++) checker.observe(answer(liveToken(), { status: 401 }));
  assert.equal(checker.violationCount, 50);
  assert.equal(checker.violations.length, 20);
});
