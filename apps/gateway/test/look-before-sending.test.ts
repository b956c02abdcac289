import assert from "node:assert/strict";
import { test } from "node:test";
import type { Exchange } from "../src/exchange.ts";
import { lookBeforeSending } from "../src/steps/recheck.ts";

const NOW = 1_800_000_000;
const look = lookBeforeSending({ wallMs: () => NOW * 1000 });
const on = (fields: Partial<Exchange>): Exchange => ({ identityExpiresAt: NOW + 1, ...fields }) as Exchange;

test("a request whose transaction token ended while its connection opened is not sent", () => {
  assert.equal(look(on({})), undefined);
  for (const identityExpiresAt of [NOW, NOW - 1]) {
    const answer = look(on({ identityExpiresAt }));
    assert.equal(`${answer?.status} ${answer?.code}`, "504 upstream_timeout");
  }
});

test("what the guard says comes first, and is told as it says it", () => {
  const denial = { outcome: "deny", code: "expired_token", status: 401, headers: {}, body: {} };
  const decision = { recheck: () => denial } as unknown as Exchange["decision"];
  const answer = look(on({ decision, identityExpiresAt: NOW - 1 }));
  assert.equal(`${answer?.status} ${answer?.code}`, "401 expired_token");
});
