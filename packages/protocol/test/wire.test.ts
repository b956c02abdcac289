import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatCursor,
  formatReceiptHeader,
  isMembership,
  leaseRequestSchema,
  MODE_CODES,
  parseCursor,
  parsePreferWait,
  REASON_CODES,
  revocationRequestSchema,
  SCOPE_CODES,
} from "../src/index.ts";

test("reads Prefer: wait as RFC 7240 writes it", () => {
  const cases: [string | undefined, number | undefined][] = [
    [undefined, undefined],
    ["wait=2", 2],
    ["respond-async, wait=10", 10],
    ['WAIT="3"', 3],
    ["wait = 5; foo=bar", 5],
    ["wait=2.5", undefined],
    ["wait=-1", undefined],
    ["await=2", undefined],
    ["wait=999999", undefined],
  ];
  for (const [header, expected] of cases) assert.equal(parsePreferWait(header), expected, String(header));
});

test("a cursor survives its header, and nonsense is no cursor", () => {
  assert.deepEqual(parseCursor(formatCursor("a_B-9", 12)), { incarnation: "a_B-9", seq: 12 });
  for (const text of ["", ":1", "a:", "a:-1", "a:1:2", "a b:1", "a:99999999999999999"]) {
    assert.equal(parseCursor(text), undefined, text);
  }
});

test("stale is a cutoff whatever the scope, kill is membership where the thing itself dies", () => {
  assert.equal(isMembership("session", "kill"), true);
  assert.equal(isMembership("key", "kill"), true);
  assert.equal(isMembership("session", "stale"), false);
  assert.equal(isMembership("subject", "kill"), false);
});

test("wire codes are distinct, fit a byte, and leave 0 free", () => {
  for (const codes of [SCOPE_CODES, MODE_CODES, REASON_CODES]) {
    const values = Object.values(codes);
    assert.equal(new Set(values).size, values.length);
    assert.ok(values.every((value) => value > 0 && value < 256));
  }
});

test("a request to revoke takes the key that its scope has, and nothing else", () => {
  const accepted = [
    { scope: "session", key: "s" },
    { scope: "token", key: "t", exp: 12 },
    { scope: "subject-client", key: { subject: "u", client: "c" }, mode: "stale" },
    { scope: "issuer", reason: "possible_loss" },
  ];
  const refused = [
    { scope: "session" },
    { scope: "session", key: { subject: "u", client: "c" } },
    { scope: "session", key: ["s"] },
    { scope: "subject-client", key: "u" },
    { scope: "issuer", key: "all" },
    { scope: "everything", key: "x" },
    { scope: "session", key: "s", mode: "pause" },
    { scope: "session", key: "s", reason: "because" },
    { scope: "session", key: "s", surprise: true },
    { scope: "session", key: "" },
  ];
  for (const body of accepted)
    assert.ok(revocationRequestSchema.safeParse(body).success, JSON.stringify(body));
  for (const body of refused)
    assert.ok(!revocationRequestSchema.safeParse(body).success, JSON.stringify(body));
});

test("a replica's name cannot break a log line", () => {
  const request = { secret: "s".repeat(43), incarnation: "i", applied: 0, leaseMs: 5000 };
  assert.ok(leaseRequestSchema.safeParse({ ...request, replica: "gateway-1@host.7f" }).success);
  for (const replica of ["", "a b", "a\nb", "x".repeat(101)]) {
    assert.ok(!leaseRequestSchema.safeParse({ ...request, replica }).success);
  }
});

test("the receipt header is an RFC 8941 dictionary", () => {
  const receipt = { seq: 3, state: "enforced", acked: 2, leased: 2, elapsedMs: 1.5 } as const;
  assert.equal(formatReceiptHeader(receipt), "seq=3, state=enforced, acked=2, leased=2");
});
