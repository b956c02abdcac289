/** Mistakes in what a verifier does: token, verdict, replica, lease, guard. */
import type { Mutant } from "./mutant.ts";

const HELD_LOG = "packages/revocation/src/replica/held-log.ts";
const LEASE_KEEPER = "packages/revocation/src/replica/lease-keeper.ts";
const CHECK_BATCH = "packages/revocation/src/replica/check-batch.ts";
const LOOKUP = "packages/revocation/src/revocation-lookup.ts";
const REPLICA_TESTS = [
  "replica.test.ts",
  "lease.test.ts",
  "replica-faults.property.test.ts",
  "integrity.property.test.ts",
].map((name) => `packages/revocation/test/${name}`);
const VERDICT_TESTS = ["verdict.property.test.ts", "index-oracle.property.test.ts"].map(
  (name) => `packages/revocation/test/${name}`,
);

export const VERIFIER_MUTANTS: readonly Mutant[] = [
  {
    name: "ack-before-apply",
    says: "a batch is acknowledged before the index holds it: a receipt says what is not yet so",
    file: HELD_LOG,
    edits: [
      [`    index.applyEncoded(fresh.records);\n`, ""],
      [
        `    this.#reach(fresh.to, fresh.chain, fresh.signedHead);\n    return true;`,
        `    this.#reach(fresh.to, fresh.chain, fresh.signedHead);
    setTimeout(() => index.applyEncoded(fresh.records), 50);
    return true;`,
      ],
    ],
    tests: REPLICA_TESTS,
  },
  {
    name: "ack-before-all-threads-see",
    says: "a batch is acknowledged before every thread of the process can see it",
    file: "packages/revocation/src/threads/sharing.ts",
    edits: [
      [
        `        this.#publisher.publish();\n        await given.visible?.();`,
        `        setImmediate(() => this.#publisher.publish());\n        await given.visible?.();`,
      ],
    ],
    tests: ["packages/revocation/test/threads/threads.test.ts"],
  },
  {
    name: "lease-from-receipt",
    says: "the lease counts from the answer and not from the request: it outlives the server's view of it",
    file: LEASE_KEEPER,
    edits: [[`this.#take(answer, askedAt, position)`, `this.#take(answer, clock.monotonicMs(), position)`]],
    tests: REPLICA_TESTS,
  },
  {
    name: "relay-age-ignored",
    says: "the age that a relay adds is not counted: a verifier below it seems fresher than it is",
    file: LEASE_KEEPER,
    edits: [[`askedAt: askedAt - ageMs,`, `askedAt: askedAt - 0 * ageMs,`]],
    tests: ["packages/revocation/test/lease.test.ts", "apps/relay/test/lease-arithmetic.property.test.ts"],
  },
  {
    name: "fresh-without-the-named-head",
    says: "a lease answer counts though the index does not hold the head that it named",
    file: LEASE_KEEPER,
    edits: [[`if (answer.head > position.applied) continue;`, ``]],
    tests: REPLICA_TESTS,
  },
  {
    name: "one-scope-overrides-another",
    says: "the first scope that has no record decides: a revoked session hides behind a token that is not",
    file: LOOKUP,
    edits: [
      [
        `      if (reason !== 0) return denial(0, scope, reason);\n`,
        `      return reason === 0 ? undefined : denial(0, scope, reason);\n`,
      ],
    ],
    tests: VERDICT_TESTS,
  },
  {
    name: "cutoff-by-time",
    says: "a cutoff is judged by the second in which a token was issued: one issued in the second of the revocation lives",
    file: LOOKUP,
    edits: [[`        : at.horizon < match.seq;`, `        : at.issuedAt < match.revokedAt;`]],
    tests: VERDICT_TESTS,
  },
  {
    name: "cached-allow",
    says: "a token that was allowed once is allowed while it is remembered, without asking for the verdict again",
    file: "packages/guard/src/steps.ts",
    edits: [
      [
        `StepContext): Verdict =>\n  revocations.verdict(entry!.mark.coordinates);\n`,
        `StepContext): Verdict => {
  const seen = (revocations as { seen?: WeakSet<object> });
  seen.seen ??= new WeakSet();
  if (seen.seen.has(entry!)) return { outcome: "allow" };
  const verdict = revocations.verdict(entry!.mark.coordinates);
  if (verdict.outcome === "allow") seen.seen.add(entry!);
  return verdict;
};\n`,
      ],
    ],
    tests: ["packages/guard/test/guard.test.ts"],
  },
  {
    name: "freshness-forgotten",
    says: "an allow is given however old the replica is",
    file: "packages/guard/src/steps.ts",
    edits: [
      [
        `  request.unconfirmed = !confirmed;\n  return confirmed ||`,
        `  request.unconfirmed = !confirmed;\n  return true ||`,
      ],
    ],
    tests: ["packages/guard/test/guard.test.ts", "packages/guard/test/freshness.test.ts"],
  },
  {
    name: "lease-outlived",
    says: "a route that accepts an old replica accepts it past its lease, when receipts no longer wait for it",
    file: "packages/guard/src/steps.ts",
    edits: [[`ageMs <= maxAgeMs && ageMs <= leaseMs`, `ageMs <= maxAgeMs && leaseMs > 0`]],
    tests: ["packages/guard/test/guard.test.ts", "packages/guard/test/freshness.test.ts"],
  },
  {
    name: "gap-accepted",
    says: "a batch that does not follow on what was applied is applied: what lies between is missed",
    file: CHECK_BATCH,
    edits: [[`if (from !== prev + 1 || prev > at.seq) {`, `if (from !== prev + 1) {`]],
    tests: REPLICA_TESTS,
  },
  {
    name: "chain-unchecked",
    says: "a record that was changed on the way is believed",
    file: CHECK_BATCH,
    edits: [[`if (value !== chain) throw`, `if (value === "") throw`]],
    tests: REPLICA_TESTS,
  },
  {
    name: "signature-unchecked",
    says: "whoever can write to Redis can invent revocations and hide them",
    file: CHECK_BATCH,
    edits: [
      [
        `if (verifyHead === undefined) return undefined;`,
        `if (verifyHead === undefined || jws !== undefined) return undefined;`,
      ],
    ],
    tests: REPLICA_TESTS,
  },
  {
    name: "rolled-back-snapshot",
    says: "an older snapshot replaces a newer index: what came since is forgotten",
    file: HELD_LOG,
    edits: [[`if (isSameLog && head < this.#applied) {`, `if (isSameLog && head < 0) {`]],
    tests: REPLICA_TESTS,
  },
  {
    name: "keys-that-rotate-away",
    says: "a verifier that was cut off for long forgets a refused key with the tokens of its time",
    file: "packages/revocation/src/revocation-index.ts",
    edits: [[`if (((1 << record.scope) & STANDING_SCOPES) !== 0) return this.#keys;`, ""]],
    tests: ["packages/revocation/test/expiry.test.ts"],
  },
  {
    name: "pair-without-its-other-half",
    says: "a user who is cut off from one API is cut off from all",
    file: "packages/revocation/src/coordinates.ts",
    edits: [
      [
        `return xor(hashOf("subject", key.subject), hashOf(PAIR_SCOPES[scope], other));`,
        `return hashOf("subject", key.subject);`,
      ],
    ],
    tests: ["packages/revocation/test/coordinates.test.ts", ...VERDICT_TESTS],
  },
  {
    name: "pair-without-its-subject",
    says: "one user who is cut off from an API takes all others with him",
    file: "packages/revocation/src/coordinates.ts",
    edits: [
      [
        `return xor(hashOf("subject", key.subject), hashOf(PAIR_SCOPES[scope], other));`,
        `return hashOf(PAIR_SCOPES[scope], other);`,
      ],
    ],
    tests: ["packages/revocation/test/coordinates.test.ts", ...VERDICT_TESTS],
  },
  {
    name: "only-the-first-audience",
    says: "a token for several APIs lives on when its user is cut off from the second",
    file: "packages/revocation/src/coordinates.ts",
    edits: [
      [
        `for (const audience of audiences) addPair("subject-audience", audience);`,
        `addPair("subject-audience", audiences[0]);`,
      ],
    ],
    tests: VERDICT_TESTS,
  },
  {
    name: "unknown-record-keeps-the-lease",
    says: "a verifier that cannot read a record goes on allowing until its lease runs out",
    file: "packages/revocation/src/replica/feed-replica.ts",
    edits: [
      [
        `    this.#announcer.reportError("outdated", error);
    this.#loseLease();
`,
        `    this.#announcer.reportError("outdated", error);
`,
      ],
    ],
    tests: ["packages/revocation/test/unknown-records.test.ts"],
  },
  {
    name: "unknown-record-before-its-proof",
    says: "whoever carries the stream ends the leases of all by a record that nobody signed",
    file: CHECK_BATCH,
    edits: [
      [
        `  const unknownAt = firstUnknown(batch.records);
`,
        `  const unknownAt = firstUnknown(batch.records);
  checkAllKnown(batch.records, unknownAt);
`,
      ],
    ],
    tests: ["packages/revocation/test/unknown-records.test.ts"],
  },
  {
    name: "requests-under-way-not-told",
    says: "a body goes on being passed to a service after the receipt",
    file: "packages/revocation/src/replica/held-log.ts",
    edits: [
      [
        `    index.applyEncoded(fresh.records);\n    this.#options.onVerdicts();\n`,
        `    index.applyEncoded(fresh.records);\n`,
      ],
    ],
    tests: ["packages/revocation/test/replica.test.ts"],
  },
  {
    name: "no-clock-check",
    says: "a verifier whose clock is slow lets in an expired token whose revocation was pruned",
    file: "packages/guard/src/steps.ts",
    edits: [[`  if (freshness.isClockOff === true) return deny(realm, "clock_off");\n`, ""]],
    tests: [
      "apps/auth-server/test/revocations/verifiers/slow-verifier.test.ts",
      "apps/gateway/test/authentication.test.ts",
    ],
  },
  {
    name: "empty-jwks-counts",
    says: "a JWKS without a usable key wipes good keys, and every token is refused with 401",
    file: "packages/access-token/src/remote-key-source.ts",
    edits: [["if (keys.size === 0) {", "if (keys.size < 0) {"]],
    tests: ["packages/access-token/test/remote-key-source.test.ts"],
  },
  {
    name: "unknown-by-an-old-fetch",
    says: "a key is called unknown by a fetch that began before its token came, so that a rotated key is refused with 401",
    file: "packages/access-token/src/remote-key-source.ts",
    edits: [
      [
        `    await this.#fetchFromNow();\n`,
        `    if (this.#keys === undefined) await this.#fetchFromNow();\n`,
      ],
    ],
    tests: ["packages/access-token/test/remote-key-source.test.ts"],
  },
  {
    name: "old-reading-of-the-clock",
    says: "a request under way is cut by a reading of the wall clock as old as the last request",
    file: "packages/guard/src/steps.ts",
    edits: [
      [
        "confirmedAt(wallSecondsOf(context.clock), request, context)",
        "confirmedAt(context.clock.lastMs / 1000, request, context)",
      ],
    ],
    tests: ["packages/guard/test/in-flight.test.ts"],
  },
];
