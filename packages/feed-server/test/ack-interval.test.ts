import assert from "node:assert/strict";
import test from "node:test";
import { leaseResponseSchema } from "@portcullis/protocol";
import { ackIntervalFor } from "../src/ack-interval.ts";

test("acknowledgements of all verifiers together stay below 4,000 a second, as far as the wire form goes", () => {
  for (const leases of [20, 400, 3999, 4000]) {
    assert.equal((leases * 1000) / ackIntervalFor(leases).ackIntervalMs!, 4000, `${leases} leases`);
  }
  const many = { incarnation: "i", head: 0, leaseMs: 1, ...ackIntervalFor(100_000) };
  assert.equal(leaseResponseSchema.parse(many).ackIntervalMs, 1000);
});

test("a few verifiers are not held back", () => {
  assert.deepEqual(ackIntervalFor(19), {});
});
