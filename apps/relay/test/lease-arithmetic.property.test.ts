import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { passOnLease } from "../src/leases/pass-on-lease.ts";
import { LeaseModel, type ModelSettings, type Step } from "./support/lease-model.ts";

const drift = fc.oneof(fc.constantFrom(-500, 500), fc.integer({ min: -500, max: 500 }));
const delay = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 2500 }));
const atOnceOr = (max: number) => fc.oneof(fc.constant(0), fc.nat(max));
const who = fc.nat(1);
const call = { thereMs: delay, backMs: delay, lost: fc.integer({ min: 0, max: 9 }).map((n) => n === 0) };
const pause = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 1500 }));

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant("commit" as const), afterMs: pause }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("relay applies" as const), afterMs: pause }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("relay asks" as const), afterMs: pause, ...call }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("verifier applies" as const), afterMs: pause, who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("verifier restarts" as const), afterMs: pause, who }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("verifier asks" as const), afterMs: pause, who, ...call }),
  },
);
const settings: fc.Arbitrary<ModelSettings> = fc.record({
  driftsPpm: fc.tuple(drift, drift, drift, drift),
  relayLeaseMs: fc.integer({ min: 1000, max: 8000 }),
  verifierLeaseMs: fc.integer({ min: 500, max: 8000 }),
});

test("whatever is delayed, lost or drifts: no receipt is given that somebody below may still break", () => {
  let allowed = 0;
  fc.assert(
    fc.property(settings, fc.array(step, { minLength: 10, maxLength: 60 }), (chosen, steps) => {
      const model = new LeaseModel(chosen);
      model.run(steps);
      allowed += model.allowed;
    }),
    { numRuns: 3000 },
  );
  assert.ok(allowed > 1000, "verifiers were allowed something, too");
});

test("a right that is passed on any number of times ends before the first server stops waiting for it", () => {
  const hop = fc.record({ ppm: drift, heldMs: atOnceOr(500), wireMs: atOnceOr(20) });
  fc.assert(
    fc.property(
      fc.integer({ min: 1000, max: 60_000 }),
      drift,
      fc.array(hop, { minLength: 2, maxLength: 5 }),
      (leaseMs, serverPpm, hops) => {
        // Real time 0: the first relay asks, and the server hears it at once, which is its earliest.
        const counted = leaseMs * 1.001;
        const serverEnds = counted / (1 + serverPpm / 1e6);
        let right: { readonly ageMs: number; readonly leaseMs: number } | undefined = { ageMs: 0, leaseMs };
        let [askedAt, now] = [0, 0];
        for (const { ppm, heldMs, wireMs } of hops) {
          const rate = 1 + ppm / 1e6;
          now += wireMs + heldMs;
          right = passOnLease(
            { ageMs: right.ageMs + (now - askedAt) * rate, leaseMs: right.leaseMs },
            60_000,
          );
          if (right === undefined) return;
          askedAt = now;
        }
        // The last is a verifier with the fastest or slowest clock, which counts from when it asked.
        for (const ppm of [-500, 500]) {
          const end: number = askedAt + (right.leaseMs - right.ageMs) / (1 + ppm / 1e6);
          assert.ok(end < serverEnds, `${end} and ${serverEnds}`);
        }
      },
    ),
    { numRuns: 2000 },
  );
});
