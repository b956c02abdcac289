import assert from "node:assert/strict";
import { test } from "node:test";
import { startWorld } from "./support/world.ts";

const limit = { timeout: 60_000 };

test("what is revoked above is enforced below before the receipt says so", limit, async (t) => {
  const world = await startWorld(t);
  const relay = await world.relay();
  const verifiers = await Promise.all(["a", "b", "c"].map((name) => world.verifier(name, relay.endpoint)));
  const token = `Bearer ${await world.token()}`;
  for (const verifier of verifiers) assert.equal((await verifier.authenticate(token)).outcome, "allow");
  const receipt = await world.revokeService(10);
  // Before anything else gets its turn: the receipt is a promise about this moment.
  const outcomes = await Promise.all(verifiers.map((verifier) => verifier.authenticate(token)));
  for (const decision of outcomes) assert.ok(decision.outcome === "deny" && decision.code === "killed");
  assert.equal(receipt.state, "enforced");
  assert.equal(receipt.leased, 1, "above, the relay is one verifier");
  assert.ok(
    receipt.elapsedMs < 1500,
    `an acknowledgement from below went up at once: ${receipt.elapsedMs} ms`,
  );
  t.diagnostic(`receipt after ${receipt.elapsedMs} ms`);
});
